"""Open media files with PyAV, read their packets and decode them."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

import av
from av.container import Container, InputContainer
from av.error import FFmpegError

from avjax.errors import InputError
from avjax.media.files import check_readable
from avjax.typing import PathLike

MICROSECOND = Fraction(1, 1_000_000)
Track = TypeVar("Track", av.VideoStream, av.AudioStream)
MIN_COMPLETE = 0.95  # fraction of what is declared; with less, the file is cut off


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


def decodable(streams: Iterable[Track]) -> list[Track]:
    """Leave out the streams whose codec is unknown."""
    return [stream for stream in streams if stream.codec_context is not None]


def read_packets(
    container: InputContainer, *streams: av.VideoStream | av.AudioStream
) -> Iterator[av.Packet]:
    """Read the packets of streams until the file ends or cannot be read further."""
    packets = container.demux(*streams)
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


def file_name(container: Container) -> str:
    """Return the path that the container was opened with."""
    return container.name.removeprefix("file:")
