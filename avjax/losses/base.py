"""Reduction of losses to one number."""

import jax.numpy as jnp

from avjax.typing import Array


def masked_mean(values: Array, weight: Array) -> Array:
    """Compute a weighted mean.

    Values with weight zero are ignored, even if they are infinite. If all weights are
    zero, the result is zero.

    Args:
        values: The values, [b ...].
        weight: Weights with as many axes as the values or fewer, [b ...]. Axes that
            the weights lack are averaged uniformly.

    Returns:
        The mean, [].
    """
    missing_axes = values.ndim - weight.ndim
    weight = weight.reshape(weight.shape + (1,) * missing_axes).astype(jnp.float32)
    weight = jnp.broadcast_to(weight, values.shape)
    total = jnp.sum(jnp.where(weight > 0, values, 0) * weight)
    return total / jnp.maximum(jnp.sum(weight), 1e-8)
