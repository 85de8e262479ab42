"""Shared types, and the letters that docstrings use for array axes.

    b      batch              t  video frame           f  mel frame
    h w c  image              k  mel band or MFCC      n  audio sample
    d      feature            m  slot, or moment       l  token or phoneme
    v      vocabulary         i  inner step            p  landmark
    a      attention head or articulation track        s  side of a square image

Images are [h w c]; a sequence of vectors is [b t d].

This module does not import jax at run time, so that data loaders can use it.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import jax

    Array = jax.Array
    Key = jax.Array  # one PRNG key, from jax.random.key
else:
    Array = Key = Any

Batch = Mapping[str, Array]
Params = Mapping[str, Any]  # {part: tree of arrays}
PathLike = str | os.PathLike[str]
Dtype = Literal["float32", "bfloat16", "float16", "float64"]  # of products


class Box(NamedTuple):
    """A rectangle in pixels.

    Attributes:
        x0: Left edge.
        y0: Top edge.
        x1: Right edge.
        y1: Bottom edge.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    @classmethod
    def from_xywh(cls, x: float, y: float, w: float, h: float) -> "Box":
        """Make a box from its left and top edge, its width and its height.

        Args:
            x: Left edge in pixels.
            y: Top edge in pixels.
            w: Width in pixels.
            h: Height in pixels.

        Returns:
            The box.
        """
        return cls(x, y, x + w, y + h)
