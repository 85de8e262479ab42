"""Shared types, and the letters that docstrings use for array axes.

b batch        t video frame   f mel frame     k mel band     n audio sample
h w c image    d feature       m memory slot   a head         l token
v vocabulary   i inner step    p landmark

Images are [h w c]; a sequence of vectors is [b t d].

This module does not import jax at run time, so that data loaders can use it.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import jax

    Array = jax.Array
    Key = jax.Array  # one PRNG key, from jax.random.key
else:
    Array = Key = Any

Batch = Mapping[str, Array]
Params = Mapping[str, Any]  # {part: tree of arrays}
PathLike = str | os.PathLike[str]


class Box(NamedTuple):
    """A rectangle in pixels: left, top, right and bottom edge."""

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
