"""Tests of resampling."""

import numpy as np

from avjax.audio.resampling import resample


def test_resampled_tone_matches_a_tone_at_16_khz():
    tone = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)
    expected = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    resampled = resample(tone, 22050)
    assert len(resampled) == 16000
    np.testing.assert_allclose(resampled[100:-100], expected[100:-100], atol=2e-3)
