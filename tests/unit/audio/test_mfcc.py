"""Tests of the MFCCs of the published SyncNet."""

import pathlib

import numpy as np
import pytest

from avjax.audio.mfcc import MFCC_HOP, MFCCS_PER_FRAME, mfcc
from avjax.constants import FPS, SAMPLE_RATE

GOLDEN = (
    pathlib.Path(__file__).parents[2] / "golden" / "mfcc_python_speech_features.npz"
)
SAMPLES = {"long": 9000, "even": 400 + 3 * 160, "short": 100}


def glides(samples: int) -> np.ndarray:
    """Make three gliding tones of varying level, then silence."""
    t = np.arange(samples) / 16000
    low = 0.3 * np.sin(2 * np.pi * (120 * t + 200 * t**2))
    middle = 0.2 * np.sin(2 * np.pi * 1700 * t) * np.sin(9 * t)
    high = 0.05 * np.sin(2 * np.pi * 6100 * t**1.5)
    return ((low + middle + high) * (t < 0.45)).astype(np.float32)


@pytest.mark.parametrize("name", SAMPLES)
def test_mfcc_matches_python_speech_features(name):
    """Reference from python_speech_features 0.6: mfcc(round(32768 * glides), 16000)."""
    result = mfcc(glides(SAMPLES[name]))
    expected = np.load(GOLDEN)[name]
    assert result.shape == expected.shape and result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=1e-6 * np.abs(expected).max())


def test_block_size_does_not_change_the_result(monkeypatch):
    wave = glides(6000)
    full_mfcc = mfcc(wave)
    monkeypatch.setattr("avjax.audio.mfcc.BLOCK_FRAMES", 7)
    np.testing.assert_array_equal(mfcc(wave), full_mfcc)


def test_samples_are_clipped_to_16_bits():
    loud = 3 * glides(2000)
    np.testing.assert_array_equal(mfcc(loud), mfcc(np.clip(loud, -1, 32767 / 32768)))


def test_video_frame_has_four_mfcc_frames():
    assert MFCCS_PER_FRAME * MFCC_HOP * FPS == SAMPLE_RATE
    late = np.pad(glides(4000), (640, 0))
    result, shifted = mfcc(glides(4000)), mfcc(late)
    np.testing.assert_allclose(shifted[5:20], result[1:16], rtol=1e-4, atol=1e-3)
