"""Changed recordings: what stays, what changes, and determinism."""

import numpy as np
import pytest

from avjax.audio.augmentation import (
    add_noise,
    augment_speech,
    change_speed,
    equalize,
    reverberate,
)


@pytest.fixture
def wave() -> np.ndarray:
    return 0.3 * np.sin(np.arange(8000) / 5).astype(np.float32)


@pytest.mark.parametrize("change", [augment_speech, equalize, reverberate, add_noise])
def test_a_change_depends_on_the_generator_only(change, wave):
    first, again, other = (
        change(wave, np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    assert first.shape == wave.shape and first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


def test_noise_has_the_sampled_level(wave):
    for seed in range(5):
        noise = add_noise(wave, np.random.default_rng(seed)) - wave
        ratio = 10 * np.log10(np.mean(wave**2) / np.mean(noise**2))
        assert 4.9 < ratio < 35.1


def test_echoes_come_after_a_click():
    click = np.zeros(8000, np.float32)
    click[1000] = 1
    echo = reverberate(click, np.random.default_rng(0)) - click
    assert np.abs(echo[:999]).max() < 1e-5 < np.abs(echo[1000:5000]).max()


def test_speed_shortens_a_recording(wave):
    assert change_speed(wave, 1.0) is wave
    faster = change_speed(wave, 1.25)
    assert len(faster) == 6400
    np.testing.assert_allclose(faster[4], wave[5], atol=1e-6)


def test_silence_stays_finite():
    silence = np.zeros(4000, np.float32)
    for seed in range(8):
        assert np.isfinite(augment_speech(silence, np.random.default_rng(seed))).all()
