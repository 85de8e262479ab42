"""Number decoded frames, some of which may be damaged, missing or not presented."""

from collections.abc import Iterator

import av
import numpy as np

MAX_MISSING = 1000  # consecutive frames
MAX_STEP = 8  # frames; a larger step must be confirmed by the next frame


def number_frames(
    frames: Iterator[av.VideoFrame],
    stamps: np.ndarray | None,
    length: int,
    first: int = 0,
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Find the number of each decoded frame by its timestamp.

    In a file that was joined from parts, the timestamps repeat, and a late frame of one
    part may be decoded after the first one of the next.

    Args:
        frames: Decoded frames, from number `first` on.
        stamps: Timestamps of all presented frames in order, i64 [t]; None: there are no
            timestamps, so that the order decides.
        length: Number of presented frames.
        first: Number of the first frame if it is not damaged.

    Yields:
        Ascending numbers, and their frames. Frames that are not presented are left out.
    """
    expected, frame = first, next(frames, None)
    while frame is not None:
        following = next(frames, None)
        number = _find(frame.pts, stamps, length, expected)
        if number is not None and number > expected + MAX_STEP and following:
            after = _find(following.pts, stamps, length, number + 1)
            if after is None or after > number + MAX_STEP:
                number = None
        if number is not None:
            yield number, frame
            expected = number + 1
        frame = following


def _find(
    stamp: int | None, stamps: np.ndarray | None, length: int, expected: int
) -> int | None:
    """Return the number of a frame, `expected` or later; None if there is none."""
    if expected >= length:
        return None
    if stamps is None or stamp is None:
        return expected
    ahead = stamps[expected : expected + MAX_MISSING]
    (matches,) = np.nonzero(ahead == stamp)
    if len(matches):
        return expected + int(matches[0])
    return expected if stamp > ahead[0] else None
