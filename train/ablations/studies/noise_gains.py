"""How well a denoiser chooses the gains of its residual on a photo.

For noise that is known, the error of a photo is a quadratic function of the gains, so
that the best gains, and the PSNR with any others, follow from a few statistics.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from avjax.algorithms import tiling
from avjax.algorithms.denoiser_adaptation import restore
from avjax.algorithms.noise_model import (
    ResidualStatistics,
    best_gains,
    class_means,
    fit_coefficients,
    measure_residual,
    true_gains,
)
from avjax.compilation import cpu_options
from avjax.media.pixels import to_float01
from avjax.models.denoiser import DenoiserConfig
from avjax.typing import Array, Params


class PhotoMeasurements(NamedTuple):
    """What is known of some photos and of a denoiser's residual on them.

    Attributes:
        statistics: Statistics without knowledge of the noise, [n ...].
        target: The best gains of luma and of chroma, [n 2].
        noise: Energy of the noise in luma and in chroma, [n 2].
    """

    statistics: ResidualStatistics
    target: Array
    noise: Array

    def select(self, chosen: np.ndarray) -> "PhotoMeasurements":
        """Return the measurements of some of the photos; chosen: bool [n]."""
        return jax.tree.map(lambda x: x[chosen], self)

    def psnr(self, gains: Array) -> np.ndarray:
        """Compute the PSNR in dB of photos with gains [n 2], not clipped, [n]."""
        energy = self.statistics.energy
        errors = self.noise + energy * (gains**2 - 2 * gains * self.target)
        return np.asarray(-10 * jnp.log10(jnp.sum(errors, axis=-1) / 3))


def measure_photos(
    config: DenoiserConfig,
    restorer: Params,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
) -> PhotoMeasurements:
    """Measure a denoiser on the patches of photos that it would adapt to.

    Args:
        config: Config of the denoiser.
        restorer: Parameters of the part `restorer`.
        pairs: Noisy and clean pixel values of each photo, [h w c=3].

    Returns:
        The measurements.
    """
    measure = jit_measure(config)
    patches = (
        [to_float01(tiling.sample_patches(x)) for x in (noisy, clean)]
        for noisy, clean in pairs
    )
    rows = [measure(restorer, noisy, clean) for noisy, clean in patches]
    return jax.tree.map(lambda *x: jnp.stack(x), *rows)


@functools.cache
def jit_measure(config: DenoiserConfig) -> Callable[..., PhotoMeasurements]:
    """Compile the measurement of one photo."""

    def measure(restorer: Params, noisy: Array, clean: Array) -> PhotoMeasurements:
        def residual_of(images: Array) -> Array:
            return restore(config, restorer, images).residual

        noise = noisy - clean
        return PhotoMeasurements(
            measure_residual(residual_of, noisy, jax.random.key(0)),
            true_gains(residual_of(noisy), noise),
            class_means(noise, noise),
        )

    return jax.jit(measure, compiler_options=cpu_options())


def gains_chosen_by_others(
    photos: PhotoMeasurements, groups: np.ndarray
) -> tuple[Array, np.ndarray]:
    """Choose gains of each group by a noise model that was fitted to the others.

    Args:
        photos: Measurements of the photos.
        groups: Name of the group of each photo, such as its camera, [n].

    Returns:
        - gains: Gains of luma and of chroma, [n 2].
        - typical: The others' mean gains, without any estimate, [n 2].
    """
    gains, typical = np.zeros_like(photos.target), np.zeros_like(photos.target)
    for group in sorted(set(groups)):
        fitted = photos.select(groups != group)
        coefficients = fit_coefficients(fitted.statistics, fitted.target)
        own = photos.select(groups == group).statistics
        choose = functools.partial(best_gains, coefficients)
        gains[groups == group] = jax.vmap(choose)(own)
        typical[groups == group] = jnp.mean(fitted.target, axis=0)
    return jnp.asarray(gains), typical


def summarise(
    photos: PhotoMeasurements, gains: Array, typical: Array
) -> dict[str, float]:
    """Summarise how good chosen gains are.

    Args:
        photos: Measurements of the photos.
        gains: Chosen gains, [n 2].
        typical: Gains that are the same for all photos, [n 2] or [2].

    Returns:
        PSNR without gains; gains in dB by the chosen, typical and best ones; the worst
        photo; correlations of the chosen gains with the best.
    """
    plain = photos.psnr(jnp.ones_like(gains))
    change = photos.psnr(gains) - plain
    weights = np.asarray(photos.statistics.energy)
    common = [np.average(x, 1, weights) for x in (gains, photos.target)]
    columns = [common, *(np.stack([gains[:, c], photos.target[:, c]]) for c in (0, 1))]
    strength, luma, chroma = (float(np.corrcoef(pair)[0, 1]) for pair in columns)
    return {
        "K 0": float(plain.mean()),
        "gain": float(change.mean()),
        "worst": float(change.min()),
        "same for all": float((photos.psnr(typical) - plain).mean()),
        "oracle": float((photos.psnr(photos.target) - plain).mean()),
        "strength": strength,
        "luma": luma,
        "chroma": chroma,
    }
