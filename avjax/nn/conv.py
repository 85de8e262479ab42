"""Convolutions with fast exact gradients on every platform.

XLA on a CPU computes the gradient of a transposed convolution with a naive loop, and
the gradient of a 3-D convolution with a slower one. This module rewrites both as plain
2-D convolutions that give the same numbers, so that their gradients are fast as well.

Kernels are [h w c d] with d output channels. Padding is explicit, as in published layer
tables: the number of zeros on both sides of an axis.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from einops import einsum, rearrange

from avjax.nn.inference.winograd import transform_kernel, winograd_conv
from avjax.typing import Array

Pair = tuple[int, int]
DIMENSION_NUMBERS = ("NHWC", "HWIO", "NHWC")
MAX_EXTRA_COST = 1.5  # ratio of multiplications up to which a kernel is rewritten
MAX_SMALL_MAP = 4  # pixels of a map that is small enough for a dense product
# Side of a map, pixels of a batch and channels from which Winograd's form is faster.
WINOGRAD_MIN_SIDE, WINOGRAD_MIN_PIXELS, WINOGRAD_CHANNELS = 12, 4096, range(64, 257)


def as_pair(value: int | Sequence[int]) -> Pair:
    """Return a number twice, or the two numbers of a sequence.

    Args:
        value: One number for both axes, or two numbers.

    Returns:
        Two numbers.
    """
    if isinstance(value, int):
        return value, value
    first, second = value
    return first, second


def _on_cpu(
    rewritten: Callable[[Array, Array], Array],
    plain: Callable[[Array, Array], Array],
    x: Array,
    kernel: Array,
) -> Array:
    """Compute a convolution in rewritten form on a CPU, in plain form elsewhere."""
    return jax.lax.platform_dependent(x, kernel, cpu=rewritten, default=plain)


def conv(
    x: Array,
    kernel: Array,
    *,
    strides: Pair = (1, 1),
    padding: Sequence[Pair] = ((0, 0), (0, 0)),
    train: bool = False,
) -> Array:
    """Compute a 2-D convolution.

    Negative padding crops. It is never passed to the compiler: on a CPU, jaxlib 0.10
    would read outside of the array (openxla/xla#48713).

    Args:
        x: Input, [b h w c].
        kernel: Kernel, [h w c d].
        strides: Strides of rows and columns.
        padding: Zeros before and after the rows, and the columns.
        train: Whether a gradient is computed. Then, on a CPU, large convolutions and
            their gradients have fewer products, and an error of about 1e-5.

    Returns:
        Output, [b h w d].
    """
    x, pads = _crop(x, padding)
    size = kernel.shape[:2]
    if train and _suits_winograd(x, kernel, strides, pads):
        return _on_cpu(
            jax.checkpoint(
                lambda x, kernel: winograd_conv(x, transform_kernel(kernel))
            ),
            lambda x, kernel: _plain_conv(x, kernel, strides, pads),
            x,
            kernel,
        )
    if x.shape[1:3] == size and not any(map(any, pads)):
        covered = einsum(x, kernel, "b h w c, h w c d -> b d")
        return covered[:, None, None]
    folded_size = math.prod(-(-k // s) * s for k, s in zip(size, strides, strict=True))
    if strides == (1, 1) and math.prod(x.shape[1:3]) <= MAX_SMALL_MAP < math.prod(size):
        rewritten = _dense_conv
    elif strides == (1, 1) or folded_size > MAX_EXTRA_COST * math.prod(size):
        return _plain_conv(x, kernel, strides, pads)
    else:
        rewritten = _folded_conv
    return _on_cpu(
        lambda x, kernel: rewritten(x, kernel, strides, pads),
        lambda x, kernel: _plain_conv(x, kernel, strides, pads),
        x,
        kernel,
    )


def _suits_winograd(
    x: Array, kernel: Array, strides: Pair, padding: tuple[Pair, ...]
) -> bool:
    """Return whether Winograd's form is faster for a convolution and its gradient."""
    return (
        (kernel.shape[:2], strides, padding) == ((3, 3), (1, 1), ((1, 1), (1, 1)))
        and min(x.shape[1:3]) >= WINOGRAD_MIN_SIDE
        and math.prod(x.shape[:3]) >= WINOGRAD_MIN_PIXELS
        and all(channels in WINOGRAD_CHANNELS for channels in kernel.shape[2:])
        and x.dtype == kernel.dtype == "float32"
    )


def _plain_conv(
    x: Array, kernel: Array, strides: Pair, padding: Sequence[Pair]
) -> Array:
    """Compute a convolution with XLA."""
    return jax.lax.conv_general_dilated(
        x, kernel, strides, padding, dimension_numbers=DIMENSION_NUMBERS
    )


def _folded_conv(
    x: Array, kernel: Array, strides: Pair, padding: Sequence[Pair]
) -> Array:
    """Move the pixels that a stride skips to channels, then convolve without stride.

    The gradient of a strided convolution is a transposed one, and as slow.
    """
    sizes = [-(-k // s) for k, s in zip(kernel.shape, strides, strict=False)]
    pads, crop = [(0, 0)], [slice(None)]
    for axis, (low, high) in enumerate(padding):
        size, stride = x.shape[axis + 1], strides[axis]
        steps = (size + low + high - kernel.shape[axis]) // stride
        padded_size = (steps + sizes[axis]) * stride
        pads.append((low, max(0, padded_size - size - low)))
        crop.append(slice(padded_size))
    padded = jnp.pad(x, (*pads, (0, 0)))[tuple(crop)]
    kernel_pads = [
        (0, size * s - k)
        for size, s, k in zip(sizes, strides, kernel.shape, strict=False)
    ]
    taps = jnp.pad(kernel, (*kernel_pads, (0, 0), (0, 0)))
    fold = {"r": strides[0], "s": strides[1]}
    return _plain_conv(
        rearrange(padded, "b (h r) (w s) c -> b h w (r s c)", **fold),
        rearrange(taps, "(h r) (w s) c d -> h w (r s c) d", **fold),
        (1, 1),
        ((0, 0), (0, 0)),
    )


def _dense_conv(
    x: Array, kernel: Array, strides: Pair, padding: Sequence[Pair]
) -> Array:
    """Compute a convolution without stride as one product of all pixels.

    The gradient of a kernel that is larger than its map is ten times slower.
    """
    axes = zip(x.shape[1:3], kernel.shape[:2], padding, strict=True)
    row_taps, column_taps = (
        [
            [source + low - target for source in range(size)]
            for target in range(size + low + high - taps + 1)
        ]
        for size, taps, (low, high) in axes
    )
    zero = jnp.zeros_like(kernel[0, 0])

    def tap(row: int, column: int) -> Array:
        inside = 0 <= row < kernel.shape[0] and 0 <= column < kernel.shape[1]
        return kernel[row, column] if inside else zero

    taps = [
        tap(row, column)
        for rows in row_taps
        for columns in column_taps
        for row in rows
        for column in columns
    ]
    shape = {"y": len(row_taps), "x": len(column_taps), "h": len(row_taps[0])}
    dense = rearrange(taps, "(y x h w) c d -> y x h w c d", **shape)
    return einsum(x, dense, "b h w c, y x h w c d -> b y x d")


def max_pool(x: Array) -> Array:
    """Compute the maximum of 3 x 3 pixels with stride 2.

    Rows are pooled first, then columns: the gradient of XLA's own pooling is slower on
    a CPU.

    Args:
        x: Input with even sides, [b h w c].

    Returns:
        Output, [b h/2 w/2 c].
    """
    for axis in (1, 2):
        pads = [(0, 0)] * x.ndim
        pads[axis] = (1, 1)
        padded = jnp.pad(x, pads, constant_values=-jnp.inf)
        size = x.shape[axis]
        taps = [
            jax.lax.slice_in_dim(padded, tap, tap + size, 2, axis) for tap in range(3)
        ]
        x = jnp.maximum(jnp.maximum(taps[0], taps[1]), taps[2])
    return x


def _crop(x: Array, padding: Sequence[Pair]) -> tuple[Array, tuple[Pair, ...]]:
    """Apply negative padding as a crop; return the remaining padding."""
    kept_slices = tuple(
        slice(max(0, -low), size - max(0, -high))
        for size, (low, high) in zip(x.shape[1:3], padding, strict=True)
    )
    remaining = tuple((max(low, 0), max(high, 0)) for low, high in padding)
    return x[(slice(None), *kept_slices)], remaining


def transposed_conv(
    x: Array, kernel: Array, *, stride: int = 1, padding: Sequence[Pair]
) -> Array:
    """Convolve an input that has stride - 1 zeros between its pixels.

    Args:
        x: Input, [b h w c].
        kernel: Kernel, [h w c d].
        stride: Stride of rows and columns.
        padding: Zeros around the dilated input. For a published layer with kernel k,
            padding p and output padding o it is (k-1-p, k-1-p+o).

    Returns:
        Output, [b h w d].
    """
    full = tuple((size - 1, size - 1) for size in kernel.shape[:2])
    if x.shape[1:3] == (1, 1) and tuple(map(tuple, padding)) == full:
        return einsum(x[:, 0, 0], kernel[::-1, ::-1], "b c, h w c d -> b h w d")
    if stride == 1:
        return conv(x, kernel, padding=padding)
    return _on_cpu(
        lambda x, kernel: _transposed_by_phase(x, kernel, stride, padding),
        lambda x, kernel: _transposed_by_dilation(x, kernel, stride, padding),
        x,
        kernel,
    )


def _transposed_by_dilation(
    x: Array, kernel: Array, stride: int, padding: Sequence[Pair]
) -> Array:
    """Compute a transposed convolution with XLA."""
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (1, 1),
        padding,
        lhs_dilation=(stride, stride),
        dimension_numbers=DIMENSION_NUMBERS,
    )


def _transposed_by_phase(
    x: Array, kernel: Array, stride: int, padding: Sequence[Pair]
) -> Array:
    """Compute a transposed convolution with one small convolution for each phase.

    The output pixels of one of the stride² phases meet the inserted zeros at the same
    taps of the kernel. These taps are left out, and the phases are interleaved.
    """
    sizes = [
        (size - 1) * stride + 2 + sum(pads) - taps
        for size, pads, taps in zip(x.shape[1:3], padding, kernel.shape, strict=False)
    ]
    rows, columns = (-(-size // stride) for size in sizes)

    def phase_conv(phases: Pair) -> Array:
        taps, pads = [], []
        axes = zip(phases, padding, x.shape[1:3], (rows, columns), strict=True)
        for axis, (phase, (low, _), size, out_size) in enumerate(axes):
            first = (low - phase) % stride
            count = len(range(first, kernel.shape[axis], stride))
            before = (low - phase - first) // stride
            taps.append(slice(first, None, stride))
            pads.append((before, out_size - size - before + count - 1))
        phase_kernel = kernel[tuple(taps)]
        if 0 in phase_kernel.shape:
            return jnp.zeros((x.shape[0], rows, columns, kernel.shape[-1]), x.dtype)
        return conv(x, phase_kernel, padding=pads)

    phases = itertools.product(range(stride), repeat=2)
    outputs = jnp.stack([phase_conv((row, column)) for row, column in phases])
    merged = rearrange(outputs, "(r s) b h w c -> b (h r) (w s) c", r=stride)
    return merged[:, : sizes[0], : sizes[1]]
