"""Combine the video of one file with the audio of another."""

import heapq
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from avjax.media.container import open_media, read_packets, start_second
from avjax.media.files import atomic_file, wrap_os_errors
from avjax.media.tracks.audio_track import AudioTrack
from avjax.media.video_writer import AAC_RATES
from avjax.typing import PathLike

MP4_CODECS = {"aac", "ac3", "alac", "eac3", "mp3", "opus"}  # can be stored in mp4


def remux_audio(out: PathLike, video: PathLike, source: PathLike) -> None:
    """Write an mp4 file with the video of one file and the audio of another.

    The video is copied. The audio, if there is any, is copied if an mp4 file can hold
    its codec and it has no gaps; otherwise it is encoded as AAC, mono or stereo. Memory
    use is bounded.

    Args:
        out: The mp4 file to write.
        video: The file whose video stream is used.
        source: The file whose audio track is used.

    Raises:
        InputError: A file cannot be read or written.
    """
    with (
        atomic_file(out) as temporary,
        open_media(video) as video_file,
        open_media(source) as audio_file,
        wrap_os_errors(out, "write"),
    ):
        options = {"movflags": "faststart"}
        try:
            with av.open(
                f"file:{temporary}", "w", format="mp4", options=options
            ) as file:
                streams = [_copy(file, video_file, video_file.streams.video[0])]
                track = AudioTrack.find(source)
                if track is not None:
                    streams.append(_transfer(file, audio_file, track))
                for packet in heapq.merge(*streams, key=_decoding_second):
                    file.mux(packet)
        except FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error


def _decoding_second(packet: av.Packet) -> Fraction:
    assert packet.dts is not None and packet.time_base is not None
    return packet.dts * packet.time_base


def _transfer(
    file, container: InputContainer, track: AudioTrack
) -> Iterator[av.Packet]:
    """Add an audio track of a file to another; yield its packets."""
    stream = container.streams[track.index]
    assert isinstance(stream, av.AudioStream)
    if stream.codec_context.name in MP4_CODECS and track.is_continuous:
        return _copy(file, container, stream)
    return _encode(file, stream, track)


def _copy(file, container, stream) -> Iterator[av.Packet]:
    """Add a copy of a stream to a file; yield its packets with times from 0."""
    new = file.add_stream_from_template(stream)
    zero = round(start_second(container) / stream.time_base)

    def packets() -> Iterator[av.Packet]:
        for packet in read_packets(container, stream):
            if packet.dts is None:
                continue
            packet.dts, packet.pts = packet.dts - zero, packet.pts - zero
            packet.stream = new
            yield packet

    return packets()


def _encode(file, stream: av.AudioStream, track: AudioTrack) -> Iterator[av.Packet]:
    """Add a track to a file as AAC, mono or stereo; yield its packets."""
    rate = stream.rate if stream.rate in AAC_RATES else 48_000
    layout = "mono" if stream.codec_context.channels == 1 else "stereo"
    new = file.add_stream("aac", rate, layout=layout)

    def packets() -> Iterator[av.Packet]:
        num_samples = 0
        for block in track.read(rate, layout):
            if block.shape[1]:
                samples = np.ascontiguousarray(block)
                frame = av.AudioFrame.from_ndarray(samples, "fltp", layout)
                frame.sample_rate, frame.pts = rate, num_samples
                frame.time_base = Fraction(1, rate)
                num_samples += block.shape[1]
                yield from new.encode(frame)
        yield from new.encode(None)

    return packets()
