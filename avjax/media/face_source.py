"""A photo or a clip as an endless supply of frames, and where the face is in them."""

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from avjax.errors import InputError
from avjax.media import face
from avjax.media import image_io as image
from avjax.media import video_reader as video

PHOTO_FPS = Fraction(25)
LOOKS_PER_SECOND = 8  # of the face detector; between, the face moves evenly

Path = str | os.PathLike


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the frames come from.  box [4] per frame, NaN where no face was found.

    shape   height and width
    boxes   [t 4]
    play    count -> that many pictures u8 [h w 3]; what is too short goes to and fro
    """

    shape: tuple[int, int]
    fps: Fraction
    boxes: np.ndarray
    play: Callable[[int], Iterator[np.ndarray]]


def open_face(
    where: Path | np.ndarray, box: tuple[float, ...] | None, index: int
) -> Source:
    """A photo or a clip, and where its face is; InputError if there is none."""
    if index < 0:
        raise InputError(f"faces are counted from 0, so {index} is none")
    if isinstance(where, np.ndarray):
        if where.ndim != 3 or where.shape[-1] != 3 or where.dtype != np.uint8:
            raise InputError("a picture is an array of uint8 [height, width, 3]")
        return open_photo(where, "the picture", box, index)
    if image.is_image(where):
        return open_photo(image.read_image(where).rgb, where, box, index)
    return open_clip(where, box, index)


def open_clip(where: Path, box: tuple[float, ...] | None, index: int) -> Source:
    info = video.probe(where)
    shape = info.height, info.width
    if box is not None:
        boxes = np.tile(square(box, shape), (info.frames, 1))
    else:
        every = max(1, round(info.fps / LOOKS_PER_SECOND))
        boxes = face.cached_track(where, index, every).boxes
    if not np.isfinite(boxes).any():
        raise InputError(none_found(where, index))
    return Source(shape, info.fps, boxes, lambda count: video.to_and_fro(where, count))


def open_photo(
    rgb: np.ndarray, name: Path, box: tuple[float, ...] | None, index: int
) -> Source:
    if box is not None:
        boxes = square(box, rgb.shape[:2])[None]
    else:
        boxes = face.detect(rgb)[index : index + 1]
    if not len(boxes):
        raise InputError(none_found(name, index))
    return Source(
        rgb.shape[:2], PHOTO_FPS, boxes, lambda count: itertools.repeat(rgb, count)
    )


def none_found(name: Path, index: int) -> str:
    which = "no face" if index == 0 else f"no face number {index} (the largest is 0)"
    return f"{which} was found in {name}; --box x,y,w,h can tell where it is"


def square(box: tuple[float, ...], shape: tuple[int, int]) -> np.ndarray:
    """x, y, width, height -> x0, y0, x1, y1 of the square around the same centre.

    InputError if the box is no box, or leaves the picture of this height and width.
    """
    x, y, width, height = box
    given = ",".join(f"{number:g}" for number in box)
    if not np.isfinite(box).all() or width <= 0 or height <= 0:
        raise InputError(f"the box {given} is not x,y,w,h with w and h above 0")
    if x < 0 or y < 0 or x + width > shape[1] or y + height > shape[0]:
        raise InputError(f"the box {given} leaves the {shape[1]} x {shape[0]} picture")
    middle = np.array([x + width / 2, y + height / 2])
    half = max(width, height) / 2
    return np.concatenate([middle - half, middle + half]).astype(np.float32)
