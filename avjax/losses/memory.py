"""Losses that teach a key-value memory: to write, and to point.  Per frame."""

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy

from avjax.typing import Array


def storage_error(recalled: Array, target: Array) -> Array:
    """Mean square of what the values give back minus what was stored.

    recalled, target [... d] -> [...].  The target is taken as given.
    """
    goal = jax.lax.stop_gradient(target)
    # bridging (3), synctalkface (3)
    return jnp.mean(jnp.square(recalled - goal), axis=-1)


def address_divergence(by_source: Array, by_target: Array, eps: float = 1e-13) -> Array:
    """KL(target || source): the source learns to point where the target did.

    by_source, by_target [... m] -> [...].  The target's address is taken as given.
    """
    goal = jax.lax.stop_gradient(by_target)
    # bridging (4), synctalkface (4)
    return jnp.sum(xlogy(goal, goal) - goal * jnp.log(by_source + eps), axis=-1)
