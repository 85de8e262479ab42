"""Decide what a file sounds like, and when: the track, its samples, and their times."""

import dataclasses
import itertools
import operator
import os
import warnings
from collections.abc import Iterator
from typing import Self

import av
import numpy as np
import soxr
from av.error import FFmpegError
from av.stream import Disposition

from avjax.audio.loudness import SILENCE_DB
from avjax.errors import InputError
from avjax.media.container import (
    MIN_COMPLETE,
    decodable,
    decode_stream,
    open_media,
    seconds_per_unit,
)
from avjax.media.files import wrap_os_errors
from avjax.media.tracks.clock import (
    TrackTimes,
    check_pauses,
    read_times,
    starts_part,
)
from avjax.typing import PathLike

MAX_DEVIATION = 0.04  # seconds, one video frame, by which samples may miss their time
STREAMED_LENGTH = (
    2 * 10**9
)  # bytes; WAV files written as a stream declare at least this
SILENT_PEAK = 10 ** (SILENCE_DB / 20)
CHUNK_SECONDS = 10  # of silence that is made at once
HEADER_BYTES = 12


@dataclasses.dataclass(frozen=True, eq=False)
class AudioTrack:
    """The samples that a file plays, and their times.

    Attributes:
        path: The file.
        index: Index of the stream.
        unit: Seconds per unit of its timestamps.
        offsets: Seconds to add to the timestamps of each part of the file, see
            `avjax.media.tracks.clock`.
        is_continuous: The packets follow each other without gaps.
    """

    path: PathLike
    index: int
    unit: float
    offsets: tuple[float, ...]
    is_continuous: bool

    @classmethod
    def find(cls, path: PathLike) -> Self | None:
        """Choose the audio track of a file.

        It is the track that is marked as default, else the first one. If that is
        silent, it is the loudest one.

        Args:
            path: An audio file, or a video with sound.

        Returns:
            The track; None if the file has no sound.

        Raises:
            InputError: The file cannot be read, or is cut off.
        """
        with open_media(path) as container:
            _check_riff_length(path)
            streams = decodable(container.streams.audio)
            times = read_times(
                container, [*decodable(container.streams.video), *streams]
            )
            tracks = [
                cls._from_times(path, stream, times[stream.index])
                for stream in sorted(streams, key=_rank)
                if stream.index in times
            ]
        if not tracks:
            return None
        if len(tracks) == 1 or not tracks[0].is_silent():
            return tracks[0]
        loudest = max(tracks, key=AudioTrack.measure_level)
        if loudest is not tracks[0]:
            warnings.warn(
                f"the default audio track of {path} is silent: the loudest one is used",
                stacklevel=2,
            )
        return loudest

    @classmethod
    def _from_times(
        cls, path: PathLike, stream: av.AudioStream, times: TrackTimes
    ) -> Self:
        check_pauses(np.sort(times.seconds[~times.is_hidden]), os.fspath(path))
        gaps = np.diff(times.seconds) - times.durations[:-1]
        has_gaps = (np.abs(gaps) > MAX_DEVIATION)[times.durations[:-1] > 0].any()
        return cls(
            path=path,
            index=stream.index,
            unit=float(seconds_per_unit(stream)),
            offsets=tuple(times.offsets.tolist()),
            is_continuous=len(times.offsets) == 1 and not has_gaps,
        )

    def is_silent(self) -> bool:
        """Return True if no sample is audible."""
        blocks = self.read(None)
        return not any(np.abs(block).max(initial=0) > SILENT_PEAK for block in blocks)

    def measure_level(self) -> float:
        """Return the mean energy of the samples."""
        energy, count = 0.0, 1
        for block in self.read(None):
            energy, count = energy + float(np.square(block).sum()), count + block.size
        return energy / count

    def read(self, rate: int | None, layout: str = "mono") -> Iterator[np.ndarray]:
        """Decode the track, with silence where the file has none of its samples.

        Args:
            rate: Sample rate of the result in Hz; None for that of the file.
            layout: "mono" or "stereo"; other channels are mixed.

        Yields:
            Blocks f32 [channels n]. The first sample is at second 0 of the file.

        Raises:
            InputError: The samples cannot be converted.
        """
        runs = itertools.groupby(self._blocks(layout), key=operator.itemgetter(0))
        for old_rate, run in runs:
            blocks = (block for _, block in run)
            yield from _resample(blocks, old_rate, rate or old_rate)

    def _blocks(self, layout: str) -> Iterator[tuple[int, np.ndarray]]:
        """Yield sample rates in Hz and blocks f32 [channels n], without gaps."""
        position = 0.0  # seconds on the clock of the file
        for (_, _, rate), run in itertools.groupby(self._decode(), key=_format):
            mixer = av.AudioResampler(format="s32", layout=layout, rate=rate)
            for second, frame in run:
                block = self._mix(mixer, frame)
                gap = 0 if second is None else round((second - position) * rate)
                if position and abs(gap) <= MAX_DEVIATION * rate:
                    gap = 0
                if position and gap < 0:
                    block = block[:, -gap:]
                for start in range(0, gap, CHUNK_SECONDS * rate):
                    length = min(gap - start, CHUNK_SECONDS * rate)
                    yield rate, np.zeros((len(block), length), np.float32)
                yield rate, block
                position += (max(0, gap) + block.shape[1]) / rate

    def _decode(self) -> Iterator[tuple[float | None, av.AudioFrame]]:
        """Decode the frames; yield also their time on the clock of the file."""
        with open_media(self.path) as container:
            stream = container.streams[self.index]
            assert isinstance(stream, av.AudioStream)
            part, previous = 0, -np.inf
            for frame in decode_stream(container, stream):
                if frame.pts is None:
                    yield None, frame
                    continue
                time = frame.pts * self.unit
                if part + 1 < len(self.offsets) and starts_part(previous, time):
                    part += 1
                yield time + self.offsets[part], frame
                previous = time

    def _mix(self, mixer: av.AudioResampler, frame: av.AudioFrame) -> np.ndarray:
        """Mix the channels of a frame: f32 [channels n]."""
        # For integer formats FFmpeg scales the channel mix so that it never clips; for
        # float formats it does not.
        try:
            mixed = [part.to_ndarray() for part in mixer.resample(frame)]
        except (FFmpegError, ValueError) as error:
            raise InputError(f"the audio of {self.path} cannot be decoded") from error
        channels = len(mixer.layout.channels)
        samples = np.concatenate([np.zeros((1, 0), np.int32), *mixed], axis=1)
        # Packed samples: the channels alternate.
        return samples.reshape(-1, channels).T.astype(np.float32) / 2**31


def _format(item: tuple[float | None, av.AudioFrame]) -> tuple[str, str, int]:
    """Return what must stay the same while one mixer is used."""
    frame = item[1]
    return frame.format.name, frame.layout.name, frame.sample_rate


def _rank(stream: av.AudioStream) -> tuple:
    """Return a key that sorts tracks: those marked as default come first."""
    return not stream.disposition & Disposition.default, stream.index


def _resample(
    blocks: Iterator[np.ndarray], old_rate: int, new_rate: int
) -> Iterator[np.ndarray]:
    """Resample blocks f32 [channels n] of one waveform."""
    if old_rate == new_rate:
        yield from blocks
        return
    first = next(blocks)
    stream = soxr.ResampleStream(old_rate, new_rate, len(first), dtype="float32")
    for block in itertools.chain([first], blocks):
        yield stream.resample_chunk(np.ascontiguousarray(block.T)).T
    yield stream.resample_chunk(first[:, :0].T, last=True).T


def _check_riff_length(path: PathLike) -> None:
    """Raise InputError for a WAV file that is shorter than its header declares.

    Programs that write WAV as a stream cannot know the length, and declare one of 2 GB
    or more.
    """
    with wrap_os_errors(path, "read"), open(path, "rb") as file:
        header = file.read(HEADER_BYTES)
        size = os.fstat(file.fileno()).st_size - 8
    declared = int.from_bytes(header[4:8], "little")
    is_wav = header[:4] == b"RIFF" and header[8:] == b"WAVE"
    is_cut = size < MIN_COMPLETE * declared
    if is_wav and is_cut and declared < STREAMED_LENGTH:
        raise InputError(f"{path} is cut off: it has {size} of {declared} bytes")
