"""Tests of the log-mel spectrograms of the lip-reading models."""

import numpy as np
import pytest

from avjax.audio.speech_mel import (
    VOCODER_DB_PER_UNIT,
    encoder_mel,
    prepare_vocoder_audio,
    vocoder_mel,
)

FUNCTIONS = [encoder_mel, vocoder_mel]


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(0, 0.1, 6400).astype(np.float32)


def reflected(wave: np.ndarray, sample: int) -> float:
    """Return a sample of a waveform that is reflected at its ends."""
    last = len(wave) - 1
    sample = abs(sample) % (2 * last)
    return wave[min(sample, 2 * last - sample)]


def magnitudes(wave: np.ndarray, frame: int, fft: int) -> np.ndarray:
    """Compute the spectrum of one mel frame from its definition."""
    offsets = np.arange(fft) - fft // 2
    context = np.array([reflected(wave, 160 * frame + offset) for offset in offsets])
    windowed = context * np.sin(np.pi * np.arange(fft) / fft) ** 2
    waves = np.exp(-2j * np.pi * np.outer(np.arange(1 + fft // 2), offsets) / fft)
    return np.abs(waves @ windowed)


def triangle(low: float, middle: float, high: float, fft: int) -> np.ndarray:
    """Compute a triangular filter with these corners in Hz."""
    hz = np.arange(1 + fft // 2) * 16_000 / fft
    return np.interp(hz, [low, middle, high], [0, 1, 0], left=0, right=0)


def reference_encoder_mel(wave: np.ndarray) -> np.ndarray:
    """Published: HTK mels of power, normalised by window energy, standardised."""
    edges = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 82)
    hz = 700 * (10 ** (edges / 2595) - 1)
    energy = np.sum(np.sin(np.pi * np.arange(400) / 400) ** 4)
    decibel = np.zeros((1 + len(wave) // 160, 80))
    for frame in range(len(decibel)):
        power = magnitudes(wave, frame, 400) ** 2 / energy
        for band in range(80):
            x = power @ triangle(*hz[band : band + 3], 400)
            decibel[frame, band] = 10 * np.log10(max(x, 1e-10))
    deviation = np.std(decibel, axis=0, ddof=1)
    return ((decibel - decibel.mean(0)) / deviation)[:-1]


def reference_vocoder_mel(wave: np.ndarray) -> np.ndarray:
    """Slaney mels of magnitude; natural logarithm, 1e-5 to -1 and 1 to +1."""

    def to_mel(hz):
        return hz * 3 / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)

    def to_hz(mel):
        return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    hz = [to_hz(mel) for mel in np.linspace(to_mel(55), to_mel(7500), 82)]
    mel = np.zeros((len(wave) // 160, 80))
    for frame in range(len(mel)):
        magnitude = magnitudes(wave, frame, 640)
        for band in range(80):
            low, middle, high = hz[band : band + 3]
            area = (high - low) / 2
            x = magnitude @ triangle(low, middle, high, 640) / area
            natural = np.log(max(x, 1e-5))
            mel[frame, band] = -1 + 2 * (natural - np.log(1e-5)) / -np.log(1e-5)
    return mel


def test_encoder_mel_matches_direct_computation(noise):
    wave = noise[:1920]
    mel = encoder_mel(wave)
    assert mel.dtype == np.float32
    np.testing.assert_allclose(mel, reference_encoder_mel(wave), atol=1e-4)


def test_vocoder_mel_matches_direct_computation(noise):
    wave = noise[:1920]
    mel = vocoder_mel(wave)
    assert mel.dtype == np.float32
    np.testing.assert_allclose(mel, reference_vocoder_mel(wave), atol=1e-5)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_video_frame_has_four_mel_frames(function, noise):
    for frames in range(11):
        assert function(noise[: 640 * frames]).shape == (4 * frames, 80)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_number_of_mel_frames(function, noise):
    for samples in (0, 1, 2, 159, 160, 161, 200, 319, 399, 401, 641):
        for wave in (noise[:samples], np.zeros(samples, np.float32)):
            mel = function(wave)
            assert mel.shape == (samples // 160, 80)
            assert np.isfinite(mel).all()


def test_silence_is_zero_for_the_encoder_and_minus_one_for_the_vocoder():
    silence = np.zeros(3200, np.float32)
    assert not encoder_mel(silence).any()
    np.testing.assert_allclose(vocoder_mel(silence), -1, atol=1e-6)


def test_block_size_does_not_change_the_result(noise):
    """Spectra are computed block by block."""
    long = np.tile(noise, 27)
    mel = vocoder_mel(long)
    for first in (980, 1000):
        part = long[160 * (first - 2) : 160 * (first + 10)]
        alone = vocoder_mel(part)[2:8]
        np.testing.assert_allclose(mel[first : first + 6], alone, atol=1e-6)


def test_encoder_mel_is_standardized_over_the_clip(noise):
    mel = encoder_mel(np.tile(noise, 20))
    np.testing.assert_allclose(mel.mean(0), 0, atol=0.05)
    np.testing.assert_allclose(mel.std(0), 1, atol=0.05)


def test_vocoder_mel_keeps_the_level_and_encoder_mel_removes_it(noise):
    quiet, loud = noise, 10 * noise
    difference = vocoder_mel(loud) - vocoder_mel(quiet)
    np.testing.assert_allclose(difference * VOCODER_DB_PER_UNIT, 20, atol=1e-3)
    first, second = (encoder_mel(wave) for wave in (quiet, loud))
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_vocoder_audio_is_scaled_then_emphasized(noise):
    prepared = prepare_vocoder_audio(noise)
    scaled = 0.9 * noise / np.abs(noise).max()
    expected = [scaled[i] - 0.97 * scaled[i - 1] for i in range(1, 50)]
    assert prepared.dtype == np.float32 and prepared.shape == noise.shape
    np.testing.assert_allclose(prepared[0], scaled[0], atol=1e-6)
    np.testing.assert_allclose(prepared[1:50], expected, atol=1e-6)
    assert not prepare_vocoder_audio(np.zeros(9, np.float32)).any()
    assert prepare_vocoder_audio(np.zeros(0, np.float32)).shape == (0,)
