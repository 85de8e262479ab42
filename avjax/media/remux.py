"""A new picture with the sound of the clip that it was made of."""

import heapq
import os
from collections.abc import Iterator
from fractions import Fraction

import av
from av.error import FFmpegError

from avjax.media.container import clock_zero, decoded, opened, packets
from avjax.media.files import refusing, whole_file
from avjax.media.video_writer import AAC_RATES

COPIED = {"aac", "ac3", "alac", "eac3", "mp3", "opus"}  # what an mp4 file may hold


def dub(
    out: str | os.PathLike, picture: str | os.PathLike, source: str | os.PathLike
) -> None:
    """Writes an mp4 file with the picture of one and the sound of another clip, if any.

    Sound is copied as it is where an mp4 file can hold it, else it becomes AAC.
    Nothing is held but what is at work.
    """
    with (
        whole_file(out) as part,
        opened(picture) as seen,
        opened(source) as heard,
        refusing(out, "write"),
    ):
        options = {"movflags": "faststart"}
        try:
            with av.open(f"file:{part}", "w", format="mp4", options=options) as file:
                streams = [_copied(file, seen, seen.streams.video[0])]
                for sound in heard.streams.audio[:1]:
                    known = sound.codec_context.name in COPIED
                    streams += [(_copied if known else _encoded)(file, heard, sound)]
                for packet in heapq.merge(*streams, key=_second):
                    file.mux(packet)
        except FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error


def _second(packet: av.Packet) -> Fraction:
    return packet.dts * packet.time_base


def _copied(file, container, stream) -> Iterator[av.Packet]:
    """The packets of a stream for a new one, whose clock begins with the file."""
    new = file.add_stream_from_template(stream)
    zero = round(clock_zero(container) / stream.time_base)

    def moved() -> Iterator[av.Packet]:
        for packet in packets(container, stream):
            if packet.dts is None:
                continue
            packet.dts, packet.pts = packet.dts - zero, packet.pts - zero
            packet.stream = new
            yield packet

    return moved()


def _encoded(file, container, stream) -> Iterator[av.Packet]:
    """The same sound in AAC, of one channel or two."""
    rate = stream.rate if stream.rate in AAC_RATES else 48_000
    layout = "mono" if stream.codec_context.channels == 1 else "stereo"
    new = file.add_stream("aac", rate, layout=layout)
    resampler = av.AudioResampler("fltp", layout, rate)
    zero = round(clock_zero(container) / stream.time_base)

    def encoded() -> Iterator[av.Packet]:
        for frame in decoded(container, stream):
            if frame.pts is not None:
                frame.pts -= zero
            for block in resampler.resample(frame):
                yield from new.encode(block)
        for block in resampler.resample(None):
            yield from new.encode(block)
        yield from new.encode(None)

    return encoded()
