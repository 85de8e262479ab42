"""Convolutions of five frames with fewer products: Winograd's F(4, 5) over time.

Four consecutive outputs need eight convolutions of one frame, not twenty.

Source   Lavin and Gray, CVPR 2016, "Fast Algorithms for Convolutional Neural Networks";
         the matrices follow from the product of two polynomials, as in Toom's method
"""

import functools

import jax.numpy as jnp
import numpy as np
from einops import rearrange

from avjax.nn.conv import conv
from avjax.typing import Array

TILE, TAPS = 4, 5  # outputs that are computed together, and frames of the kernel
POINTS = 0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5  # and infinity


def _powers(count: int) -> np.ndarray:
    """Evaluate the powers 0 to count - 1 at all points, [8 count]."""
    powers = np.power.outer(np.array(POINTS), np.arange(count))
    return np.vstack([powers, np.arange(count) == count - 1])


# A polynomial of degree 7 follows from its values; the convolution is its transpose.
SCALE = np.abs(np.linalg.inv(_powers(TILE + TAPS - 1))).max(axis=0)[:, None]
INPUTS = np.linalg.inv(_powers(TILE + TAPS - 1)).T / SCALE  # [8 8]
KERNELS = _powers(TAPS) * SCALE  # [8 5]
OUTPUTS = _powers(TILE).T  # [4 8]


def conv3d_by_winograd(
    x: Array,
    kernel: Array,
    *,
    strides: tuple[int, int, int],
    padding: tuple[int, int, int],
) -> Array:
    """Compute `nn.temporal_conv.conv3d` for kernels of five frames.

    Args:
        x: Input, [b t h w c].
        kernel: Kernel, [t=5 h w c d].
        strides: Strides of time (1), rows and columns.
        padding: Zeros on both sides of time (none), rows and columns.

    Returns:
        Output, [b t-4 h w d].
    """
    frames = x.shape[1] - TAPS + 1
    groups = -(-frames // TILE)
    missing = groups * TILE - frames
    x = jnp.pad(x, ((0, 0), (0, missing), (0, 0), (0, 0), (0, 0)))
    last = (groups - 1) * TILE + 1
    taps = [x[:, first : first + last : TILE] for first in range(TILE + TAPS - 1)]
    pads = [(side, side) for side in padding[1:]]
    products = []
    for inputs, kernels in zip(INPUTS, KERNELS, strict=True):
        combined = rearrange(_combine(inputs, taps), "b t h w c -> (b t) h w c")
        spatial = _combine(kernels, list(kernel))
        products.append(conv(combined, spatial, strides=strides[1:], padding=pads))
    outputs = [_combine(row, products) for row in OUTPUTS]
    stacked = rearrange(outputs, "r (b t) h w d -> b (t r) h w d", b=x.shape[0])
    return stacked[:, :frames]


def _combine(factors: np.ndarray, arrays: list[Array]) -> Array:
    """Compute the weighted sum of arrays."""
    terms = [f * x for f, x in zip(factors.tolist(), arrays, strict=True) if f]
    return functools.reduce(jnp.add, terms)
