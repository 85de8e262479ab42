"""Find and read the image files of a corpus, and cut them into tiles."""

import os
import pathlib
from collections.abc import Iterator

import cv2
import numpy as np

from avjax.errors import InputError, not_a_folder
from avjax.media import tiff
from avjax.media.image_io import is_tiff
from avjax.media.pixels import to_rgb

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}


def find_images(root: pathlib.Path) -> list[pathlib.Path]:
    """Find all images below a folder; links to folders are followed.

    Args:
        root: The folder.

    Returns:
        The files, sorted by path.

    Raises:
        InputError: There is no such folder.
    """
    if not root.is_dir():
        raise InputError(not_a_folder(root))
    paths = (
        pathlib.Path(folder, name)
        for folder, _, names in os.walk(root, followlinks=True)
        for name in names
    )
    return sorted(path for path in paths if path.suffix.lower() in SUFFIXES)


def read_image(path: pathlib.Path) -> np.ndarray:
    """Read an image as it is stored, without rotation, except for TIFF.

    Args:
        path: The file.

    Returns:
        Pixel values, u8 or u16 [h w 3]. Grey images have three equal channels, and
        opacity is left out. Floats, which are in [0, 1], become 16 bits. TIFF images
        are upright.

    Raises:
        InputError: The file cannot be read, or its pixel values are unsupported.
    """
    if is_tiff(path):
        pixels = tiff.read(path).pixels
    else:
        flags = cv2.IMREAD_COLOR_BGR | cv2.IMREAD_ANYDEPTH
        try:
            pixels = cv2.imread(os.fspath(path), flags | cv2.IMREAD_IGNORE_ORIENTATION)
        except cv2.error:  # OpenCV refuses images with too many pixels
            pixels = None
        if pixels is None:
            raise InputError(f"{path} cannot be read as an image")
        pixels = pixels[..., ::-1]
    if pixels.shape[-1] == 4:
        raise InputError(f"{path} has the colour mode CMYK: convert it to grey or RGB")
    pixels = to_rgb(pixels)
    if pixels.dtype.kind == "f":
        if not (np.isfinite(pixels).all() and 0 <= pixels.min() <= pixels.max() <= 1):
            raise InputError(f"{path} has floating-point pixels outside of [0, 1]")
        return np.round(pixels * 65535).astype(np.uint16)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"{path} has pixels of type {pixels.dtype}; 8 bits, 16 bits and floats are "
            "supported"
        )
    return pixels


def cut_tiles(image: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Cut an image into square tiles that cover it.

    Args:
        image: The image, [h w 3].
        size: Side of the tiles in pixels. The last tiles of a row or column overlap
            their neighbours; of a smaller image there is one smaller tile.

    Yields:
        Tiles, row by row.
    """
    for top in tile_starts(image.shape[0], size):
        for left in tile_starts(image.shape[1], size):
            yield image[top : top + size, left : left + size]


def tile_starts(length: int, size: int) -> list[int]:
    """Compute the starts of tiles along one axis.

    For example, tiles of 512 pixels start at 0 and 488 of 1000 pixels.

    Args:
        length: Length of the axis in pixels.
        size: Side of the tiles in pixels.

    Returns:
        Start of each tile in pixels.
    """
    last = max(length - size, 0)
    return [min(start, last) for start in range(0, last + size, size)]
