"""A metric is a sum and a weight, so that it adds across batches, devices and hosts."""

from typing import NamedTuple

import jax.numpy as jnp

from avjax.typing import Array


class Mean(NamedTuple):
    """A weighted mean, not yet divided: total / weight, both scalars."""

    total: Array
    weight: Array

    @classmethod
    def empty(cls) -> "Mean":
        return cls(jnp.zeros(()), jnp.zeros(()))

    @classmethod
    def of(cls, values: Array, weight: Array) -> "Mean":
        """values [b ...], weight [b ...] of as many axes or fewer, 0 for padding.

        Where the weight is zero a value does not count, also an infinite one.
        """
        weight = weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
        weight = jnp.broadcast_to(weight, values.shape).astype(jnp.float32)
        total = jnp.sum(jnp.where(weight > 0, values, 0) * weight)
        return cls(total, jnp.sum(weight))

    def merge(self, other: "Mean") -> "Mean":
        return Mean(self.total + other.total, self.weight + other.weight)

    def compute(self) -> float:
        """The mean; not a number where nothing was counted."""
        weight = float(self.weight)
        return float(self.total) / weight if weight else float("nan")
