"""Open media files with PyAV and decode one stream frame by frame."""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.container import Container, InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from avjax.errors import InputError
from avjax.media.files import check_readable
from avjax.typing import PathLike

MICROSECOND = Fraction(1, 1_000_000)
MIN_COMPLETE = 0.95  # fraction of the declared frames; with fewer, the file is cut off


@contextlib.contextmanager
def open_media(
    path: PathLike, expected: str = "a video or audio file"
) -> Iterator[InputContainer]:
    """Open a media file.

    Args:
        path: A video or audio file.
        expected: What the message of an error says that the file is not.

    Yields:
        The open container. It is closed when the `with` block ends.

    Raises:
        InputError: The file cannot be read as video or audio.
    """
    check_readable(path)
    try:
        # With the prefix, FFmpeg takes no colon in the name for a network address.
        container = av.open(f"file:{os.fspath(path)}", metadata_errors="replace")
    except PermissionError as error:
        raise InputError(f"cannot read {path}: permission denied") from error
    except (FFmpegError, OSError) as error:
        raise InputError(
            f"cannot read {path}: it is not {expected}, or it is damaged"
        ) from error
    with container:
        yield container


def read_packets(
    container: InputContainer, stream: av.VideoStream | av.AudioStream
) -> Iterator[av.Packet]:
    """Read the packets of a stream until the file ends or cannot be read further."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, FFmpegError, OSError):
            return
        yield packet


def decode_stream(
    container: InputContainer, stream: av.VideoStream | av.AudioStream
) -> Iterator:
    """Return the frames of a stream in presentation order, without damaged ones."""
    for packet in read_packets(container, stream):
        try:
            frames = packet.decode()
        except FFmpegError:
            continue
        yield from frames


def start_second(container: InputContainer) -> Fraction:
    """Return the timestamp, in seconds, of the first audio or video frame."""
    return (container.start_time or 0) * MICROSECOND


def seconds_per_unit(
    timed: av.VideoStream | av.AudioStream | av.VideoFrame,
) -> Fraction:
    """Return the unit of the timestamps; the demuxer sets it for every stream."""
    assert timed.time_base is not None
    return timed.time_base


def find_video_stream(container: InputContainer) -> av.VideoStream:
    """Return the first video stream that is not a cover image; it decodes in threads.

    Args:
        container: The open file.

    Raises:
        InputError: The file has no video track.
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            stream.thread_type = "AUTO"
            return stream
    raise InputError(f"{file_name(container)} has no video track")


def read_timestamps(container: InputContainer, stream: av.VideoStream) -> np.ndarray:
    """Read the presentation timestamps of all frames without decoding them.

    Some old formats store decoding timestamps only. Those are returned instead; they
    have the right spacing but may all be off by the same small amount.

    Args:
        container: The open file.
        stream: Its video stream.

    Returns:
        The timestamps in ascending order, i64 [t], in units of `stream.time_base`.

    Raises:
        InputError: The file has no frames, or it is cut off.
    """
    stamps = [
        (packet.pts, packet.dts)
        for packet in read_packets(container, stream)
        if packet.size and not packet.is_discard
    ]
    check_complete(container, stream, len(stamps))
    presentation, decoding = zip(*stamps, strict=True)
    times = decoding if None in presentation else presentation
    if None in times:  # a raw stream without timestamps
        times = range(len(stamps))
    return np.sort(np.asarray(times, np.int64))


def check_complete(
    container: InputContainer, stream: av.VideoStream, num_frames: int
) -> None:
    """Raise InputError if the file has no frames, or clearly fewer than it declares."""
    name = file_name(container)
    if num_frames == 0:
        raise InputError(f"{name} has no frames that can be decoded")
    if num_frames < MIN_COMPLETE * stream.frames:
        raise InputError(
            f"{name} is cut off: it has {num_frames} of {stream.frames} frames"
        )


def file_name(container: Container) -> str:
    """Return the path that the container was opened with."""
    return container.name.removeprefix("file:")
