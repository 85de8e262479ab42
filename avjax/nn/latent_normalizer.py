"""Normalisation of latent vectors by their statistics over the training clips."""

import flax.linen as nn
import jax.numpy as jnp

from avjax.typing import Array


class LatentNormalizer(nn.Module):
    """Mean and standard deviation of latents over the training clips.

    Attributes:
        dim: Length of a latent, d.
    """

    dim: int

    def setup(self):
        shape = (self.dim,)
        self.mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        self.square = self.variable("batch_stats", "square", jnp.zeros, shape)
        self.count = self.variable("batch_stats", "count", jnp.zeros, ())  # frames

    def update(self, latents: Array, weight: Array) -> None:
        """Add latents to the statistics.

        Args:
            latents: Latents, [b t d].
            weight: Weight of each frame, [b t].
        """
        count = self.count.value + jnp.sum(weight)
        targets = (self.mean, latents), (self.square, jnp.square(latents))
        for variable, values in targets:
            deviation = values - variable.value[None, None]
            total = jnp.sum(deviation * weight[..., None], (0, 1))
            variable.value = variable.value + total / jnp.maximum(count, 1)
        self.count.value = count

    def normalize(self, latents: Array) -> Array:
        """Subtract the mean and divide by the standard deviation.

        Args:
            latents: Latents, [b t d].

        Returns:
            Normalised latents, [b t d].
        """
        return (latents - self.mean.value[None, None]) / self.deviation()

    def denormalize(self, latents: Array) -> Array:
        """Invert `normalize`.

        Args:
            latents: Normalised latents, [b t d].

        Returns:
            Latents, [b t d].
        """
        return self.mean.value[None, None] + self.deviation() * latents  # taem (6)

    def deviation(self) -> Array:
        """Return the standard deviation [1 1 d], bounded from below.

        The bound is a small part of the mean variance of all channels.
        """
        variance = jnp.maximum(self.square.value - jnp.square(self.mean.value), 0)
        return jnp.sqrt(variance + 1e-3 * jnp.mean(variance) + 1e-12)[None, None]
