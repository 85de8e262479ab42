"""A picture of any size as squares of one size, so that one program serves them all.

Beyond its sides a picture goes on as its own mirror image.
"""

from collections.abc import Iterator

import numpy as np

from avjax.models.denoiser import reach

CORE = 512  # pixels of the sides of what is kept of a tile
CELLS, SIDE = 4, 64  # squares along a side for adaptation, and their pixels
HELD = np.arange(CELLS**2) % (CELLS + 1) == 0  # of a diagonal: those for the judge


def tiles(picture: np.ndarray) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """Where the core of each tile lies, and the tile, which reaches as far around it as
    anything may that changes the core.

    [h w c] -> (rows, columns), [s s c] with s = CORE + 2 reach().  At the lower and
    right end, what is kept is less than CORE.
    """
    height, width = picture.shape[:2]
    for top in range(0, height, CORE):
        for left in range(0, width, CORE):
            rows = slice(top, min(top + CORE, height))
            columns = slice(left, min(left + CORE, width))
            wide = (
                folded(np.arange(start - reach(), start + CORE + reach()), length)
                for start, length in ((top, height), (left, width))
            )
            yield (rows, columns), picture[np.ix_(*wide)]


def count(shape: tuple[int, ...]) -> int:
    """How many tiles a picture has.  (h, w, ...)"""
    return -(-shape[0] // CORE) * -(-shape[1] // CORE)


def cells(picture: np.ndarray) -> np.ndarray:
    """A square out of the middle of each sixteenth.  [h w c] -> [16 SIDE SIDE c].

    No two have a pixel in common: a sixteenth that is too small is mirrored.
    """
    squares = [
        picture[np.ix_(rows, columns)]
        for rows in middles(picture.shape[0])
        for columns in middles(picture.shape[1])
    ]
    return np.stack(squares)


def middles(length: int) -> list[np.ndarray]:
    """For each quarter of a side, the numbers of SIDE pixels around its middle."""
    edges = [length * number // CELLS for number in range(CELLS + 1)]
    return [
        low + folded(np.arange(SIDE) - (SIDE - (high - low)) // 2, high - low)
        for low, high in zip(edges[:-1], edges[1:], strict=True)
    ]


def folded(numbers: np.ndarray, length: int) -> np.ndarray:
    """Pixel numbers, also below 0 and beyond the end, as those of the mirror image."""
    there = numbers % (2 * length - 2)
    return np.minimum(there, 2 * length - 2 - there)
