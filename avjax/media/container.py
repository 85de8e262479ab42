"""Opening a media file, and decoding one of its streams frame by frame."""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.error import FFmpegError

from avjax.errors import InputError
from avjax.media.files import require_file

MICROSECOND = Fraction(1, 1_000_000)
WHOLE = 0.95  # a file with less than this of the frames it promises is cut off


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[av.container.InputContainer]:
    """The open media file; InputError where there is none."""
    require_file(path)
    try:
        # The prefix keeps a colon in the name from reading as a network address.
        container = av.open(f"file:{os.fspath(path)}", metadata_errors="replace")
    except PermissionError as error:
        raise InputError(f"cannot read {path}: permission denied") from error
    except (FFmpegError, OSError) as error:
        raise InputError(
            f"cannot read {path}: it is no video or sound, or it is cut off"
        ) from error
    with container:
        yield container


def packets(container: av.container.InputContainer, stream) -> Iterator[av.Packet]:
    """The stream's packets, as far as the file goes."""
    found = container.demux(stream)
    while True:
        try:
            packet = next(found)
        except (StopIteration, FFmpegError, OSError):
            return
        yield packet


def decoded(container: av.container.InputContainer, stream) -> Iterator:
    """The stream's frames in order of presentation; damaged packets are passed over."""
    for packet in packets(container, stream):
        try:
            frames = packet.decode()
        except FFmpegError:
            continue
        yield from frames


def clock_zero(container: av.container.InputContainer) -> Fraction:
    """The time stamp, in seconds, at which sound or picture first starts."""
    return (container.start_time or 0) * MICROSECOND


def picture_stream(container: av.container.InputContainer) -> av.VideoStream:
    """The video proper; the cover of a song is none."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            stream.thread_type = "AUTO"
            return stream
    raise InputError(f"{name(container)} has no picture in it")


def time_stamps(container: av.container.InputContainer, stream) -> np.ndarray:
    """When each frame is shown, int [t] in the stream's unit; nothing is decoded.

    Some old formats only say when to decode; then the stamps keep the pace, but may all
    be off by the same little.
    """
    found = [
        (packet.pts, packet.dts)
        for packet in packets(container, stream)
        if packet.size and not packet.is_discard
    ]
    require_whole(container, stream, len(found))
    shown, sent = zip(*found, strict=True)
    stamps = sent if None in shown else shown
    if None in stamps:  # a bare stream without a clock
        stamps = range(len(found))
    return np.sort(np.asarray(stamps, np.int64))


def require_whole(container, stream, frames: int) -> None:
    """Raises InputError if the file promised more than these frames."""
    if frames == 0:
        raise InputError(f"{name(container)} holds no frame that can be shown")
    if frames < WHOLE * stream.frames:
        promised = f"{frames} of {stream.frames} frames are there"
        raise InputError(f"{name(container)} is cut off: {promised}")


def name(container: av.container.Container) -> str:
    """The file's name as the user gave it."""
    return container.name.removeprefix("file:")
