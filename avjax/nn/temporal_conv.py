"""Convolutions over time, computed as 2-D convolutions or as products.

See `avjax.nn.conv` for the reason.
"""

import jax.numpy as jnp
from einops import einsum, rearrange

from avjax.nn.conv import conv
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
