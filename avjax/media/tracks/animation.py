"""Decode animated WebP files and HEIF images with Pillow.

FFmpeg decodes neither the animations of WebP nor images of several tiles.
"""

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from PIL import Image, ImageOps, ImageSequence

from avjax.constants import FPS
from avjax.errors import InputError
from avjax.media import heif
from avjax.media.files import check_readable, wrap_os_errors
from avjax.media.image_io import DAMAGED
from avjax.typing import PathLike

MILLISECOND = Fraction(1, 1000)


def is_animation(path: PathLike) -> bool:
    """Return True for a WebP or HEIF file, by its content and not by its name.

    Args:
        path: The file.

    Raises:
        InputError: The file cannot be read.
    """
    check_readable(path)
    with wrap_os_errors(path, "read"), open(path, "rb") as file:
        header = file.read(12)
    return header[:4] + header[8:] == b"RIFFWEBP" or heif.register(path)


def read_times(path: PathLike) -> np.ndarray:
    """Read the times of the frames in seconds, f64 [t].

    Args:
        path: The file.

    Raises:
        InputError: The file is damaged.
    """
    return np.array([frame.time for frame in read_frames(path)])


def read_frames(path: PathLike) -> Iterator[av.VideoFrame]:
    """Decode the frames.

    Args:
        path: The file.

    Yields:
        RGB frames with timestamps in milliseconds.

    Raises:
        InputError: The file is damaged.
    """
    stamp = 0
    try:
        with Image.open(path) as images:
            # The other images of a HEIF file are tiles, masks and variants.
            is_still = images.format == "HEIF"
            for image in [images] if is_still else ImageSequence.Iterator(images):
                image.load()
                rgb = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                frame.pts, frame.time_base = stamp, MILLISECOND
                yield frame
                stamp += image.info.get("duration") or round(1000 / FPS)
    except (*DAMAGED, Image.DecompressionBombError) as error:
        raise InputError(f"cannot read {path}: it is damaged or cut off") from error
