"""Convolutions that are exact, and fast on every platform in both directions.

XLA on a CPU runs the gradient of a transposed convolution as a naive loop, and the
gradient of a 3-D one slower still.  Both are rewritten here as plain 2-D convolutions
that give the same numbers, so that every derivative of them is quick as well.

Kernels are [h w c d] (d new channels).  Padding is explicit, as in the published layer
tables: a number of zeros on both sides of an axis.
"""

import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from einops import einsum, rearrange

from avjax.typing import Array

Pair = tuple[int, int]
AXES_2D = ("NHWC", "HWIO", "NHWC")
WASTE = 1.5  # how many more products a rewritten kernel may cost
FEW = 4  # pixels of a map that is small enough to be taken pixel by pixel


def pair(value: int | Sequence[int]) -> Pair:
    """The same number twice, or the two numbers that were given."""
    return (value, value) if isinstance(value, int) else tuple(value)


def conv(
    x: Array,
    kernel: Array,
    *,
    strides: Pair = (1, 1),
    padding: Sequence[Pair] = ((0, 0), (0, 0)),
) -> Array:
    """Plain convolution.  x [b h w c], kernel [h w c d] -> [b h w d].

    Negative padding crops.  It never reaches the compiler: on a CPU, jaxlib 0.10 then
    reads outside of the array (openxla/xla#48713).
    """
    x, padding = _crop(x, padding)
    sides = kernel.shape[:2]
    if x.shape[1:3] == sides and not any(map(any, padding)):
        covered = einsum(x, kernel, "b h w c, h w c d -> b d")
        return covered[:, None, None]
    folded = math.prod(-(-k // s) * s for k, s in zip(sides, strides, strict=True))
    if strides == (1, 1) and math.prod(x.shape[1:3]) <= FEW < math.prod(sides):
        rewritten = _by_pixels
    elif strides == (1, 1) or folded > WASTE * math.prod(sides):
        return _plain(x, kernel, strides, padding)
    else:
        rewritten = _by_folding
    return jax.lax.platform_dependent(
        x,
        kernel,
        cpu=lambda x, kernel: rewritten(x, kernel, strides, padding),
        default=lambda x, kernel: _plain(x, kernel, strides, padding),
    )


def _plain(x: Array, kernel: Array, strides: Pair, padding) -> Array:
    return jax.lax.conv_general_dilated(
        x, kernel, strides, padding, dimension_numbers=AXES_2D
    )


def _by_folding(x: Array, kernel: Array, strides: Pair, padding) -> Array:
    """The same without strides: pixels that a stride skips become channels.

    The gradient of a strided convolution is a transposed one, hence as slow.
    """
    sides = [-(-k // s) for k, s in zip(kernel.shape, strides, strict=False)]
    around, cut = [(0, 0)], [slice(None)]
    for axis, (low, high) in enumerate(padding):
        size, stride = x.shape[axis + 1], strides[axis]
        steps = (size + low + high - kernel.shape[axis]) // stride
        whole = (steps + sides[axis]) * stride
        around.append((low, max(0, whole - size - low)))
        cut.append(slice(whole))
    wide = jnp.pad(x, (*around, (0, 0)))[tuple(cut)]
    more = [
        (0, side * s - k)
        for side, s, k in zip(sides, strides, kernel.shape, strict=False)
    ]
    taps = jnp.pad(kernel, (*more, (0, 0), (0, 0)))
    fold = {"r": strides[0], "s": strides[1]}
    return _plain(
        rearrange(wide, "b (h r) (w s) c -> b h w (r s c)", **fold),
        rearrange(taps, "(h r) (w s) c d -> h w (r s c) d", **fold),
        (1, 1),
        ((0, 0), (0, 0)),
    )


def _by_pixels(x: Array, kernel: Array, strides: Pair, padding) -> Array:
    """The same, without strides, as one product: each pixel in with each pixel out.

    The gradient of a kernel that is larger than its map is ten times slower.
    """
    sizes = zip(x.shape[1:3], kernel.shape[:2], padding, strict=True)
    rows, columns = (
        [[before + low - after for before in range(size)] for after in range(wide)]
        for size, (low, _), wide in (
            (size, around, size + sum(around) - taps + 1)
            for size, taps, around in sizes
        )
    )
    zero = jnp.zeros_like(kernel[0, 0])

    def tap(row: int, column: int) -> Array:
        inside = 0 <= row < kernel.shape[0] and 0 <= column < kernel.shape[1]
        return kernel[row, column] if inside else zero

    taps = [tap(r, c) for out in rows for to in columns for r in out for c in to]
    shape = {"y": len(rows), "x": len(columns), "h": len(rows[0])}
    whole = rearrange(taps, "(y x h w) c d -> y x h w c d", **shape)
    return einsum(x, whole, "b h w c, y x h w c d -> b y x d")


def max_pool(x: Array) -> Array:
    """The largest of 3 x 3 pixels, at every second.  [b h w c] -> [b h/2 w/2 c].

    By rows, then by columns; XLA's own is as exact, and its gradient slower on a CPU.
    """
    for axis in (1, 2):
        around = [(0, 0)] * x.ndim
        around[axis] = (1, 1)
        wide = jnp.pad(x, around, constant_values=-jnp.inf)
        size = x.shape[axis]
        taps = [
            jax.lax.slice_in_dim(wide, tap, tap + size, 2, axis) for tap in range(3)
        ]
        x = jnp.maximum(jnp.maximum(taps[0], taps[1]), taps[2])
    return x


def _crop(x: Array, padding: Sequence[Pair]) -> tuple[Array, tuple[Pair, ...]]:
    """Slices away what negative padding asks for; the padding that is left."""
    kept = tuple(
        slice(max(0, -low), size - max(0, -high))
        for size, (low, high) in zip(x.shape[1:3], padding, strict=True)
    )
    left = tuple((max(low, 0), max(high, 0)) for low, high in padding)
    return x[(slice(None), *kept)], left


def transposed_conv(
    x: Array, kernel: Array, *, stride: int = 1, padding: Sequence[Pair]
) -> Array:
    """Convolution of x with stride - 1 zeros put between its pixels.

    x [b h w c], kernel [h w c d] -> [b h w d].  The padding is around the widened
    picture: for a published (k, s, p, output padding o) it is (k-1-p, k-1-p+o).
    """
    full = tuple((side - 1, side - 1) for side in kernel.shape[:2])
    if x.shape[1:3] == (1, 1) and tuple(map(tuple, padding)) == full:
        return einsum(x[:, 0, 0], kernel[::-1, ::-1], "b c, h w c d -> b h w d")
    if stride == 1:
        return conv(x, kernel, padding=padding)
    return jax.lax.platform_dependent(
        x,
        kernel,
        cpu=lambda x, kernel: _by_phases(x, kernel, stride, padding),
        default=lambda x, kernel: _by_dilation(x, kernel, stride, padding),
    )


def _by_dilation(x: Array, kernel: Array, stride: int, padding) -> Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (1, 1),
        padding,
        lhs_dilation=(stride, stride),
        dimension_numbers=AXES_2D,
    )


def _by_phases(x: Array, kernel: Array, stride: int, padding) -> Array:
    """The same by one small convolution for each of the stride² kinds of pixels.

    A pixel of one kind meets the zeros at always the same taps of the kernel: those
    taps are left out, and the kinds are interleaved in the end.
    """
    sizes = [
        (size - 1) * stride + 2 + sum(around) - taps
        for size, around, taps in zip(x.shape[1:3], padding, kernel.shape, strict=False)
    ]
    rows, columns = (-(-size // stride) for size in sizes)

    def one(kind: Pair) -> Array:
        taps, around = [], []
        axes = zip(kind, padding, x.shape[1:3], (rows, columns), strict=True)
        for axis, (phase, (low, _), size, wanted) in enumerate(axes):
            first = (low - phase) % stride
            count = len(range(first, kernel.shape[axis], stride))
            before = (low - phase - first) // stride
            taps.append(slice(first, None, stride))
            around.append((before, wanted - size - before + count - 1))
        part = kernel[tuple(taps)]
        if 0 in part.shape:
            return jnp.zeros((x.shape[0], rows, columns, kernel.shape[-1]), x.dtype)
        return conv(x, part, padding=around)

    kinds = itertools.product(range(stride), repeat=2)
    every = jnp.stack([one(kind) for kind in kinds])
    whole = rearrange(every, "(r s) b h w c -> b (h r) (w s) c", r=stride)
    return whole[:, : sizes[0], : sizes[1]]


def conv3d(
    x: Array,
    kernel: Array,
    *,
    strides: tuple[int, int, int] = (1, 1, 1),
    padding: tuple[int, int, int] = (0, 0, 0),
) -> Array:
    """Convolution over time too.  x [b t h w c], kernel [t h w c d] -> [b t h w d].

    The taps in time are folded into the channels of one 2-D convolution per frame.
    """
    taps, rows, columns = kernel.shape[:3]
    before, *around = padding
    x = jnp.pad(x, ((0, 0), (before, before), (0, 0), (0, 0), (0, 0)))
    frames = (x.shape[1] - taps) // strides[0] + 1
    last = (frames - 1) * strides[0] + 1
    shifted = [x[:, tap : tap + last : strides[0]] for tap in range(taps)]
    y = conv(
        rearrange(shifted, "k b t h w c -> (b t) h w (k c)"),
        rearrange(kernel, "k h w c d -> h w (k c) d"),
        strides=strides[1:],
        padding=tuple((side, side) for side in around),
    )
    return rearrange(y, "(b t) h w d -> b t h w d", t=frames)
