"""Level of the noise of an image, an input of some denoisers.

With too low a level a denoiser leaves noise in the image; with too high a one it
removes texture as well. In both cases the energy of its residual does not fit the
level. The level is corrected by a linear function of a few statistics of the residual,
which is fitted to images with synthetic noise.

Levels are logarithms of the standard deviations of luma and of chroma, in pixel values
of 8 bits.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from avjax.algorithms.noise_model import residual_energies
from avjax.models.denoiser import INITIAL_LEVEL, NUM_LEVEL_STATISTICS
from avjax.nn.pixels import LUMA_CHROMA
from avjax.typing import Array, Params

MIN_LEVEL = 0.3  # standard deviation in pixel values of 8 bits
MAX_CORRECTION = 1.0  # of a logarithm, in one step


def noise_levels(noise: Array) -> Array:
    """Compute the levels of known noise.

    Args:
        noise: Noisy images minus the clean ones, in [-1, 1], [b h w c=3].

    Returns:
        Levels of each image, at least the logarithm of `MIN_LEVEL`, [b 2].
    """
    colors = jnp.mean((noise @ LUMA_CHROMA) ** 2, axis=(1, 2))  # [b 3]
    squares = jnp.stack([colors[:, 0], jnp.mean(colors[:, 1:], axis=-1)], axis=-1)
    return jnp.log(jnp.maximum(255 * jnp.sqrt(squares), MIN_LEVEL))


def correct_levels(level_model: Params, residual: Array, levels: Array) -> Array:
    """Estimate the levels of an image from what a denoiser removes from it.

    Args:
        level_model: The part `noise_model` of a denoiser with the auxiliary task
            "level".
        residual: Residual of parts of one image, sides multiples of 8, [b h w c=3].
        levels: Levels that were the input of the denoiser, [2].

    Returns:
        Better levels, at most `MAX_CORRECTION` away, [2].
    """
    # denoiser (10)
    change = level_statistics(residual, levels) @ level_model["coefficients"]
    return levels + MAX_CORRECTION * jnp.tanh(change / MAX_CORRECTION)


def level_loss(
    level_model: Params, residual_at: Callable[[Array], Array]
) -> Callable[[Params], Array]:
    """Create the disagreement of levels with what a denoiser removes at them.

    A gradient step with learning rate 1 replaces the levels by the estimated ones.

    Args:
        level_model: See `correct_levels`.
        residual_at: Maps levels [2] to the residual of parts of one image, sides
            multiples of 8, [b h w c=3].

    Returns:
        A function of {"levels": levels of luma and chroma [2]}.
    """

    def loss(trainable: Params) -> Array:
        levels = trainable["levels"]
        given = jax.lax.stop_gradient(levels)
        better = correct_levels(level_model, residual_at(given), given)
        return jnp.sum((levels - jax.lax.stop_gradient(better)) ** 2) / 2

    return loss


def level_statistics(residual: Array, levels: Array) -> Array:
    """Compute the statistics from which the levels are corrected.

    Args:
        residual: Residual of parts of one image, sides multiples of 8, [b h w c=3].
        levels: Levels that were the input of the denoiser, [2].

    Returns:
        The constant 1; the levels minus that of `INITIAL_LEVEL`; the logarithms of the
        residual's deviation over the level in the fine, the middle and the coarse band
        of luma, then of chroma, [9].
    """
    energies = residual_energies(residual)
    energies = jnp.stack([energies[0], (energies[1] + energies[2]) / 2])
    ratios = jnp.log(255**2 * energies) / 2 - levels[:, None]
    known = jnp.ones(1), levels - jnp.log(INITIAL_LEVEL), ratios.reshape(-1)
    statistics = jnp.concatenate(known)
    assert statistics.shape == (NUM_LEVEL_STATISTICS,)
    return statistics
