"""The mel that lip readers learn by, and the one that speech is made of."""

import numpy as np
import pytest

from avjax.audio import speech_mel as spectrum

FORMS = [spectrum.heard_mel, spectrum.voice_mel]


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(0, 0.1, 6400).astype(np.float32)


def reflected(wave: np.ndarray, sample: int) -> float:
    """The sample of a wave that is mirrored in its first and its last one."""
    last = len(wave) - 1
    sample = abs(sample) % (2 * last)
    return wave[min(sample, 2 * last - sample)]


def magnitudes(wave: np.ndarray, column: int, fft: int) -> np.ndarray:
    """Spectrum of one column, bin by bin, from its definition."""
    offsets = np.arange(fft) - fft // 2
    around = np.array([reflected(wave, 160 * column + offset) for offset in offsets])
    windowed = around * np.sin(np.pi * np.arange(fft) / fft) ** 2
    waves = np.exp(-2j * np.pi * np.outer(np.arange(1 + fft // 2), offsets) / fft)
    return np.abs(waves @ windowed)


def triangle(low: float, middle: float, high: float, fft: int) -> np.ndarray:
    """Height over the bins of a triangle with these corners, Hz."""
    hz = np.arange(1 + fft // 2) * 16_000 / fft
    return np.interp(hz, [low, middle, high], [0, 1, 0], left=0, right=0)


def heard_by_hand(wave: np.ndarray) -> np.ndarray:
    """bridging card: HTK mels of power, window-energy normalised, standardised."""
    edges = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 82)
    hz = 700 * (10 ** (edges / 2595) - 1)
    energy = np.sum(np.sin(np.pi * np.arange(400) / 400) ** 4)
    decibel = np.zeros((1 + len(wave) // 160, 80))
    for column in range(len(decibel)):
        power = magnitudes(wave, column, 400) ** 2 / energy
        for band in range(80):
            x = power @ triangle(*hz[band : band + 3], 400)
            decibel[column, band] = 10 * np.log10(max(x, 1e-10))
    deviation = np.std(decibel, axis=0, ddof=1)
    return ((decibel - decibel.mean(0)) / deviation)[:-1]


def voice_by_hand(wave: np.ndarray) -> np.ndarray:
    """Slaney mels of magnitude; natural log, 1e-5 to -1 and 1 to +1."""

    def to_mel(hz):
        return hz * 3 / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)

    def to_hz(mel):
        return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    hz = [to_hz(mel) for mel in np.linspace(to_mel(55), to_mel(7500), 82)]
    mel = np.zeros((len(wave) // 160, 80))
    for column in range(len(mel)):
        magnitude = magnitudes(wave, column, 640)
        for band in range(80):
            low, middle, high = hz[band : band + 3]
            area = (high - low) / 2
            x = magnitude @ triangle(low, middle, high, 640) / area
            natural = np.log(max(x, 1e-5))
            mel[column, band] = -1 + 2 * (natural - np.log(1e-5)) / -np.log(1e-5)
    return mel


def test_what_is_heard_is_what_a_loop_over_samples_gives(noise):
    wave = noise[:1920]
    mel = spectrum.heard_mel(wave)
    assert mel.dtype == np.float32
    np.testing.assert_allclose(mel, heard_by_hand(wave), atol=1e-4)


def test_what_is_said_is_what_a_loop_over_samples_gives(noise):
    wave = noise[:1920]
    mel = spectrum.voice_mel(wave)
    assert mel.dtype == np.float32
    np.testing.assert_allclose(mel, voice_by_hand(wave), atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_a_frame_of_video_has_four_columns(form, noise):
    for frames in range(11):
        assert form(noise[: 640 * frames]).shape == (4 * frames, 80)


@pytest.mark.parametrize("form", FORMS)
def test_a_wave_of_any_length_has_its_columns(form, noise):
    for samples in (0, 1, 2, 159, 160, 161, 200, 319, 399, 401, 641):
        for wave in (noise[:samples], np.zeros(samples, np.float32)):
            mel = form(wave)
            assert mel.shape == (samples // 160, 80)
            assert np.isfinite(mel).all()


def test_silence_is_heard_as_zero_and_said_as_the_floor():
    silence = np.zeros(3200, np.float32)
    assert not spectrum.heard_mel(silence).any()
    np.testing.assert_allclose(spectrum.voice_mel(silence), -1, atol=1e-6)


def test_a_long_wave_is_its_blocks(noise):
    """Spectra are computed block by block; no column may notice."""
    long = np.tile(noise, 27)
    mel = spectrum.voice_mel(long)
    for first in (980, 1000):
        part = long[160 * (first - 2) : 160 * (first + 10)]
        alone = spectrum.voice_mel(part)[2:8]
        np.testing.assert_allclose(mel[first : first + 6], alone, atol=1e-6)


def test_every_band_is_standardised_over_the_clip(noise):
    mel = spectrum.heard_mel(np.tile(noise, 20))
    np.testing.assert_allclose(mel.mean(0), 0, atol=0.05)
    np.testing.assert_allclose(mel.std(0), 1, atol=0.05)


def test_the_level_is_said_but_not_heard(noise):
    quiet, loud = noise, 10 * noise
    apart = spectrum.voice_mel(loud) - spectrum.voice_mel(quiet)
    np.testing.assert_allclose(apart * spectrum.VOICE_DB_PER_UNIT, 20, atol=1e-3)
    heard = [spectrum.heard_mel(wave) for wave in (quiet, loud)]
    np.testing.assert_allclose(*heard, atol=1e-4)


def test_a_voice_is_prepared_to_one_peak_then_emphasised(noise):
    prepared = spectrum.prepare_voice(noise)
    scaled = 0.9 * noise / np.abs(noise).max()
    expected = [scaled[i] - 0.97 * scaled[i - 1] for i in range(1, 50)]
    assert prepared.dtype == np.float32 and prepared.shape == noise.shape
    np.testing.assert_allclose(prepared[0], scaled[0], atol=1e-6)
    np.testing.assert_allclose(prepared[1:50], expected, atol=1e-6)
    assert not spectrum.prepare_voice(np.zeros(9, np.float32)).any()
    assert spectrum.prepare_voice(np.zeros(0, np.float32)).shape == (0,)
