"""Divide a stream of frames where the picture changes from one shot to another."""

import collections
import itertools
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

THUMBNAIL_SIZE = 32  # side in pixels at which frames are compared
MIN_CHANGE = 10.0  # mean difference of the pixels at a cut, in grey levels
MIN_RATIO = 4.0  # change at a cut over the largest change of the frames around it
NEIGHBOURS = 3  # number of frames on each side that a change is compared with


def number_shots(frames: Iterable[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
    """Number the shots of a video; only hard cuts are found, not fades.

    A cut is a change of the picture that is large, and far larger than the changes
    around it. So neither a moving camera nor a flash is a cut.

    Args:
        frames: Frames, u8 [h w c=3]. A few of them are in memory at a time.

    Yields:
        The number of the shot, from 0, and the frame.
    """
    waiting: collections.deque[np.ndarray] = collections.deque()
    width = 2 * NEIGHBOURS + 1
    changes = collections.deque([0.0] * width, maxlen=width)
    last, shot = None, 0
    for frame in itertools.chain(frames, itertools.repeat(None, NEIGHBOURS)):
        change = 0.0
        if frame is not None:
            waiting.append(frame)
            thumbnail = _thumbnail(frame)
            if last is not None:
                change = float(np.abs(thumbnail - last).mean())
            last = thumbnail
        changes.append(change)
        if len(waiting) > NEIGHBOURS or (frame is None and waiting):
            # The oldest waiting frame is in the middle of `changes`.
            shot += _is_cut(changes)
            yield shot, waiting.popleft()


def _is_cut(changes: Iterable[float]) -> bool:
    """Test whether the change in the middle is a cut."""
    changes = list(changes)
    change = changes.pop(NEIGHBOURS)
    return change > max(MIN_CHANGE, MIN_RATIO * max(changes))


def _thumbnail(frame: np.ndarray) -> np.ndarray:
    """Shrink a frame to f32 [32 32 3]."""
    size = (THUMBNAIL_SIZE, THUMBNAIL_SIZE)
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.float32)
