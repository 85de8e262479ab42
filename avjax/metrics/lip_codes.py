"""How lip codes follow other lip codes over a clip."""

import jax.numpy as jnp

from avjax.losses.editing import center_clips
from avjax.typing import Array

EPSILON = 1e-8


def clip_correlation(first: Array, second: Array, frame_mask: Array) -> Array:
    """Correlate two series of codes over the frames of each clip.

    Args:
        first: [b t d].
        second: [b t d].
        frame_mask: 1 where a frame exists, f32 [b t].

    Returns:
        Correlation of each dimension, [b d]; 0 where one of them is constant.
    """
    first, second = (center_clips(values, frame_mask) for values in (first, second))
    both, one, other = (
        jnp.sum(product, axis=1) for product in (first * second, first**2, second**2)
    )
    return both / (jnp.sqrt(one * other) + EPSILON)


def clip_std(values: Array, frame_mask: Array) -> Array:
    """Compute the standard deviation of codes over the frames of each clip.

    Args:
        values: [b t d].
        frame_mask: 1 where a frame exists, f32 [b t].

    Returns:
        [b d].
    """
    squares = jnp.sum(center_clips(values, frame_mask) ** 2, axis=1)
    return jnp.sqrt(squares / jnp.maximum(frame_mask.sum(1, keepdims=True), 1))
