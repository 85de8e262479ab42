"""A photo or a clip as an endless supply of frames, and where the face is in them."""

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from avjax.errors import InputError
from avjax.media import face, image, video

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
    if isinstance(where, np.ndarray):
        return open_photo(where, "the picture", box, index)
    if image.is_image(where):
        return open_photo(image.read_image(where).rgb, where, box, index)
    info = video.probe(where)
    if box is None:
        every = max(1, round(info.fps / LOOKS_PER_SECOND))
        boxes = face.cached_track(where, index, every).boxes
    else:
        boxes = np.tile(corners(box, (info.height, info.width)), (info.frames, 1))
    if not np.isfinite(boxes).any():
        raise InputError(f"no face was found in {where}; --box x,y,w,h can tell where")
    return Source(
        (info.height, info.width),
        info.fps,
        boxes,
        lambda count: video.to_and_fro(where, count),
    )


def open_photo(
    rgb: np.ndarray, name: Path, box: tuple[float, ...] | None, index: int
) -> Source:
    boxes = face.detect(rgb) if box is None else corners(box, rgb.shape[:2])[None]
    if not len(boxes):
        raise InputError(f"no face was found in {name}; --box x,y,w,h can tell where")
    if box is None and index >= len(boxes):
        raise InputError(
            f"{name} shows {len(boxes)} faces; --face-index {index} is none"
        )
    chosen = boxes[:1] if box is not None else boxes[index : index + 1]
    return Source(
        rgb.shape[:2], PHOTO_FPS, chosen, lambda count: itertools.repeat(rgb, count)
    )


def corners(box: tuple[float, ...], shape: tuple[int, int]) -> np.ndarray:
    """x, y, width, height -> x0, y0, x1, y1; InputError if not inside the picture."""
    x, y, width, height = box
    if x < 0 or y < 0 or x + width > shape[1] or y + height > shape[0]:
        size = f"{shape[1]} x {shape[0]}"
        raise InputError(
            f"the box {x:g},{y:g},{width:g},{height:g} leaves the {size} frame"
        )
    return np.array([x, y, x + width, y + height], np.float32)
