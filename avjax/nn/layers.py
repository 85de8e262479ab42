"""Convolutional layers of the published networks, and PReLU.

`dtype` is the type of the products. Parameters and statistics are always float32.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from avjax.nn.batch_renorm import BatchRenorm
from avjax.nn.conv import Pair, as_pair, conv, transposed_conv
from avjax.nn.inference import folding
from avjax.typing import Array

# Uniform in +-1 / sqrt(fan in): how the published systems initialise their kernels.
fan_in_uniform = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


class ConvSpec(NamedTuple):
    """Sizes of a convolutional block: one row of a published layer table.

    Attributes:
        channels: Output channels.
        kernel: Size of the kernel, of rows and columns.
        stride: Stride of rows and columns.
        padding: Zeros on both sides of rows and columns.
        residual: Add the input before the activation.
    """

    channels: int
    kernel: int | Pair
    stride: int | Pair = 1
    padding: int | Pair = 0
    residual: bool = False


class Conv(nn.Module):
    """Convolution with bias, [b h w c] -> [b h w d].

    Attributes:
        features: Output channels, d.
        kernel: Size of the kernel.
        stride: Stride.
        padding: Zeros on both sides.
        dtype: Type of the products.
    """

    features: int
    kernel: int | Pair
    stride: int | Pair = 1
    padding: int | Pair = 0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train_bias: bool = True) -> Array:
        """Convolve x [b h w c]; see `kernel_and_bias` for `train_bias`."""
        shape = (*as_pair(self.kernel), x.shape[-1], self.features)
        kernel, bias = kernel_and_bias(self, shape, self.dtype, train_bias)
        padding = [(side, side) for side in as_pair(self.padding)]
        strides, x = as_pair(self.stride), x.astype(kernel.dtype)
        train = not train_bias  # in front of a normalisation
        return conv(x, kernel, strides=strides, padding=padding, train=train) + bias


class ConvNoBias(nn.Module):
    """Convolution without bias that keeps the size at stride 1, [b h w c] -> [b h w d].

    Attributes:
        features: Output channels, d.
        kernel: Odd size of the kernel.
        stride: Stride.
        dtype: Type of the products.
    """

    features: int
    kernel: int
    stride: int = 1
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Convolve x [b h w c]."""
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        kernel = self.param("kernel", fan_in_uniform, shape).astype(self.dtype)
        side = self.kernel // 2
        padding = (side, side), (side, side)
        strides = self.stride, self.stride
        return conv(x.astype(kernel.dtype), kernel, strides=strides, padding=padding)


class PReLU(nn.Module):
    """PReLU: max(x, 0) + a min(x, 0) with a learned slope a per channel, [... d].

    Source:
        He et al., 2015, "Delving Deep into Rectifiers", (1).
    """

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Apply the activation to x [... d]."""
        slope = self.param("slope", nn.initializers.constant(0.25), x.shape[-1:])
        slope = slope.astype(x.dtype).reshape((1,) * (x.ndim - 1) + x.shape[-1:])
        return jnp.where(x >= 0, x, slope * x)


class TransposedConv(nn.Module):
    """Transposed convolution with bias, [b h w c] -> [b h w d].

    The sides of the output are (h - 1) stride - 2 padding + kernel + output_padding.

    Attributes:
        features: Output channels, d.
        kernel: Size of the kernel.
        stride: Stride.
        padding: Zeros that the corresponding convolution has on both sides.
        output_padding: Pixels added at the lower and the right edge.
        dtype: Type of the products.
    """

    features: int
    kernel: int
    stride: int = 1
    padding: int = 0
    output_padding: int = 0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train_bias: bool = True) -> Array:
        """Convolve x [b h w c]; see `kernel_and_bias` for `train_bias`."""
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        kernel, bias = kernel_and_bias(self, shape, self.dtype, train_bias)
        return self.convolve(x.astype(kernel.dtype), kernel) + bias

    def convolve(self, x: Array, kernel: Array) -> Array:
        """Convolve x [b h w c] with a kernel [h w c d] -> [b h w d]."""
        low = self.kernel - 1 - self.padding
        padding = ((low, low + self.output_padding),) * 2
        return transposed_conv(x, kernel, stride=self.stride, padding=padding)


def kernel_and_bias(
    module: nn.Module, shape: tuple[int, ...], dtype: str, train_bias: bool
) -> tuple[Array, Array]:
    """Create the two parameters of a convolution.

    In front of a normalisation by the batch mean, a bias has no effect. Without its
    gradient, XLA does not have to sum over all pixels.

    Args:
        module: The module that owns the parameters.
        shape: Shape of the kernel, (h, w, c, d).
        dtype: Type that the parameters are converted to.
        train_bias: Whether the bias has a gradient.

    Returns:
        - kernel: [h w c d].
        - bias: [1 1 1 d].
    """
    kernel = module.param("kernel", fan_in_uniform, shape)
    bias = module.param("bias", nn.initializers.zeros, shape[-1:])
    if not train_bias:
        bias = jax.lax.stop_gradient(bias)
    return kernel.astype(dtype), bias.astype(dtype)[None, None, None]


class ConvBlock(nn.Module):
    """Convolution, batch renormalisation, ReLU, [b h w c] -> [b h w d].

    Attributes:
        spec: Sizes of the convolution; a residual is added before the ReLU.
        dtype: Type of the products.
    """

    spec: ConvSpec
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool, skip: Array | None = None) -> Array:
        """Apply the block to x [b h w c] and more channels, skip [b or 1 h w e]."""
        if folding.is_folded(self):
            y = folding.folded_conv(self, x, skip, self.spec)
        else:
            sizes, shape, x = self.spec[:4], x.shape, folding.join_channels(x, skip)
            y = Conv(*sizes, dtype=self.dtype, name="conv")(x, train_bias=not train)
            y = BatchRenorm(dtype=self.dtype, name="norm")(y, train)
            is_winograd = folding.suits_winograd(self.spec, shape)
            folding.store_folded(self, is_winograd=is_winograd)
        return nn.relu(y + x) if self.spec.residual else nn.relu(y)


class DeconvBlock(nn.Module):
    """Transposed convolution, batch renormalisation, ReLU, [b h w c] -> [b h w d].

    Attributes:
        spec: Sizes of the transposed convolution. Kernel, stride and padding must be
            single numbers.
        output_padding: Pixels added at the lower and the right edge.
        dtype: Type of the products.
    """

    spec: ConvSpec
    output_padding: int = 0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool, skip: Array | None = None) -> Array:
        """Apply the block to x [b h w c] and more channels, skip [b or 1 h w e]."""
        kernel, stride, padding = (as_pair(size)[0] for size in self.spec[1:4])
        sizes = self.spec.channels, kernel, stride, padding, self.output_padding
        deconv = TransposedConv(*sizes, self.dtype, name="conv")
        if folding.is_folded(self):
            return nn.relu(folding.apply_folded(self, deconv.convolve, x, skip))
        y = deconv(folding.join_channels(x, skip), train_bias=not train)
        y = BatchRenorm(dtype=self.dtype, name="norm")(y, train)
        folding.store_folded(self)
        return nn.relu(y)


class ConvLeakyReLU(nn.Module):
    """Convolution and leaky ReLU (slope 0.01), the block of discriminators.

    Attributes:
        spec: Sizes of the convolution.
        dtype: Type of the products.
    """

    spec: ConvSpec
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Apply the block to x [b h w c]."""
        sizes = self.spec[:4]
        return nn.leaky_relu(Conv(*sizes, dtype=self.dtype, name="conv")(x), 0.01)


def residual(channels: int) -> ConvSpec:
    """Return the spec of a residual 3 x 3 block that keeps the size.

    Args:
        channels: Channels of its input and output.

    Returns:
        The spec.
    """
    return ConvSpec(channels, 3, 1, 1, residual=True)


def downsample(channels: int) -> ConvSpec:
    """Return the spec of a 3 x 3 block with stride 2.

    Args:
        channels: Output channels.

    Returns:
        The spec.
    """
    return ConvSpec(channels, 3, 2, 1)


def scale_width(channels: int, width: float, min_channels: int = 8) -> int:
    """Scale a number of channels and round it to a multiple of eight.

    Args:
        channels: Published number of channels.
        width: Factor.
        min_channels: Lower limit of the result.

    Returns:
        The number of channels.
    """
    return max(min_channels, 8 * round(channels * width / 8))


class ConvStack(nn.Module):
    """A sequence of ConvBlocks, [b h w c] -> [b h w d].

    Attributes:
        specs: Published sizes of the blocks.
        width: Factor of their channels.
        dtype: Type of the products.
        min_channels: Lower limit of the scaled channels.
    """

    specs: tuple[ConvSpec, ...]
    width: float = 1.0
    dtype: str = "float32"
    min_channels: int = 8

    @nn.compact
    def __call__(self, x: Array, train: bool, skip: Array | None = None) -> Array:
        """Apply the blocks to x [b h w c] and more channels, skip [b or 1 h w e]."""
        for index, spec in enumerate(self.specs):
            channels = scale_width(spec.channels, self.width, self.min_channels)
            spec = spec._replace(channels=channels)
            x = ConvBlock(spec, self.dtype, name=f"block_{index}")(x, train, skip)
            skip = None
        return x
