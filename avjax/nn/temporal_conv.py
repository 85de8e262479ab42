"""Convolutions over time, computed as 2-D convolutions or as products.

See `avjax.nn.conv` for the reason.
"""

import flax.linen as nn
import jax.numpy as jnp
from einops import einsum, rearrange

from avjax.nn.batch_renorm import BatchRenorm
from avjax.nn.conv import conv
from avjax.nn.inference import folding
from avjax.nn.inference.temporal_winograd import conv3d_by_winograd
from avjax.nn.layers import ConvSpec, fan_in_uniform
from avjax.typing import Array


def conv1d(x: Array, kernel: Array, dilation: int, padding: int) -> Array:
    """Compute a convolution over time as one product per tap.

    Args:
        x: Input, [b t d].
        kernel: Kernel, [k d e].
        dilation: Frames from one tap to the next.
        padding: Zeros on both sides.

    Returns:
        Output, [b t e].
    """
    num_taps = kernel.shape[0]
    x = jnp.pad(x, ((0, 0), (padding, padding), (0, 0)))
    frames = x.shape[1] - (num_taps - 1) * dilation
    shifted = [
        x[:, tap * dilation : tap * dilation + frames] for tap in range(num_taps)
    ]
    return einsum(jnp.stack(shifted), kernel, "k b t d, k d e -> b t e")


def conv3d(
    x: Array,
    kernel: Array,
    *,
    strides: tuple[int, int, int] = (1, 1, 1),
    padding: tuple[int, int, int] = (0, 0, 0),
) -> Array:
    """Compute a 3-D convolution as one 2-D convolution per frame.

    The taps in time become channels.

    Args:
        x: Input, [b t h w c].
        kernel: Kernel, [t h w c d].
        strides: Strides of time, rows and columns.
        padding: Zeros on both sides of time, rows and columns.

    Returns:
        Output, [b t h w d].
    """
    num_taps = kernel.shape[0]
    time_padding, row_padding, column_padding = padding
    x = jnp.pad(x, ((0, 0), (time_padding, time_padding), (0, 0), (0, 0), (0, 0)))
    frames = (x.shape[1] - num_taps) // strides[0] + 1
    last = (frames - 1) * strides[0] + 1
    shifted = [x[:, tap : tap + last : strides[0]] for tap in range(num_taps)]
    y = conv(
        rearrange(shifted, "k b t h w c -> (b t) h w (k c)"),
        rearrange(kernel, "k h w c d -> h w (k c) d"),
        strides=strides[1:],
        padding=((row_padding, row_padding), (column_padding, column_padding)),
    )
    return rearrange(y, "(b t) h w d -> b t h w d", t=frames)


class Conv3dBlock(nn.Module):
    """Convolution over time and space, batch normalisation, ReLU.

    [b t h w c] -> [b t h w d]

    Attributes:
        features: Output channels, d.
        kernel: Size in frames, rows and columns.
        stride: Stride of rows and columns.
        padding: Zeros on both sides of rows and columns.
        dtype: Of the convolution.
    """

    features: int
    kernel: tuple[int, int, int]
    stride: int = 1
    padding: int = 0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        if folding.is_folded(self):
            return nn.relu(self._convolve_folded(x))
        shape = (*self.kernel, x.shape[-1], self.features)
        kernel = self.param("kernel", fan_in_uniform, shape).astype(self.dtype)
        bias = self.param("bias", nn.initializers.zeros, shape[-1:])
        y = conv3d(
            x.astype(kernel.dtype),
            kernel,
            strides=(1, self.stride, self.stride),
            padding=(0, self.padding, self.padding),
        )
        y = y + bias.astype(kernel.dtype)[None, None, None, None]
        y = BatchRenorm(dtype=self.dtype, name="norm")(y, train)
        suits = self.kernel[0] == 1 and folding.suits_winograd(self._spec, x.shape[1:])
        folding.store_folded(self, conv="", is_winograd=suits)
        return nn.relu(y)

    @property
    def _spec(self) -> ConvSpec:
        """The convolution of one frame."""
        return ConvSpec(self.features, self.kernel[1:], self.stride, self.padding)

    def _convolve_folded(self, x: Array) -> Array:
        """Convolve x [b t h w c] with the folded kernel."""
        folded = self.variables[folding.FOLDED]
        kernel, bias = folded["kernel"], folded["bias"][None, None, None, None]
        if self.kernel[0] > 1:
            convolve = conv3d_by_winograd if x.shape[1] > self.kernel[0] else conv3d
            strides = 1, self.stride, self.stride
            padding = 0, self.padding, self.padding
            return convolve(x, kernel, strides=strides, padding=padding) + bias
        if kernel.ndim == 5:
            kernel = kernel[0]
        frames = rearrange(x, "b t h w c -> (b t) h w c")
        y = folding.convolve_folded(frames, kernel, self._spec)
        return rearrange(y, "(b t) h w d -> b t h w d", t=x.shape[1]) + bias
