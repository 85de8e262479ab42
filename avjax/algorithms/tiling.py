"""Tiles and patches of images: few compiled programs serve images of all sizes.

Outside of its edges an image continues as its own mirror image.
"""

from collections.abc import Iterator

import numpy as np

from avjax.models.denoiser import DenoiserConfig

TILE_SIZES = 256, 512, 1024  # sides in pixels of the part of a tile that is kept
PATCHES_PER_SIDE, PATCH_SIZE = 4, 64  # patches for adaptation; their side in pixels
CONV_DEPTHS = 14, 8, 8  # denoiser: 3 x 3 convolutions at full, half, quarter size
HELD_OUT = (
    np.arange(PATCHES_PER_SIDE**2) % (PATCHES_PER_SIDE + 1) == 0
)  # on the diagonal


def tiles(
    image: np.ndarray, context: int
) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """Cut an image into overlapping tiles of equal size.

    At the lower and the right edge, a part of a tile lies outside of the image.

    Args:
        image: The image, [h w c].
        context: Pixels around the kept part that can influence it.

    Yields:
        - region: Rows and columns of the image that are kept of a tile.
        - tile: The tile, [s s c] with s = tile_size(image.shape, context) + 2 context.
    """
    height, width = image.shape[:2]
    size = tile_size(image.shape, context)
    for top in range(0, height, size):
        for left in range(0, width, size):
            rows = slice(top, min(top + size, height))
            columns = slice(left, min(left + size, width))
            indices = (
                reflect_indices(
                    np.arange(start - context, start + size + context), length
                )
                for start, length in ((top, height), (left, width))
            )
            yield (rows, columns), image[np.ix_(*indices)]


def tile_size(shape: tuple[int, ...], context: int) -> int:
    """Choose the tiles of an image that have the fewest pixels in total.

    Args:
        shape: Shape of the image, (h, w, ...).
        context: Pixels around the kept part of a tile.

    Returns:
        One of TILE_SIZES.
    """
    return min(
        TILE_SIZES,
        key=lambda size: count_tiles(shape, size) * (size + 2 * context) ** 2,
    )


def receptive_field(config: DenoiserConfig) -> int:
    """Return the largest distance in pixels at which one pixel changes another.

    Each convolution and each upsampling adds a pixel at its own resolution.  The result
    is rounded up to a multiple of the sides of images.
    """
    distance = sum(2**level * depth for level, depth in enumerate(CONV_DEPTHS))
    distance = (distance + 2 + 4 + 4) * config.size_multiple // 4 - 1
    return -(-distance // config.size_multiple) * config.size_multiple


def count_tiles(shape: tuple[int, ...], size: int) -> int:
    """Count the tiles that cover an image.

    Args:
        shape: Shape of the image, (h, w, ...).
        size: Side of the kept part of a tile.

    Returns:
        Number of tiles.
    """
    return -(-shape[0] // size) * -(-shape[1] // size)


def sample_patches(image: np.ndarray) -> np.ndarray:
    """Cut a patch out of the middle of each sixteenth of an image.

    No two patches share a pixel: a sixteenth that is too small is mirrored.

    Args:
        image: The image, [h w c].

    Returns:
        Patches, [16 PATCH_SIZE PATCH_SIZE c].
    """
    patches = [
        image[np.ix_(rows, columns)]
        for rows in patch_indices(image.shape[0])
        for columns in patch_indices(image.shape[1])
    ]
    return np.stack(patches)


def patch_indices(length: int) -> list[np.ndarray]:
    """Compute the pixels of the patches along one side of an image.

    Args:
        length: Length of the side in pixels.

    Returns:
        For each quarter, the indices of PATCH_SIZE pixels around its middle.
    """
    edges = [length * i // PATCHES_PER_SIDE for i in range(PATCHES_PER_SIDE + 1)]
    return [
        low
        + reflect_indices(
            np.arange(PATCH_SIZE) - (PATCH_SIZE - (high - low)) // 2, high - low
        )
        for low, high in zip(edges[:-1], edges[1:], strict=True)
    ]


def reflect_indices(indices: np.ndarray, length: int) -> np.ndarray:
    """Map indices outside of an image to those of its mirror image.

    Args:
        indices: Pixel indices, also negative or beyond the end.
        length: Length of the side in pixels.

    Returns:
        Indices in [0, length).
    """
    folded = indices % (2 * length - 2)
    return np.minimum(folded, 2 * length - 2 - folded)
