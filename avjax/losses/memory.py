"""Losses that train a key-value memory, per frame."""

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy

from avjax.typing import Array


def memory_reconstruction_loss(recalled: Array, target: Array) -> Array:
    """Compute the mean squared error of features that are read from a memory.

    No gradient reaches the target.

    Args:
        recalled: Features read from the memory, [... d].
        target: Features that were stored, [... d].

    Returns:
        One loss per frame, [...].

    Source:
        SyncTalkFace (3), Bridging (3).
    """
    target = jax.lax.stop_gradient(target)
    # bridging (3), synctalkface (3)
    return jnp.mean(jnp.square(recalled - target), axis=-1)


def address_kl(
    source_address: Array, target_address: Array, eps: float = 1e-13
) -> Array:
    """Compute KL(target || source) of two addresses of a memory.

    The source learns to address the slots that the target addresses. No gradient
    reaches the address of the target.

    Args:
        source_address: Address of the source, a distribution over slots, [... m].
        target_address: Address of the target, [... m].
        eps: Added to the source's probabilities before the logarithm.

    Returns:
        One loss per frame in nats, [...].

    Source:
        SyncTalkFace (4), Bridging (4).
    """
    target = jax.lax.stop_gradient(target_address)
    # bridging (4), synctalkface (4)
    log_source = jnp.log(source_address + eps)
    return jnp.sum(xlogy(target, target) - target * log_source, axis=-1)
