"""The cepstra that the published sync network hears."""

import pathlib

import numpy as np
import pytest

from avjax.audio import mfcc as cepstrum

GOLDEN = (
    pathlib.Path(__file__).parents[2] / "golden" / "mfcc_python_speech_features.npz"
)
SAMPLES = {"long": 9000, "even": 400 + 3 * 160, "short": 100}


def glides(samples: int) -> np.ndarray:
    """Three gliding tones that swell and fall, then silence."""
    t = np.arange(samples) / 16000
    low = 0.3 * np.sin(2 * np.pi * (120 * t + 200 * t**2))
    middle = 0.2 * np.sin(2 * np.pi * 1700 * t) * np.sin(9 * t)
    high = 0.05 * np.sin(2 * np.pi * 6100 * t**1.5)
    return ((low + middle + high) * (t < 0.45)).astype(np.float32)


@pytest.mark.parametrize("name", SAMPLES)
def test_cepstra_are_those_of_the_published_program(name):
    """Made once with python_speech_features 0.6: mfcc(round(32768 * glides), 16000)."""
    found = cepstrum.mfcc(glides(SAMPLES[name]))
    kept = np.load(GOLDEN)[name]
    assert found.shape == kept.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, kept, atol=1e-6 * np.abs(kept).max())


def test_blocks_join_without_a_seam(monkeypatch):
    wave = glides(6000)
    whole = cepstrum.mfcc(wave)
    monkeypatch.setattr(cepstrum, "_BLOCK", 7)
    np.testing.assert_array_equal(cepstrum.mfcc(wave), whole)


def test_what_is_too_loud_for_16_bits_is_cut():
    loud = 3 * glides(2000)
    np.testing.assert_array_equal(
        cepstrum.mfcc(loud), cepstrum.mfcc(np.clip(loud, -1, 32767 / 32768))
    )


def test_a_frame_is_four_columns():
    assert cepstrum.COLUMNS_PER_FRAME * cepstrum.HOP * 25 == cepstrum.RATE
    late = np.pad(glides(4000), (640, 0))
    found, shifted = cepstrum.mfcc(glides(4000)), cepstrum.mfcc(late)
    np.testing.assert_allclose(shifted[5:20], found[1:16], rtol=1e-4, atol=1e-3)
