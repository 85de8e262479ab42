"""Convolutions with parameters: what the published layer tables are made of.

dtype is that of the products; parameters and statistics are float32 in any case.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from avjax.nn.conv import Pair, conv, pair, transposed_conv
from avjax.typing import Array

# Uniform within 1 / sqrt(fan in): how the published systems draw their kernels.
fan_in_uniform = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


class Conv(nn.Module):
    """Convolution and bias.  [b h w c] -> [b h w d]."""

    features: int
    kernel: int | Pair
    stride: int | Pair = 1
    padding: int | Pair = 0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, bias_learns: bool = True) -> Array:
        shape = (*pair(self.kernel), x.shape[-1], self.features)
        kernel, bias = kernel_and_bias(self, shape, bias_learns)
        around = tuple((side, side) for side in pair(self.padding))
        x = x.astype(kernel.dtype)
        return conv(x, kernel, strides=pair(self.stride), padding=around) + bias


class PlainConv(nn.Module):
    """Convolution without a bias, as before a norm.  [b h w c] -> [b h w d]."""

    features: int
    kernel: int
    stride: int = 1
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        kernel = self.param("kernel", fan_in_uniform, shape).astype(self.dtype)
        around = ((self.kernel // 2,) * 2,) * 2
        strides = (self.stride,) * 2
        return conv(x.astype(kernel.dtype), kernel, strides=strides, padding=around)


class PRelu(nn.Module):
    """What is below zero is scaled by a factor that each channel learns.  [... d].

    Source   He et al., 2015, "Delving Deep into Rectifiers", (1)
    """

    @nn.compact
    def __call__(self, x: Array) -> Array:
        slope = self.param("slope", nn.initializers.constant(0.25), x.shape[-1:])
        slope = slope.astype(x.dtype).reshape((1,) * (x.ndim - 1) + x.shape[-1:])
        return jnp.where(x >= 0, x, slope * x)


class TransposedConv(nn.Module):
    """Transposed convolution and bias.  [b h w c] -> [b h w d].

    The sides of its output are (h - 1) stride - 2 padding + kernel + extra.
    """

    features: int
    kernel: int
    stride: int = 1
    padding: int = 0
    extra: int = 0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, bias_learns: bool = True) -> Array:
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        kernel, bias = kernel_and_bias(self, shape, bias_learns)
        low = self.kernel - 1 - self.padding
        around = ((low, low + self.extra),) * 2
        x = x.astype(kernel.dtype)
        return transposed_conv(x, kernel, stride=self.stride, padding=around) + bias


def kernel_and_bias(module: nn.Module, shape: tuple[int, ...], bias_learns: bool):
    """The two parameters of a convolution, in the module's dtype: [h w c d], [1 1 1 d].

    Before a normalisation by the batch's own mean a bias changes nothing.  It is then
    told to learn nothing, which spares the sum over all pixels that would say so.
    """
    kernel = module.param("kernel", fan_in_uniform, shape)
    bias = module.param("bias", nn.initializers.zeros, shape[-1:])
    if not bias_learns:
        bias = jax.lax.stop_gradient(bias)
    dtype = jnp.dtype(module.dtype)
    return kernel.astype(dtype), bias.astype(dtype)[None, None, None]


class Norm(nn.Module):
    """Batch normalisation that trains on a few clips what it will be with one face.

    [... d] -> [... d].  The mean of four clips says more of who is in them than of the
    world.  After some hundred batches the pixels are therefore normalised by the
    running statistics in training too, and the gradient alone knows the batch's own:
    batch renormalisation.  For large batches both are the same.  The running ones are
    the mean of all batches at first, and reach over the last hundred later.

    Source   Ioffe, 2017, "Batch Renormalization"
    """

    momentum: float = 0.99
    epsilon: float = 1e-5
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        shape, axes = x.shape[-1:], tuple(range(x.ndim - 1))
        scale = self.param("scale", nn.initializers.ones, shape)
        bias = self.param("bias", nn.initializers.zeros, shape)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        running_var = self.variable("batch_stats", "var", jnp.ones, shape)
        seen = self.variable("batch_stats", "seen", jnp.zeros, ())  # up to GROWN
        mean, var = running_mean.value, running_var.value
        x = x.astype(at_least_float32(x.dtype))
        if train:
            known = mean, jnp.sqrt(var + self.epsilon)
            mean = jnp.mean(x, axes)
            var = jnp.maximum(jnp.mean(jnp.square(x), axes) - jnp.square(mean), 0)
            own = mean, jnp.sqrt(var + self.epsilon)
            wider, higher = correction(own, known, seen.value)
            scale, bias = scale * wider, bias + scale * higher
            if not self.is_initializing():
                keep = jnp.minimum(self.momentum, seen.value / (seen.value + 1))
                running_mean.value = keep * running_mean.value + (1 - keep) * mean
                running_var.value = keep * running_var.value + (1 - keep) * var
                seen.value = jnp.minimum(seen.value + 1, GROWN)
        gain = scale * jax.lax.rsqrt(var + self.epsilon)
        shift = bias - mean * gain
        pixelwise = (1,) * len(axes) + shape
        return (x * gain.reshape(pixelwise) + shift.reshape(pixelwise)).astype(
            self.dtype
        )


def at_least_float32(dtype) -> jnp.dtype:
    """What statistics and results are counted in, whatever the products were."""
    return jnp.promote_types(dtype, jnp.float32)


YOUNG, GROWN = 50, 250  # batches: no correction up to here, all of it from here
WIDEST, HIGHEST = 3.0, 5.0  # published limits of the correction


def correction(
    own: tuple[Array, Array], known: tuple[Array, Array], seen: Array
) -> tuple[Array, Array]:
    """From "by the batch's own" to "by the running ones": a factor and a summand.

    Means and deviations [d] of both -> [d], [d], taken as given, within limits that
    open as more batches were seen.
    """
    trust = jnp.clip((seen - YOUNG) / (GROWN - YOUNG), 0, 1)
    widest, highest = WIDEST**trust, HIGHEST * trust
    wider = jnp.clip(own[1] / known[1], 1 / widest, widest)
    higher = jnp.clip((own[0] - known[0]) / known[1], -highest, highest)
    return jax.lax.stop_gradient((wider, higher))


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, ReLU.  A residual is added before the ReLU."""

    features: int
    kernel: int | Pair
    stride: int | Pair = 1
    padding: int | Pair = 0
    residual: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        shape = self.features, self.kernel, self.stride, self.padding
        y = Conv(*shape, dtype=self.dtype, name="conv")(x, bias_learns=not train)
        y = Norm(dtype=self.dtype, name="norm")(y, train)
        return nn.relu(y + x) if self.residual else nn.relu(y)


class DeconvBlock(nn.Module):
    """Transposed convolution, batch normalisation, ReLU."""

    features: int
    kernel: int
    stride: int = 1
    padding: int = 0
    extra: int = 0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        shape = self.features, self.kernel, self.stride, self.padding, self.extra
        grown = TransposedConv(*shape, dtype=self.dtype, name="conv")
        y = grown(x, bias_learns=not train)
        return nn.relu(Norm(dtype=self.dtype, name="norm")(y, train))


class NoNormBlock(nn.Module):
    """Convolution and leaky ReLU (slope 0.01): what the published critics use."""

    features: int
    kernel: int | Pair
    stride: int | Pair = 1
    padding: int | Pair = 0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = self.features, self.kernel, self.stride, self.padding
        return nn.leaky_relu(Conv(*shape, dtype=self.dtype, name="conv")(x), 0.01)
