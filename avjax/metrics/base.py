"""A metric: a sum and a weight, which add over batches, devices and hosts."""

from typing import NamedTuple

import jax.numpy as jnp

from avjax.typing import Array


class Mean(NamedTuple):
    """A weighted mean before the division.

    Attributes:
        total: Weighted sum of the values, [].
        weight: Sum of the weights, [].
    """

    total: Array
    weight: Array

    @classmethod
    def empty(cls) -> "Mean":
        """Return the mean of no values."""
        return cls(jnp.zeros(()), jnp.zeros(()))

    @classmethod
    def from_values(cls, values: Array, weight: Array) -> "Mean":
        """Sum values with weights.

        Values with weight zero are ignored, even if they are infinite.

        Args:
            values: The values, [b ...].
            weight: Weights with as many axes as the values or fewer, [b ...]; zero for
                padding.

        Returns:
            The mean before the division.
        """
        weight = weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
        weight = jnp.broadcast_to(weight, values.shape).astype(jnp.float32)
        total = jnp.sum(jnp.where(weight > 0, values, 0) * weight)
        return cls(total, jnp.sum(weight))

    def merge(self, other: "Mean") -> "Mean":
        """Combine two means into the mean of all their values.

        Args:
            other: The other mean.

        Returns:
            The mean of both, weighted.
        """
        return Mean(self.total + other.total, self.weight + other.weight)

    def compute(self) -> float:
        """Compute the mean.

        Returns:
            total / weight; NaN if the weight is zero.
        """
        weight = float(self.weight)
        return float(self.total) / weight if weight else float("nan")
