"""A clip as the mouth in it, 25 times a second, in windows of a few seconds.

Windows overlap, so that a network sees what is around each frame that it answers for;
of a long clip, one of them is in memory at a time.  Their lengths are few, so that as
few programs are compiled.
"""

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import rich.console
import rich.progress

from avjax.errors import InputError
from avjax.media import face
from avjax.media import image_io as image
from avjax.media import video_reader as video
from avjax.media.face_source import none_found, square
from avjax.media.mouth_crop import GREY, mouth_pictures

FPS = 25
LENGTHS = (25, 50, 75, 100)  # of windows, in frames; the last is that of a long clip
MARGIN = 20  # frames of a window, at either side, for which another one answers

CONSOLE = rich.console.Console(stderr=True)

Path = str | os.PathLike


class Window(NamedTuple):
    """Some frames of a clip.

    first     the number of the first one
    pictures  u8 [w h w 1], the last one repeated where the clip is over
    exists    f32 [w], 0 there, and where no face was found
    kept      the frames of the window that it answers for
    """

    first: int
    pictures: np.ndarray
    exists: np.ndarray
    kept: slice


@dataclasses.dataclass(frozen=True)
class Lips:
    """A clip in which somebody speaks.

    boxes  [t 4], NaN where no face was found
    wide   its pictures show the lower face, as published readers want it
    """

    path: Path
    boxes: np.ndarray
    wide: bool = False

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def seen(self) -> np.ndarray:
        """bool [t]: where the face was found."""
        return np.isfinite(self.boxes[:, 0])

    def pictures(self, size: int) -> Iterator[np.ndarray]:
        """The mouth in every frame, u8 [size size 1]; grey where there is none."""
        frames = video.read_at_rate(self.path, FPS)
        blank = np.full((size, size, 1), GREY, np.uint8)
        for frame, box in zip(frames, self.boxes, strict=True):
            if not np.isfinite(box[0]):
                yield blank
            elif self.wide:
                yield face.lower_face(frame, box, size)
            else:
                yield mouth_pictures(face.mouth(frame, box)[None], size)[0]

    def faces(
        self, size: int, around: Callable[[np.ndarray], np.ndarray]
    ) -> Iterator[np.ndarray]:
        """The face in every frame, u8 [size size 3]; black where there is none.

        around  the box of a face [4] -> what is to be seen of it [4]
        """
        frames = video.read_at_rate(self.path, FPS)
        blank = np.zeros((size, size, 3), np.uint8)
        for frame, box in zip(frames, self.boxes, strict=True):
            there = np.isfinite(box[0])
            yield face.crop(frame, around(box), size) if there else blank

    def windows(self, size: int) -> Iterator[Window]:
        """All frames in their order, in windows of one length."""
        count = len(self)
        length = min((n for n in LENGTHS if n >= count), default=LENGTHS[-1])
        pictures, held, begun, done = self.pictures(size), [], 0, 0
        for start in starts(count, length):
            end = min(start + length, count)
            held = held[start - begun :]
            held += itertools.islice(pictures, end - start - len(held))
            missing = length - len(held)
            exists = np.pad(self.seen[start:end].astype(np.float32), (0, missing))
            until = end if end == count else end - MARGIN
            kept = slice(done - start, until - start)
            yield Window(start, np.stack(held + missing * held[-1:]), exists, kept)
            begun, done = start, until


def starts(frames: int, length: int) -> list[int]:
    """Where the windows of a clip begin; the last one ends with it."""
    last = max(frames - length, 0)
    return [*range(0, last, length - 2 * MARGIN), last]


def open_lips(
    path: Path,
    box: tuple[float, ...] | None = None,
    index: int = 0,
    shown: bool = False,
) -> Lips:
    """A clip, and where its face is; InputError if there is none.

    box    x, y, width, height of the face in pixels, where it is known
    index  which face, the largest being 0
    shown  whether whoever waits sees that something is done
    """
    if index < 0:
        raise InputError(f"faces are counted from 0, so {index} is none")
    require_clip(path)
    if box is None:
        with busy(shown):
            boxes = face.cached_track(path, index, face.EVERY, fps=FPS).boxes
    else:
        info = video.probe(path)
        count = sum(1 for _ in video.read_at_rate(path, FPS))
        boxes = np.tile(square(box, (info.height, info.width)), (count, 1))
    if not np.isfinite(boxes).any():
        raise InputError(none_found(path, index))
    return Lips(path, boxes)


def open_everybody(path: Path, shown: bool = False) -> list[Lips]:
    """A clip for every face in it, the largest first; InputError if there is none."""
    require_clip(path)
    with busy(shown):
        tracks = face.cached_tracks(path, face.EVERY, fps=FPS)
    if not tracks:
        raise InputError(none_found(path, 0))
    return [Lips(path, track.boxes) for track in tracks]


def require_clip(path: Path) -> None:
    """Raises InputError for a picture."""
    if image.is_image(path):
        raise InputError(f"{path} is a picture: lips are read in a clip")


def busy(shown: bool) -> contextlib.AbstractContextManager:
    """Whoever waits sees that something is done, if it is to be shown."""
    return CONSOLE.status("finding the face") if shown else contextlib.nullcontext()


def answers(
    lips: Lips,
    size: int,
    ask: Callable[[np.ndarray, np.ndarray], np.ndarray],
    shown: bool = False,
) -> np.ndarray:
    """What a network answers to every frame of a clip, window by window.

    ask    (pictures u8 [1 w h w 1], exists f32 [1 w]) -> [1 r*w ...], r answers a frame
    shown  whether whoever waits sees how far it is
    -> [r*t ...]
    """
    parts = []
    for window in rich.progress.track(
        lips.windows(size),
        "reading the lips",
        total=len(starts(len(lips), LENGTHS[-1])),
        console=CONSOLE,
        transient=True,
        disable=not shown,
    ):
        answer = np.asarray(ask(window.pictures[None], window.exists[None]))[0]
        each = len(answer) // len(window.exists)
        parts.append(answer[each * window.kept.start : each * window.kept.stop])
    return np.concatenate(parts)
