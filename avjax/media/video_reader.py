"""Video files as streams of upright RGB images, in bounded memory.

Times are in seconds on the file's own clock: zero is where sound or picture starts.
"""

import dataclasses
import itertools
import os
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from avjax.media.container import (
    clock_zero,
    decoded,
    opened,
    picture_stream,
    require_whole,
    time_stamps,
)
from avjax.media.display import Screen
from avjax.media.video_writer import VideoWriter

__all__ = [
    "VideoInfo",
    "VideoWriter",
    "bounce",
    "probe",
    "read_at_rate",
    "read_clip",
    "read_frames",
    "read_timed",
    "to_and_fro",
]

HELD_BYTES = 96 * 2**20  # what playing backwards may hold at once
VAGUE = ("avi", "h264", "hevc", "mpegvideo")  # formats whose time stamps mislead
Shown = tuple[av.VideoFrame, Screen, Fraction]  # a frame, how, and from which second


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What a video file holds; width and height are those of the upright image."""

    width: int
    height: int
    fps: Fraction  # frames a second, on average
    frames: int
    seconds: float  # when the last frame ends
    rotation: int  # degrees counter-clockwise that make the stored frames upright
    has_sound: bool


def probe(path: str | os.PathLike) -> VideoInfo:
    """What the file holds, its frames counted; only the first one is decoded."""
    with opened(path) as container:
        stream = picture_stream(container)
        stamps = time_stamps(container, stream)
        fps = _average_rate(stream, stamps)
        end = int(stamps[-1]) * stream.time_base - clock_zero(container) + 1 / fps
        has_sound = bool(container.streams.audio)
    _, screen, _ = next(_shown(path))
    return VideoInfo(
        *screen.size, fps, len(stamps), float(end), screen.rotation, has_sound
    )


def read_frames(path: str | os.PathLike, start: int = 0) -> Iterator[np.ndarray]:
    """The frames as they were taken, from frame number `start` on: u8 [h w 3] each."""
    return (screen.show(frame) for frame, screen, _ in _shown_from(path, start))


def read_timed(path: str | os.PathLike) -> Iterator[tuple[float, np.ndarray]]:
    """The frames, each with the second at which it appears."""
    return (
        (float(second), screen.show(frame)) for frame, screen, second in _shown(path)
    )


def read_at_rate(
    path: str | os.PathLike, fps: float | Fraction
) -> Iterator[np.ndarray]:
    """The video at a constant rate: image n is the frame on show at second n / fps.

    Where the video has more frames than that, it is the nearest one; a frame may come
    up to half an image early, so that trembling time stamps drop none.  Works by time
    stamps: neither an odd nor a changing rate drifts, and the duration is kept.
    """
    fps = Fraction(fps).limit_denominator(1001)
    count, pause = 0, 1 / fps
    for (frame, screen, second), after in _with_next(_shown(path)):
        # A frame gives way half way to the next one, or half an image before it.
        pause = after[2] - second if after else pause
        early = min(pause, 1 / fps) / 2 if after else 1 / fps / 2
        showings = max(0, -(-(second + pause - early) * fps // 1) - count)
        if after is None and count == 0:
            showings = max(1, showings)
        if showings:
            image = screen.show(frame)
            yield from itertools.repeat(image, showings)
            count += showings


def read_clip(path: str | os.PathLike, fps: float = 25.0) -> np.ndarray:
    """A short video at a constant rate, whole: u8 [t h w 3]."""
    return np.stack(list(read_at_rate(path, fps)))


def bounce(frames: int, count: int) -> np.ndarray:
    """Frame numbers, int [count], of a clip of `frames` played to and fro."""
    turn = max(1, 2 * (frames - 1))
    there = np.arange(count) % turn
    return np.minimum(there, turn - there) % turn


def to_and_fro(path: str | os.PathLike, count: int) -> Iterator[np.ndarray]:
    """Exactly `count` images: the video forwards, backwards, forwards, ...

    They are those numbered bounce(frames, count), the turning points shown once.
    """
    return itertools.islice(_endless(path), count)


def _endless(path: str | os.PathLike) -> Iterator[np.ndarray]:
    """The video to and fro for ever."""
    length = 0
    for image in read_frames(path):
        length += 1
        yield image
    while True:
        yield from _backwards(path, length - 1)
        yield from read_frames(path)


def _backwards(path: str | os.PathLike, stop: int) -> Iterator[np.ndarray]:
    """Frames stop - 1 down to 1, a chunk at a time."""
    while stop > 1:
        held = max(1, HELD_BYTES // next(read_frames(path)).nbytes)
        start = max(1, stop - held)
        chunk = list(itertools.islice(read_frames(path, start), stop - start))
        while chunk:
            yield chunk.pop()
        stop = start


def _shown(path: str | os.PathLike) -> Iterator[Shown]:
    """All frames of the file."""
    count = 0
    with opened(path) as container:
        stream = picture_stream(container)
        zero = clock_zero(container)
        screen = None
        for frame in decoded(container, stream):
            screen = screen or Screen.of(frame, stream.sample_aspect_ratio)
            yield frame, screen, _second(frame, stream, count) - zero
            count += 1
        require_whole(container, stream, count)


def _shown_from(path: str | os.PathLike, start: int) -> Iterator[Shown]:
    """The frames from number `start` on, by seeking where the file can."""
    if start == 0:
        yield from _shown(path)
        return
    with opened(path) as container:
        stream = picture_stream(container)
        stamps = time_stamps(container, stream)
        vague = container.format.name in VAGUE
    if start >= len(stamps):
        return
    found = _sought(path, int(stamps[start]))
    first = None if vague else next(found, None)
    if first is None or first[0].pts != stamps[start]:  # it cannot be sought: walk
        yield from itertools.islice(_shown(path), start, None)
        return
    yield first
    yield from found


def _sought(path: str | os.PathLike, stamp: int) -> Iterator[Shown]:
    """The frames from this time stamp on."""
    with opened(path) as container:
        stream = picture_stream(container)
        zero = clock_zero(container)
        container.seek(stamp, stream=stream)
        screen = None
        for frame in decoded(container, stream):
            screen = screen or Screen.of(frame, stream.sample_aspect_ratio)
            if frame.pts is not None and frame.pts >= stamp:
                yield frame, screen, frame.pts * frame.time_base - zero


def _second(frame: av.VideoFrame, stream: av.VideoStream, count: int) -> Fraction:
    """When the frame is shown; by its number where the file has no clock."""
    if frame.pts is None:
        return count / (stream.average_rate or Fraction(25))
    return frame.pts * frame.time_base


def _average_rate(stream: av.VideoStream, stamps: np.ndarray) -> Fraction:
    """Frames a second; what the file claims is believed if its time stamps agree."""
    claimed = stream.average_rate or stream.guessed_rate or Fraction(25)
    span = int(stamps[-1] - stamps[0]) * stream.time_base
    measured = (len(stamps) - 1) / span if span else claimed
    if abs(claimed / measured - 1) < 0.02 or len(stamps) < 10:
        return Fraction(claimed)
    return Fraction(measured).limit_denominator(1001)


def _with_next(items: Iterator) -> Iterator[tuple]:
    """Each item with the one after it, and the last with None."""
    return itertools.pairwise(itertools.chain(items, [None]))
