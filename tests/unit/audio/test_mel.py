"""Tests of the log-mel spectrogram of the talking-face models."""

import pathlib
from fractions import Fraction

import numpy as np
import pytest

from avjax.audio.mel import (
    log_mel,
    log_mel_range,
    mel_filters,
    mel_frames_at,
    mel_window_starts,
    mel_windows,
    standardized_log_mel,
)
from avjax.constants import NUM_MELS

GOLDEN = pathlib.Path(__file__).parents[2] / "golden" / "log_mel_librosa.npz"


@pytest.fixture(scope="module")
def golden():
    """Reference from librosa 0.11 and glides(), with the published settings."""
    return np.load(GOLDEN)


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(0, 0.1, 6_500).astype(np.float32)


def glides() -> np.ndarray:
    """Make three gliding tones of varying level, then silence."""
    t = np.arange(9000) / 16000
    low = 0.3 * np.sin(2 * np.pi * (120 * t + 200 * t**2))
    middle = 0.2 * np.sin(2 * np.pi * 1700 * t) * np.sin(9 * t)
    high = 0.05 * np.sin(2 * np.pi * 6100 * t**1.5)
    return ((low + middle + high) * (t < 0.45)).astype(np.float32)


def test_log_mel_matches_librosa(golden):
    mel = log_mel(glides())
    assert mel.shape == (golden["length"], NUM_MELS) and mel.dtype == np.float32
    np.testing.assert_allclose(mel[golden["columns"]], golden["mel"], atol=1e-5)


def test_filters_match_librosa(golden):
    filters = mel_filters()
    np.testing.assert_allclose(filters.sum(1), golden["filters_sum"], atol=1e-7)
    np.testing.assert_array_equal(filters.argmax(1), golden["filters_peak"])


def test_log_mel_matches_direct_computation(noise):
    frame, bin_, band = 11, np.arange(401), 30
    samples = np.arange(800) + frame * 200 - 400
    emphasized = noise[samples] - 0.97 * noise[samples - 1]
    hann = np.sin(np.pi * np.arange(800) / 800) ** 2
    waves = np.exp(-2j * np.pi * np.outer(bin_, np.arange(800)) / 800)
    magnitude = np.abs(waves @ (emphasized * hann))
    decibel = 20 * np.log10(magnitude @ mel_filters()[band]) - 20
    expected = np.clip((decibel + 100) * 0.08 - 4, -4, 4)
    assert log_mel(noise)[frame, band] == pytest.approx(expected, abs=1e-4)


def test_log_mel_range_matches_log_mel(noise):
    mel = log_mel(noise)
    for first in range(len(mel)):
        for last in (first + 1, min(first + 7, len(mel)), len(mel)):
            part = log_mel_range(noise, first, last)
            np.testing.assert_array_equal(part, mel[first:last])


def test_number_of_mel_frames():
    for samples in (0, 1, 199, 200, 799, 801):
        mel = log_mel(np.zeros(samples, np.float32))
        assert mel.shape == (1 + samples // 200, 80)
        assert (mel == -4).all()


def test_log_mel_grows_with_level_and_is_clipped(noise):
    quiet, loud, clipped = (log_mel(noise * g) for g in (0.01, 0.1, 1e9))
    inside = (quiet > -4) & (loud < 4)
    # 20 dB are 1.6 of the 8 units that stand for 100 dB
    np.testing.assert_allclose((loud - quiet)[inside], 1.6, atol=1e-3)
    assert clipped.max() == 4


def test_windows_start_at_published_mel_frames():
    mel = np.arange(400, dtype=np.float32)[:, None] * np.ones(80, np.float32)
    frames = 100
    first = mel_windows(mel, mel_window_starts(frames, 25.0))[:, 0, 0]
    # published code: mel frames from int(80 (id - 1) / 25); the first one is repeated
    expected = [80 * (frame - 1) // 25 for frame in range(frames)]
    np.testing.assert_array_equal(first, np.maximum(expected, 0))


def test_mel_frames_at_is_robust_to_rounding():
    for fps in (24, 25, 30, 50, 60):
        starts = mel_window_starts(20_000, fps, lead=0.0)
        exact = np.arange(20_000) * 80 // fps
        np.testing.assert_array_equal(mel_frames_at(starts), exact)


def test_mel_windows_do_not_drift_at_broadcast_frame_rates():
    for fps in (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)):
        starts = mel_window_starts(216_000, fps, lead=0.0)  # of an hour or more
        exact = np.arange(216_000) * 80 * fps.denominator // fps.numerator
        np.testing.assert_array_equal(mel_frames_at(starts), exact)


def test_windows_outside_repeat_the_edge():
    mel = np.arange(20, dtype=np.float32)[:, None] * np.ones(80, np.float32)
    before, after = mel_windows(mel, [-0.1, 0.2])[..., 0]
    np.testing.assert_array_equal(before, [0] * 8 + list(range(8)))
    np.testing.assert_array_equal(after, [16, 17, 18, 19] + [19] * 12)


def test_standardized_log_mel_ignores_level():
    wave = np.random.default_rng(0).normal(size=8000).astype(np.float32)
    wave *= np.linspace(0.01, 0.1, 8000)
    mel = standardized_log_mel(wave)
    assert mel.shape == (41, 80) and mel.dtype == np.float32
    np.testing.assert_allclose(mel.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(mel.std(), 1, rtol=0.01)
    np.testing.assert_allclose(mel, standardized_log_mel(wave * 0.5), atol=1e-2)


def test_standardized_log_mel_of_silence_is_zero():
    assert not standardized_log_mel(np.zeros(1600, np.float32)).any()
