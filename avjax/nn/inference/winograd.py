"""Convolutions of 3 x 3 pixels with fewer products: Winograd's F(4 x 4, 3 x 3).

Each tile of 4 x 4 outputs needs 36 products a channel, not 144. In float32 the results
differ from those of a plain convolution by about 1e-5 of their scale.

Source   Lavin and Gray, CVPR 2016, "Fast Algorithms for Convolutional Neural Networks"
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange

from avjax.typing import Array

TILE = 4  # outputs of a tile along an axis; it reads TILE + 2 inputs
# The transforms of the source: of inputs, kernels and products.
INPUTS = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
KERNELS = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4]]) / 24
KERNELS = np.append(KERNELS, [[0, 0, 1]], axis=0)
OUTPUTS = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
)


def transform_kernel(kernel: Array) -> Array:
    """Transform a kernel for `winograd_conv`.

    Args:
        kernel: f32 [h=3 w=3 c d].

    Returns:
        f32 [6 6 c d].
    """
    return jnp.einsum("qj,pi,ijcd->qpcd", KERNELS, KERNELS, kernel).astype(jnp.float32)


def transform_strided_kernel(kernel: Array) -> Array:
    """Transform a kernel for `strided_winograd_conv`.

    Args:
        kernel: f32 [h=5 w=5 c d].

    Returns:
        f32 [6 6 4c d].
    """
    kernel = jnp.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0)))
    return transform_kernel(
        rearrange(kernel, "(h r) (w s) c d -> h w (r s c) d", r=2, s=2)
    )


def strided_winograd_conv(x: Array, kernel: Array, padding: int) -> Array:
    """Convolve with a kernel of 5 x 5 pixels and stride 2.

    The pixels that the stride skips become channels.

    Args:
        x: f32 [b h w c].
        kernel: The result of `transform_strided_kernel`, f32 [6 6 4c d].
        padding: Zeros on each side of rows and columns.

    Returns:
        f32 [b r s d] with r = (h + 2 padding - 5) // 2 + 1, and s likewise.
    """
    pads = [(padding, padding + size % 2) for size in x.shape[1:3]]
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    phases = rearrange(padded, "b (h r) (w s) c -> b h w (r s c)", r=2, s=2)
    return winograd_conv(phases, kernel, padding=0)


def winograd_conv(x: Array, kernel: Array, padding: int = 1) -> Array:
    """Convolve with a kernel of 3 x 3 pixels and stride 1.

    Args:
        x: f32 [b h w c].
        kernel: The result of `transform_kernel`, f32 [6 6 c d].
        padding: Zeros on each side of rows and columns.

    Returns:
        f32 [b r s d] with r = h + 2 padding - 2, and s likewise.
    """
    rows, columns = (size + 2 * padding - 2 for size in x.shape[1:3])
    height, width = (-(-size // TILE) * TILE for size in (rows, columns))
    pads = [(padding, padding + n) for n in (height - rows, width - columns)]
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    tiles = _combine(INPUTS, _every_fourth(padded, 1, height))  # [p b y w c]
    tiles = _combine(INPUTS, _every_fourth(tiles, 3, width))  # [q p b y x c]
    shape = {"b": x.shape[0], "y": height // TILE}
    products = jnp.einsum(
        "qpnc,qpcd->qpnd", rearrange(tiles, "q p b y x c -> q p (b y x) c"), kernel
    )
    sums = _combine(OUTPUTS, list(jax.lax.optimization_barrier(products)))
    sums = _combine(OUTPUTS, [sums[:, number] for number in range(TILE + 2)])
    outputs = rearrange(sums, "r s (b y x) d -> b (y r) (x s) d", **shape)
    return outputs[:, :rows, :columns]


def _every_fourth(x: Array, axis: int, size: int) -> list[Array]:
    """Slice the inputs of each tile along an axis: six arrays."""
    return [
        jax.lax.slice_in_dim(x, first, first + size - TILE + 1, TILE, axis)
        for first in range(TILE + 2)
    ]


def _combine(matrix: np.ndarray, arrays: Sequence[Array]) -> Array:
    """Multiply a matrix [m n] and n arrays -> [m ...].

    The barrier keeps the compiler from computing the sums again for each use.
    """
    sums = []
    for row in matrix.tolist():
        terms = [f * x if f != 1 else x for f, x in zip(row, arrays, strict=True) if f]
        sums.append(sum(terms[1:], start=terms[0]))
    return jax.lax.optimization_barrier(jnp.stack(sums))
