"""Batch renormalisation: batch normalisation that works with small batches."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from avjax.nn.precision import to_full_precision
from avjax.typing import Array

RENORM_START, RENORM_FULL = 50, 250  # batches until the correction starts, and is full
MAX_R, MAX_D = 3.0, 5.0  # published limits of the correction


class BatchRenorm(nn.Module):
    """Batch renormalisation, [... d] -> [... d].

    The statistics of a few clips describe the people in them more than the data. After
    some hundred batches, training therefore normalises by the running statistics, as
    evaluation does; only the gradient depends on the batch. For large batches this
    equals batch normalisation. The running statistics are the mean of all batches at
    first, and later an average over about the last hundred.

    Attributes:
        momentum: Largest decay of the running statistics.
        epsilon: Added to the variance.
        dtype: Type of the output.

    Source:
        Ioffe, 2017, "Batch Renormalization".
    """

    momentum: float = 0.99
    epsilon: float = 1e-5
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Normalise x [... d]."""
        shape, axes = x.shape[-1:], tuple(range(x.ndim - 1))
        scale = self.param("scale", nn.initializers.ones, shape)
        bias = self.param("bias", nn.initializers.zeros, shape)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        running_var = self.variable("batch_stats", "var", jnp.ones, shape)
        # Number of batches, up to RENORM_FULL.
        count = self.variable("batch_stats", "count", jnp.zeros, ())
        mean, var = running_mean.value, running_var.value
        x = to_full_precision(x)
        if train:
            running = mean, jnp.sqrt(var + self.epsilon)
            mean = jnp.mean(x, axes)
            var = jnp.maximum(jnp.mean(jnp.square(x), axes) - jnp.square(mean), 0)
            batch = mean, jnp.sqrt(var + self.epsilon)
            r, d = renorm_correction(batch, running, count.value)
            scale, bias = scale * r, bias + scale * d
            if not self.is_initializing():
                decay = jnp.minimum(self.momentum, count.value / (count.value + 1))
                running_mean.value = decay * running_mean.value + (1 - decay) * mean
                running_var.value = decay * running_var.value + (1 - decay) * var
                count.value = jnp.minimum(count.value + 1, RENORM_FULL)
        gain = scale * jax.lax.rsqrt(var + self.epsilon)
        shift = bias - mean * gain
        pixelwise = (1,) * len(axes) + shape
        return (x * gain.reshape(pixelwise) + shift.reshape(pixelwise)).astype(
            self.dtype
        )


def renorm_correction(
    batch: tuple[Array, Array], running: tuple[Array, Array], count: Array
) -> tuple[Array, Array]:
    """Compute the correction r, d from batch statistics to running statistics.

    The correction is limited, and the limits widen with the number of batches. No
    gradient passes through it.

    Args:
        batch: Mean and deviation of the batch, [d] each.
        running: Running mean and deviation, [d] each.
        count: Number of batches, [].

    Returns:
        - r: Factor, [d].
        - d: Offset, [d].
    """
    progress = (count - RENORM_START) / (RENORM_FULL - RENORM_START)
    progress = jnp.clip(progress, 0, 1)
    max_r, max_d = MAX_R**progress, MAX_D * progress
    r = jnp.clip(batch[1] / running[1], 1 / max_r, max_r)
    d = jnp.clip((batch[0] - running[0]) / running[1], -max_d, max_d)
    return jax.lax.stop_gradient((r, d))
