"""Whether a memory is in use, and what by."""

import jax.numpy as jnp
from jax.scipy.special import xlogy

from avjax.typing import Array


def slots_in_use(address: Array) -> Array:
    """How many slots a batch points at: perplexity of the mean.  [b t m] -> 1 to m."""
    mean = jnp.mean(address, axis=(0, 1))
    return jnp.exp(-jnp.sum(xlogy(mean, mean)))


def share_within(codes: Array) -> Array:
    """The share of the variance of codes that lies within clips.  [b t d] -> 0 to 1.

    Lip codes near 0 tell who speaks, and not how the lips move.
    """
    within = jnp.sum(jnp.mean(jnp.var(codes, axis=1), axis=0))
    return within / jnp.maximum(jnp.sum(jnp.var(codes, axis=(0, 1))), 1e-12)
