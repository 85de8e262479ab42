"""How every loss of ours becomes one number."""

import jax.numpy as jnp

from avjax.typing import Array


def masked_mean(values: Array, weight: Array) -> Array:
    """Mean of what exists.  values [b ...], weight [b ...] of as many axes or fewer.

    A weight of zero leaves its values out, also infinite ones; no weight at all gives
    zero.  Axes that the weight lacks are averaged evenly.
    """
    extra = values.ndim - weight.ndim
    weight = weight.reshape(weight.shape + (1,) * extra).astype(jnp.float32)
    weight = jnp.broadcast_to(weight, values.shape)
    total = jnp.sum(jnp.where(weight > 0, values, 0) * weight)
    return total / jnp.maximum(jnp.sum(weight), 1e-8)
