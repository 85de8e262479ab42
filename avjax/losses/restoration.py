"""How far restored pictures are from what they should be.  Per picture."""

import jax.numpy as jnp

from avjax.typing import Array


def clean_error(clean: Array, truth: Array) -> Array:
    """Mean absolute difference.  [b h w c], [b h w c] -> [b]."""
    # denoiser (5)
    return jnp.mean(jnp.abs(clean - truth), axis=(1, 2, 3))


def masked_error(made: Array, goal: Array, mask: Array) -> Array:
    """The same, weighted pixel by pixel.  [b h w c], mask [b h w 1] -> [b].

    The mean is over all pixels: a mask of zeros leaves nothing.
    """
    # denoiser (4)
    return jnp.mean(jnp.abs(made - goal) * mask, axis=(1, 2, 3))


def edge_error(mask: Array, noisy: Array) -> Array:
    """How far the edges of a mask are from those of its picture: their height alone.

    mask [b h w 1], noisy [b h w c] -> [b], of both axes together.
    """
    # denoiser (7)
    along = (
        jnp.mean(
            jnp.abs(steepness(mask, axis) - steepness(noisy, axis)), axis=(1, 2, 3)
        )
        for axis in (1, 2)
    )
    return sum(along)


def steepness(picture: Array, axis: int) -> Array:
    """Absolute differences of neighbours along an axis, which becomes one shorter."""
    return jnp.abs(jnp.diff(picture, axis=axis))
