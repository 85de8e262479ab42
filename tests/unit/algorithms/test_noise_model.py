"""The model of a photo's noise, and the gains that it chooses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.algorithms.noise_model import (
    BAND_ENERGIES,
    GAIN_RANGE,
    ResidualStatistics,
    best_gains,
    class_means,
    fit_noise_model,
    gain_risk,
    measure_residual,
    residual_energies,
    sample_noise,
    split_bands,
    true_gains,
)
from avjax.models.denoiser import DenoiserConfig, init_noise_model
from avjax.nn.pixels import LUMA_CHROMA, scale_luma_chroma

KEY = jax.random.key(0)
MODEL = init_noise_model(DenoiserConfig("sure"))


@pytest.fixture
def white():
    return jax.random.normal(KEY, (4, 64, 64, 3))


def statistics_of(energy, divergence, brightness=0.3, variance=1e-4):
    energy, divergence = (
        jnp.broadcast_to(jnp.asarray(x), (2,)) for x in (energy, divergence)
    )
    return ResidualStatistics(
        energy, divergence, jnp.full(2, variance), jnp.asarray(brightness)
    )


def test_bands_sum_to_the_image_and_divide_white_noise_as_stated(white):
    bands = split_bands(white)
    np.testing.assert_allclose(bands.sum(-1), white, atol=1e-5)
    energies = jnp.mean(bands**2, axis=(0, 1, 2, 3))
    # At the edges of a patch, its mirror image adds coarse noise.
    np.testing.assert_allclose(energies, BAND_ENERGIES, rtol=0.1)


def test_noise_has_the_energies_it_was_asked_for():
    energies = jnp.array([[4.0, 2.0, 1.0], [1.0, 1.0, 3.0], [0.5, 0.2, 0.1]])
    bands = split_bands(sample_noise(energies, KEY, (4, 64, 64, 3)) @ LUMA_CHROMA)
    measured = jnp.mean(bands**2, axis=(0, 1, 2))
    np.testing.assert_allclose(measured.sum(-1), energies.sum(-1), rtol=0.25)
    assert (measured[:, 0] > measured[:, 2])[jnp.array([0, 2])].all()


def test_few_cells_with_removed_texture_hardly_change_the_energies(white):
    flat = residual_energies(0.01 * white)
    textured = residual_energies((0.01 * white).at[0, :16, :16].mul(30))
    assert 1 < jnp.mean(textured / flat) < 1.2
    mean = jnp.mean((0.01 * white).at[0, :16, :16].mul(30) ** 2)
    assert mean / jnp.mean((0.01 * white) ** 2) > 10


def test_class_means_match_a_loop_over_pixels(white):
    one, other = white[:1, :8, :8], white[:1, 8:16, :8]
    luma = np.array([1, 1, 1]) / np.sqrt(3)
    products = [
        one[0, i, j] @ luma * (other[0, i, j] @ luma) for i, j in np.ndindex(8, 8)
    ]
    total = [one[0, i, j] @ other[0, i, j] for i, j in np.ndindex(8, 8)]
    expected = np.mean(products), np.mean(total) - np.mean(products)
    np.testing.assert_allclose(class_means(one, other), expected, rtol=1e-4)


def test_divergence_of_a_linear_denoiser_is_exact(white):
    """It removes a fifth of everything."""
    measured = measure_residual(lambda x: -0.2 * x, 0.5 + 0.01 * white, KEY)
    expected = 0.2 * measured.variance
    np.testing.assert_allclose(measured.divergence, expected, rtol=1e-3)
    assert float(measured.brightness) == pytest.approx(0.5, abs=0.01)


def test_risk_is_lowest_at_the_best_gains():
    """denoiser (9)"""
    statistics = statistics_of([1e-4, 2e-4], [2e-5, 5e-5])
    best = best_gains(MODEL, statistics)
    assert ((best > GAIN_RANGE[0]) & (best < GAIN_RANGE[1])).all()
    risk = gain_risk(MODEL, statistics)
    assert jnp.abs(jax.grad(risk)(jnp.log(best))).max() < 1e-5
    for change in ([0.1, 0.0], [0.0, 0.1], [-0.1, 0.0], [0.0, -0.1]):
        assert risk(jnp.log(best) + jnp.array(change)) > risk(jnp.log(best)) > 0
    gains = jnp.array([0.7, 0.9])
    by_hand = sum(g**2 - 2 * g * b for g, b in zip(gains, best, strict=True))
    difference = risk(jnp.log(gains)) - risk(jnp.log(best))
    at_best = -float(jnp.sum(best**2))
    assert float(difference) == pytest.approx(float(by_hand) - at_best, rel=1e-3)


def test_true_gains_give_the_lowest_error(white):
    noise, residual = 0.1 * white, -0.12 * white + 0.05 * white[:, ::-1]

    def error(gains):
        scaled = scale_luma_chroma(residual, jnp.log(gains))
        return jnp.mean((scaled + noise) ** 2)

    gains = true_gains(residual, noise)
    assert jnp.abs(jax.grad(error)(gains)).max() < 1e-6


def test_fit_recovers_the_level_of_the_noise():
    rng = np.random.default_rng(0)
    count = 60
    energy = np.exp(rng.normal(-9, 0.5, (count, 2)))
    brightness = rng.uniform(0.1, 0.7, count)
    gains = np.exp(rng.normal(-1.6, 0.3, (count, 2)))
    statistics = ResidualStatistics(
        jnp.asarray(energy),
        jnp.asarray(gains * energy),
        jnp.full((count, 2), 1e-4),
        jnp.asarray(brightness),
    )
    target = 4 * gains**0.9 * brightness[:, None] ** -0.1
    fitted = fit_noise_model(statistics, jnp.asarray(target))
    chosen = jax.vmap(lambda x: best_gains(fitted, x))(statistics)
    inside = (target > 0.5) & (target < 1.2)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(chosen[inside], target[inside], rtol=0.15)
    assert np.corrcoef(chosen[inside], target[inside])[0, 1] > 0.99


@pytest.mark.parametrize("energy", [0.0, 1e-12, 1.0])
def test_gains_of_unusual_images_are_within_their_limits(energy):
    for divergence in (-1.0, 0.0, 1e-6, 1.0):
        statistics = statistics_of(energy, divergence, brightness=0.0)
        gains = best_gains(MODEL, statistics)
        assert ((gains >= GAIN_RANGE[0]) & (gains <= GAIN_RANGE[1])).all()
        assert jnp.isfinite(gain_risk(MODEL, statistics)(jnp.zeros(2)))


def test_gains_are_left_alone_where_the_image_is_unlike_the_fitted_ones():
    limits = {"low": jnp.full((2, 3), -1.0), "high": jnp.full((2, 3), 1.0)}
    fitted = {**MODEL, **limits}
    usual = statistics_of(1.5e-4, 0.15 * 1.5e-4)
    np.testing.assert_allclose(best_gains(fitted, usual), best_gains(MODEL, usual))
    distances = []
    for factor in (3, 10, 100):
        strong = statistics_of(1.5e-4 * factor, 0.15 * 1.5e-4 * factor)
        distances.append(float(jnp.abs(best_gains(fitted, strong) - 1).max()))
    assert distances[0] > distances[1] > distances[2] and distances[2] < 0.05
