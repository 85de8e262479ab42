"""Read videos as streams of upright RGB images, in bounded memory.

Times are in seconds on the clock of the file, which starts with its first audio or
video frame.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from avjax.constants import FPS
from avjax.media.container import (
    check_complete,
    decode_stream,
    find_video_stream,
    open_media,
    read_timestamps,
    seconds_per_unit,
    start_second,
)
from avjax.media.display import DisplayTransform
from avjax.typing import PathLike

BACKWARDS_BYTES = 96 * 2**20  # memory for the frames that are played backwards
UNSEEKABLE = ("avi", "h264", "hevc", "mpegvideo")  # their timestamps are unreliable
Decoded = tuple[av.VideoFrame, DisplayTransform, Fraction]  # a frame and its second


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """Properties of a video file.

    Attributes:
        width: Width of the upright image in pixels.
        height: Height of the upright image in pixels.
        fps: Average number of frames per second.
        num_frames: Number of frames.
        duration: End of the last frame in seconds.
        rotation: Degrees counter-clockwise by which stored frames are rotated.
        has_audio: The file has an audio track.
    """

    width: int
    height: int
    fps: Fraction
    num_frames: int
    duration: float
    rotation: int
    has_audio: bool


def probe(path: PathLike, expected: str = "a video") -> VideoInfo:
    """Read the properties of a video; only its first frame is decoded.

    Args:
        path: The video file.
        expected: What the message of an error says that the file is not.

    Returns:
        The properties; frames are counted, not taken from the header.

    Raises:
        InputError: The file has no video, is damaged, or is cut off.
    """
    with open_media(path, expected) as container:
        stream = find_video_stream(container)
        stamps = read_timestamps(container, stream)
        fps = _average_rate(stream, stamps)
        last = int(stamps[-1]) * seconds_per_unit(stream) - start_second(container)
        has_audio = bool(container.streams.audio)
    _, transform, _ = next(_decode(path))
    width, height = transform.size
    return VideoInfo(
        width=width,
        height=height,
        fps=fps,
        num_frames=len(stamps),
        duration=float(last + 1 / fps),
        rotation=transform.rotation,
        has_audio=has_audio,
    )


def read_frames(path: PathLike, start: int = 0) -> Iterator[np.ndarray]:
    """Read the stored frames of a video.

    Args:
        path: The video file.
        start: Number of the first frame to read.

    Returns:
        An iterator over images u8 [h w c=3].

    Raises:
        InputError: The video cannot be read.
    """
    return (
        transform.to_image(frame) for frame, transform, _ in _decode_from(path, start)
    )


def read_at_rate(path: PathLike, fps: float | Fraction) -> Iterator[np.ndarray]:
    """Read a video at a constant frame rate.

    Image n is the frame that is visible at second n / fps. If the video has more frames
    than that, it is the nearest one; a frame may appear up to half an image early, so
    that jittering timestamps drop none. Timestamps decide, so unusual and variable
    frame rates cause no drift, and the duration is kept.

    Args:
        path: The video file.
        fps: Images per second.

    Yields:
        Images u8 [h w c=3].

    Raises:
        InputError: The video cannot be read.
    """
    fps = Fraction(fps).limit_denominator(1001)
    count, interval = 0, 1 / fps
    for (frame, transform, second), following in _with_next(_decode(path)):
        # A frame ends half-way to the next one, or half an image before it.
        interval = following[2] - second if following else interval
        early = min(interval, 1 / fps) / 2 if following else 1 / fps / 2
        repeats = max(0, -(-(second + interval - early) * fps // 1) - count)
        if following is None and count == 0:
            repeats = max(1, repeats)
        if repeats:
            image = transform.to_image(frame)
            yield from itertools.repeat(image, repeats)
            count += repeats


def read_clip(path: PathLike, fps: float = FPS) -> np.ndarray:
    """Read a whole short video at a constant frame rate.

    Args:
        path: The video file.
        fps: Images per second.

    Returns:
        The images, u8 [t h w c=3].

    Raises:
        InputError: The video cannot be read.
    """
    return np.stack(list(read_at_rate(path, fps)))


def ping_pong_indices(num_frames: int, count: int) -> np.ndarray:
    """Return the frame numbers of a clip that is played back and forth.

    Args:
        num_frames: Number of frames of the clip.
        count: Number of frames to play.

    Returns:
        Frame numbers, i64 [count]. The first and last frames are not repeated.
    """
    period = max(1, 2 * (num_frames - 1))
    position = np.arange(count) % period
    return np.minimum(position, period - position) % period


def ping_pong(path: PathLike, count: int) -> Iterator[np.ndarray]:
    """Play a video back and forth, in bounded memory.

    Args:
        path: The video file.
        count: Number of images to return.

    Returns:
        An iterator over images u8 [h w c=3], in the order of `ping_pong_indices`.

    Raises:
        InputError: The video cannot be read.
    """
    return itertools.islice(_ping_pong_forever(path), count)


def _ping_pong_forever(path: PathLike) -> Iterator[np.ndarray]:
    length = 0
    for image in read_frames(path):
        length += 1
        yield image
    while True:
        yield from _read_backwards(path, length - 1)
        yield from read_frames(path)


def _read_backwards(path: PathLike, stop: int) -> Iterator[np.ndarray]:
    """Read frames stop - 1 down to 1, a chunk at a time."""
    while stop > 1:
        chunk_length = max(1, BACKWARDS_BYTES // next(read_frames(path)).nbytes)
        start = max(1, stop - chunk_length)
        chunk = list(itertools.islice(read_frames(path, start), stop - start))
        while chunk:
            yield chunk.pop()
        stop = start


def _decode(path: PathLike) -> Iterator[Decoded]:
    """Decode all frames of a file."""
    count = 0
    with open_media(path) as container:
        stream = find_video_stream(container)
        zero = start_second(container)
        transform = None
        for frame in decode_stream(container, stream):
            transform = transform or DisplayTransform.from_frame(
                frame, stream.sample_aspect_ratio
            )
            yield frame, transform, _presentation_second(frame, stream, count) - zero
            count += 1
        check_complete(container, stream, count)


def _decode_from(path: PathLike, start: int) -> Iterator[Decoded]:
    """Decode the frames from number `start` on; seek if the format allows it."""
    if start == 0:
        yield from _decode(path)
        return
    with open_media(path) as container:
        stream = find_video_stream(container)
        stamps = read_timestamps(container, stream)
        seekable = container.format.name not in UNSEEKABLE
    if start >= len(stamps):
        return
    frames = _seek(path, int(stamps[start]))
    first = next(frames, None) if seekable else None
    if first is None or first[0].pts != stamps[start]:  # seeking failed: skip frames
        yield from itertools.islice(_decode(path), start, None)
        return
    yield first
    yield from frames


def _seek(path: PathLike, stamp: int) -> Iterator[Decoded]:
    """Decode the frames from a timestamp on."""
    with open_media(path) as container:
        stream = find_video_stream(container)
        zero = start_second(container)
        container.seek(stamp, stream=stream)
        transform = None
        for frame in decode_stream(container, stream):
            transform = transform or DisplayTransform.from_frame(
                frame, stream.sample_aspect_ratio
            )
            if frame.pts is not None and frame.pts >= stamp:
                yield frame, transform, frame.pts * seconds_per_unit(frame) - zero


def _presentation_second(
    frame: av.VideoFrame, stream: av.VideoStream, number: int
) -> Fraction:
    """Time of a frame; computed from its number if the file has no timestamps."""
    if frame.pts is None:
        return number / (stream.average_rate or Fraction(FPS))
    return frame.pts * seconds_per_unit(frame)


def _average_rate(stream: av.VideoStream, stamps: np.ndarray) -> Fraction:
    """Frames per second: the declared rate if the timestamps agree with it."""
    declared = stream.average_rate or stream.guessed_rate or Fraction(FPS)
    span = int(stamps[-1] - stamps[0]) * seconds_per_unit(stream)
    measured = (len(stamps) - 1) / span if span else declared
    if abs(declared / measured - 1) < 0.02 or len(stamps) < 10:
        return Fraction(declared)
    return Fraction(measured).limit_denominator(1001)


def _with_next(items: Iterator[Decoded]) -> Iterator[tuple[Decoded, Decoded | None]]:
    """Pair each item with the next one, and the last item with None."""
    current = next(items, None)
    while current is not None:
        following = next(items, None)
        yield current, following
        current = following
