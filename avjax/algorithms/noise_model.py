"""Noise of a photograph, and how much of a denoiser's residual is noise.

The noise of cameras is correlated and its level is not known. Its shape is taken from
the residual of a denoiser: the geometric mean over small cells, in three bands of luma
and of chroma, which cells with a texture that was removed hardly change. Its level
comes from four statistics by coefficients that were fitted to photographs whose noise
is known.

Source  Stein's unbiased risk estimate with a Monte-Carlo divergence: Ramani et al.,
        2008, "Monte-Carlo SURE"
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from avjax.nn.pixels import LUMA_CHROMA
from avjax.typing import Array, Key, Params

CELL_SIZE = 8  # side in pixels of the cells whose energies are averaged
BAND_ENERGIES = 0.640625, 0.074463, 0.029541  # of white noise of variance 1
MIN_ENERGY = 1e-8  # of a cell, in squared pixel values of [0, 1]
PROBE_SCALE = 0.6  # of the noise that is added to measure the divergence
STATISTIC_MEANS = -1.6, -8.8, -1.2  # typical values, subtracted from the statistics
GAIN_RANGE = 0.4, 1.3  # limits of the best gain
MIN_GAIN = 1e-2  # of a gain before the level of the noise is estimated
RIDGE = 0.05  # penalty of the coefficients


class ResidualStatistics(NamedTuple):
    """Statistics of a denoiser's residual on an image, for luma and for chroma.

    Attributes:
        energy: Mean square of the residual, [2].
        divergence: Minus the mean product of the residual's change and the noise that
            causes it, for noise of the level `variance`, [2].
        variance: Mean square of that noise, [2].
        brightness: Mean pixel value, [].
    """

    energy: Array
    divergence: Array
    variance: Array
    brightness: Array


def measure_residual(
    residual_of: Callable[[Array], Array], noisy: Array, key: Key
) -> ResidualStatistics:
    """Measure a denoiser on an image and on the same image with more noise.

    No gradient passes through the statistics.

    Args:
        residual_of: Maps images [b h w c=3] to the residual of the denoiser.
        noisy: Parts of one image, sides multiples of 8, [b h w c=3].
        key: PRNG key of the added noise.

    Returns:
        The statistics.
    """
    noisy = jax.lax.stop_gradient(noisy)
    residual = jax.lax.stop_gradient(residual_of(noisy))
    noise = sample_noise(residual_energies(residual), key, noisy.shape)
    changed = residual_of(noisy + PROBE_SCALE * noise) - residual
    change = jax.lax.stop_gradient(changed) / PROBE_SCALE
    return ResidualStatistics(
        energy=class_means(residual, residual),
        divergence=-class_means(noise, change),
        variance=class_means(noise, noise),
        brightness=jnp.mean(noisy),
    )


def best_gains(noise_model: Params, statistics: ResidualStatistics) -> Array:
    """Estimate the gains of the residual with the lowest expected error.

    The more the statistics are outside of the range that the model was fitted to, the
    closer the gains are to 1.

    Args:
        noise_model: As `fit_noise_model` returns it.
        statistics: Statistics of the image.

    Returns:
        Gains of luma and of chroma, within `GAIN_RANGE`, [2].
    """
    gains, features = level_features(statistics)
    known = jnp.clip(features, noise_model["low"], noise_model["high"])
    slopes = noise_model["coefficients"][:, 1:]
    log_level = noise_model["coefficients"][:, 0] + jnp.sum(slopes * known, axis=-1)
    log_gains = log_level + jnp.log(gains) + (known - features)[:, 0]
    trust = jnp.exp(-jnp.sum(jnp.abs(features - known), axis=-1))
    return jnp.clip(jnp.exp(trust * log_gains), *GAIN_RANGE)


def level_features(statistics: ResidualStatistics) -> tuple[Array, Array]:
    """Compute what the level of the noise is estimated from.

    Args:
        statistics: Statistics of an image.

    Returns:
        - gains: The best gains if the level of the noise were that of `variance`, [2].
        - features: Logarithms of these gains, of the residual's energy and of the
          brightness, minus typical values, [2 3].
    """
    energy = jnp.maximum(statistics.energy, MIN_ENERGY / 100)
    gains = jnp.maximum(statistics.divergence / energy, MIN_GAIN)
    shared = jnp.stack([jnp.sum(energy) / 3, statistics.brightness + 1e-2])
    logs = jnp.log(jnp.column_stack([gains, jnp.tile(shared[None], (2, 1))]))
    return gains, logs - jnp.array([STATISTIC_MEANS])


def fit_noise_model(statistics: ResidualStatistics, target: Array) -> Params:
    """Fit the level of the noise to images whose noise is known, by ridge regression.

    Args:
        statistics: Statistics of the images, [n ...].
        target: Best gains of the images, see `true_gains`, [n 2].

    Returns:
        The part `noise_model`: coefficients of the constant 1 and of the features, for
        luma and for chroma [2 4], and the range of the features, low and high [2 3].
    """
    gains, features = jax.vmap(level_features)(statistics)
    log_levels = jnp.log(jnp.clip(target, *GAIN_RANGE) / gains)
    scales = jnp.std(features, axis=0) + 1e-6

    def fit_class(x: Array, y: Array, scale: Array) -> Array:
        center = jnp.mean(x, axis=0)
        normal = (x - center[None]) / scale[None]
        matrix = normal.T @ normal + RIDGE * len(y) * jnp.eye(x.shape[1])
        slopes = jnp.linalg.solve(matrix, normal.T @ (y - jnp.mean(y))) / scale
        return jnp.concatenate([(jnp.mean(y) - slopes @ center)[None], slopes])

    fits = [fit_class(features[:, c], log_levels[:, c], scales[c]) for c in range(2)]
    return {
        "coefficients": jnp.stack(fits),
        "low": jnp.min(features, axis=0),
        "high": jnp.max(features, axis=0),
    }


def gain_risk(
    noise_model: Params, statistics: ResidualStatistics
) -> Callable[[Array], Array]:
    """Create the estimated error of a denoiser as a function of the residual's gains.

    Args:
        noise_model: See `best_gains`.
        statistics: Statistics of the image.

    Returns:
        A function of the logarithms of the gains [2]. It returns the sum of the mean
        square errors of luma and chroma, each relative to the residual's energy, [].
    """
    best = best_gains(noise_model, statistics)
    gains, _ = level_features(statistics)
    relative = statistics.variance / jnp.maximum(statistics.energy, MIN_ENERGY / 100)
    variance = jnp.maximum(best / gains * relative, best**2)

    def risk(log_gains: Array) -> Array:
        # denoiser (9)
        gains = jnp.exp(log_gains)
        return jnp.sum(variance + gains**2 - 2 * gains * best)

    return risk


def true_gains(residual: Array, noise: Array) -> Array:
    """Compute the gains of a residual with the lowest error, from the true noise.

    Args:
        residual: Residual of a denoiser, [b h w c=3].
        noise: The noisy image minus the clean one, [b h w c=3].

    Returns:
        Gains of luma and of chroma, [2].
    """
    energy = jnp.maximum(class_means(residual, residual), MIN_ENERGY / 100)
    return -class_means(residual, noise) / energy


def class_means(one: Array, other: Array) -> Array:
    """Compute the mean products of two images [b h w 3] in luma and chroma, [2].

    The second is the sum of both components of chroma.
    """
    colors = jnp.mean((one @ LUMA_CHROMA) * (other @ LUMA_CHROMA), axis=(0, 1, 2))
    return jnp.stack([colors[0], colors[1] + colors[2]])


def residual_energies(residual: Array) -> Array:
    """Compute the geometric means over cells of the energies of a residual.

    Args:
        residual: The residual, sides multiples of 8, [b h w c=3].

    Returns:
        Energies of luma and chroma in three bands, [3 3].
    """
    squares = split_bands(residual @ LUMA_CHROMA) ** 2
    b, h, w = residual.shape[:3]
    size = CELL_SIZE
    cells = squares.reshape(b, h // size, size, w // size, size, 3, 3).mean((2, 4))
    return jnp.exp(jnp.mean(jnp.log(cells + MIN_ENERGY), axis=(0, 1, 2)))


def sample_noise(energies: Array, key: Key, shape: tuple[int, ...]) -> Array:
    """Sample noise with given energies.

    Args:
        energies: Energies of luma and chroma in three bands, [3 3].
        key: PRNG key.
        shape: Shape of the images, (b, h, w, 3).

    Returns:
        Noise, [b h w c=3].
    """
    bands = split_bands(jax.random.normal(key, shape))
    scales = jnp.sqrt(energies / jnp.array([BAND_ENERGIES]))
    return jnp.einsum("bhwcs,cs->bhwc", bands, scales) @ LUMA_CHROMA.T


def split_bands(image: Array) -> Array:
    """Split images into a fine, a middle and a coarse band, whose sum they are.

    Args:
        image: Images, [b h w c].

    Returns:
        Bands, [b h w c 3].
    """
    middle = binomial_blur(image, 1)
    coarse = binomial_blur(middle, 2)
    return jnp.stack([image - middle, middle - coarse, coarse], axis=-1)


def binomial_blur(image: Array, step: int) -> Array:
    """Blur images [b h w c] with the filter 1/4, 1/2, 1/4 of pixels `step` apart."""
    for axis in (1, 2):
        padding = [(0, 0)] * image.ndim
        padding[axis] = (step, step)
        padded = jnp.pad(image, padding, mode="reflect")
        length = image.shape[axis]
        before, after = (
            jax.lax.slice_in_dim(padded, start, start + length, axis=axis)
            for start in (0, 2 * step)
        )
        image = image / 2 + (before + after) / 4
    return image
