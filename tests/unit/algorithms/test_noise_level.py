"""Levels of noise, known and estimated."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.algorithms.noise_level import (
    MAX_CORRECTION,
    MIN_LEVEL,
    correct_levels,
    level_statistics,
    noise_levels,
)
from avjax.algorithms.noise_model import BAND_ENERGIES
from avjax.models.denoiser import (
    INITIAL_LEVEL,
    NUM_LEVEL_STATISTICS,
    DenoiserConfig,
    init_noise_model,
)
from avjax.nn.pixels import LUMA_CHROMA

LEVELS = jnp.log(jnp.array([6.0, 2.0]))


def white(*levels):
    """Noise [n 64 64 3] whose deviations in luma and both axes of chroma are given."""
    rng = np.random.default_rng(0)
    scales = np.array(levels)[:, None, None, [0, 1, 1]] / 255
    noise = scales * rng.standard_normal((len(levels), 64, 64, 3))
    return jnp.asarray(noise @ LUMA_CHROMA.T, jnp.float32)


def model(**coefficients):
    """A model whose change has the given coefficients for both levels."""
    zeros = init_noise_model(DenoiserConfig("level"))["coefficients"]
    for name, value in coefficients.items():
        zeros = zeros.at[int(name[1:])].set(value)
    return {"coefficients": zeros}


def test_levels_of_known_noise_are_those_of_each_image():
    levels = np.array([[6.0, 2.0], [20.0, 20.0], [0.0, 0.0]])
    known = np.exp(noise_levels(white(*levels)))
    np.testing.assert_allclose(known, np.maximum(levels, MIN_LEVEL), rtol=0.05)


def test_white_noise_has_one_level_in_all_channels():
    noise = 7 / 255 * jax.random.normal(jax.random.key(0), (1, 64, 64, 3))
    np.testing.assert_allclose(np.exp(noise_levels(noise)), 7, rtol=0.05)
    assert float(jnp.std(noise)) * 255 == pytest.approx(7, rel=0.02)


def test_statistics_are_relative_to_the_levels_that_were_told():
    statistics = level_statistics(white([6.0, 2.0]), LEVELS)
    assert statistics.shape == (NUM_LEVEL_STATISTICS,) and statistics[0] == 1
    np.testing.assert_allclose(statistics[1:3], LEVELS - np.log(INITIAL_LEVEL))
    # Geometric means over cells are lower than the mean energies of the bands.
    expected = np.log(BAND_ENERGIES) / 2
    ratios = np.asarray(statistics[3:]).reshape(2, 3)
    assert (ratios < expected + 0.02).all() and (ratios > expected - 0.35).all()
    louder = level_statistics(2 * white([6.0, 2.0]), LEVELS)
    np.testing.assert_allclose(louder[3:] - statistics[3:], np.log(2), atol=5e-3)
    told_more = level_statistics(white([6.0, 2.0]), LEVELS + 0.5)
    np.testing.assert_allclose(told_more[3:] - statistics[3:], -0.5, atol=1e-4)


def test_levels_stay_as_they_are_before_the_model_is_fitted():
    corrected = correct_levels(model(), white([9.0, 1.0]), LEVELS)
    np.testing.assert_array_equal(corrected, LEVELS)


def test_correction_is_limited():
    """denoiser (10)"""
    near = correct_levels(model(_0=0.01), white([6.0, 2.0]), LEVELS)
    np.testing.assert_allclose(near - LEVELS, 0.01, rtol=0.01)
    far = correct_levels(model(_0=-9.0), white([6.0, 2.0]), LEVELS)
    np.testing.assert_allclose(far - LEVELS, -MAX_CORRECTION, rtol=1e-3)
