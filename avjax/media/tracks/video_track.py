"""Decide what a file shows, and when: the stream, its frames, and their times."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Self

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from avjax.constants import FPS
from avjax.errors import InputError
from avjax.media.container import (
    MIN_COMPLETE,
    decodable,
    decode_stream,
    file_name,
    open_media,
    seconds_per_unit,
)
from avjax.media.tracks import animation
from avjax.media.tracks.clock import TrackTimes, check_pauses, read_times
from avjax.media.tracks.numbering import number_frames
from avjax.typing import PathLike

INEXACT = ("avi", "h264", "hevc", "mpegvideo")  # formats with unreliable timestamps
NOT_FOOTAGE = Disposition.attached_pic | Disposition.timed_thumbnails
MAX_ORDINARY = 2.5  # median intervals; longer ones are pauses
RATE_TOLERANCE = 0.02  # relative difference of the declared from the measured rate
IMAGE_TOLERANCE = 1e-4  # of an image: the error of floating-point times


@dataclasses.dataclass(frozen=True, eq=False)
class VideoTrack:
    """The frames that a file shows, and their times.

    Frames are numbered in the order in which they are shown. Frames that are decoded
    but hidden by an edit list, and those before the first complete picture, are not
    counted. Times start with the first audio or video frame of the file, and go on
    where the timestamps of the file start again; see `avjax.media.tracks.clock`.

    Attributes:
        path: The file.
        index: Index of the stream; None for an animation that Pillow decodes.
        seconds: Time of each frame in seconds, ascending, f64 [t].
        stamps: Timestamp of each frame in units of the stream, i64 [t]; None if the
            file stores no presentation timestamps.
        fps: Frames per second, without pauses.
        aspect: Width of a stored pixel over its height; None for square pixels.
        has_audio: The file has an audio track.
        is_seekable: The timestamps are good enough to start in the middle.
    """

    path: PathLike
    index: int | None
    seconds: np.ndarray
    stamps: np.ndarray | None
    fps: Fraction
    aspect: Fraction | None
    has_audio: bool
    is_seekable: bool

    @classmethod
    def open(cls, path: PathLike, expected: str = "a video") -> Self:
        """Choose the stream of a file, and read the times of its frames.

        Of several streams, one that moves is preferred to a still image, then the one
        that is marked as default, then the first. Cover images are no video.

        Args:
            path: The file.
            expected: What the message of an error says that the file is not.

        Returns:
            The track; no frame is decoded.

        Raises:
            InputError: The file has no video track, no frames, or is cut off.
        """
        if animation.is_animation(path):
            seconds = animation.read_times(path)
            return cls(
                path, None, seconds, None, _frame_rate(seconds), None, False, False
            )
        with open_media(path, expected) as container:
            footage = [
                stream
                for stream in decodable(container.streams.video)
                if not stream.disposition & NOT_FOOTAGE
            ]
            if not footage:
                raise InputError(f"{path} has no video track")
            sounds = decodable(container.streams.audio)
            tracks = read_times(container, [*footage, *sounds])
            stream = max(footage, key=lambda stream: _preference(stream, tracks))
            if stream.index not in tracks:
                raise InputError(f"{path} has no frames that can be decoded")
            times = tracks[stream.index]
            _check_complete(container, stream, len(times.stamps))
            seconds, stamps, fps = _present(stream, times)
            if not len(seconds):
                raise InputError(f"{path} has no frames that can be decoded")
            check_pauses(seconds, file_name(container))
            is_exact = times.source == "presentation"
            is_exact &= container.format.name not in INEXACT
            return cls(
                path=path,
                index=stream.index,
                seconds=seconds,
                stamps=stamps if is_exact else None,
                fps=fps,
                aspect=stream.sample_aspect_ratio,
                has_audio=any(sound.index in tracks for sound in sounds),
                is_seekable=is_exact and len(times.offsets) == 1,
            )

    @property
    def duration(self) -> float:
        """End of the last frame in seconds."""
        return float(self.seconds[-1] + 1 / self.fps)

    def sample(self, fps: float | Fraction) -> np.ndarray:
        """Choose the frames of a video of constant frame rate.

        Image n is the frame that is visible at second n / fps. If there are more frames
        than images, it is the nearest one; a frame may appear up to half an image
        early, so that jittering timestamps drop none.

        Args:
            fps: Images per second.

        Returns:
            The number of the frame of each image, ascending, i64 [n].
        """
        rate = float(fps)
        intervals = np.diff(self.seconds, append=self.duration)
        early = np.minimum(intervals, 1 / rate) / 2
        early[-1] = 0.5 / rate
        ends = np.ceil((self.seconds + intervals - early) * rate - IMAGE_TOLERANCE)
        ends = np.maximum.accumulate(ends)
        count = max(1, int(ends[-1]))
        numbers = np.searchsorted(ends, np.arange(count), side="right")
        return np.minimum(numbers, len(ends) - 1)

    def decode(self, start: int = 0) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode the frames from number `start` on.

        Args:
            start: Number of the first frame.

        Yields:
            The number and the frame. Damaged frames are left out.

        Raises:
            InputError: The file is damaged.
        """
        if start >= len(self.seconds):
            return
        if self.index is None:
            numbered = enumerate(animation.read_frames(self.path))
            yield from (pair for pair in numbered if pair[0] >= start)
            return
        if start and self.is_seekable:
            frames = (pair for pair in self._decode(start) if pair[0] >= start)
            first = next(frames, None)
            if first is not None and first[0] == start:
                yield first
                yield from frames
                return
        count = 0
        for number, frame in self._decode():
            count += 1
            if number >= start:
                yield number, frame
        if count < MIN_COMPLETE * len(self.seconds):
            raise InputError(
                f"{self.path} is damaged: {count} of {len(self.seconds)} frames can be "
                "decoded"
            )

    def _decode(self, start: int = 0) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode and number frames, from the key frame before frame `start` on."""
        with open_media(self.path) as container:
            stream = container.streams[self.index or 0]
            assert isinstance(stream, av.VideoStream)
            stream.thread_type = "AUTO"
            first, frames = 0, decode_stream(container, stream)
            if start and self.stamps is not None:
                try:
                    container.seek(int(self.stamps[start]), stream=stream)
                    frame = next(frames)
                except (FFmpegError, StopIteration):
                    return
                first = int(np.searchsorted(self.stamps, frame.pts))
                frames = itertools.chain([frame], frames)
            length = len(self.seconds)
            yield from number_frames(frames, self.stamps, length, first)


def _preference(stream: av.VideoStream, tracks: dict[int, TrackTimes]) -> tuple:
    """Return a key by which the stream to show is the largest."""
    moves = stream.index in tracks and len(tracks[stream.index].stamps) > 1
    return moves, bool(stream.disposition & Disposition.default), -stream.index


def _check_complete(
    container: InputContainer, stream: av.VideoStream, num_packets: int
) -> None:
    """Raise InputError if a file has clearly fewer frames than it declares."""
    # In mp4 files, the index has the samples that an edit list leaves.
    is_mp4 = "mp4" in container.format.name
    declared = len(stream.index_entries) if is_mp4 else stream.frames
    if num_packets < MIN_COMPLETE * declared:
        raise InputError(
            f"{file_name(container)} is cut off: it has {num_packets} of {declared} "
            "frames"
        )


def _present(
    stream: av.VideoStream, times: TrackTimes
) -> tuple[np.ndarray, np.ndarray, Fraction]:
    """Order the frames as they are shown; return seconds, stamps and frame rate."""
    shown = ~times.is_hidden
    if times.is_key.any():
        first = int(np.argmax(times.is_key))
        early = np.arange(len(shown)) < first
        if times.source == "presentation":  # frames that need one before the first
            early |= (times.parts == 0) & (times.stamps < times.stamps[first])
        shown &= ~early
    order = np.flatnonzero(shown)
    order = order[np.lexsort((times.stamps[order], times.parts[order]))]
    rate = Fraction(stream.guessed_rate or stream.average_rate or FPS)
    if times.source == "none":
        return np.arange(len(order)) / float(rate), times.stamps[order], rate
    seconds = np.maximum.accumulate(times.seconds[order])
    rates = stream.average_rate, stream.guessed_rate, stream.base_rate
    declared = [Fraction(rate) for rate in rates if rate]
    fps = _frame_rate(seconds, declared, float(seconds_per_unit(stream)))
    return seconds, times.stamps[order], fps


def _frame_rate(
    seconds: np.ndarray, declared: Sequence[Fraction] = (), rounding: float = 0.001
) -> Fraction:
    """Frames per second outside of pauses; a declared rate if it agrees."""
    intervals = np.diff(seconds)
    intervals = intervals[intervals > 0]
    if not len(intervals):
        return declared[0] if declared else Fraction(FPS)
    median = float(np.median(intervals))
    ordinary = intervals[intervals <= MAX_ORDINARY * median]
    mean = float(ordinary.mean())
    # Some formats declare the average, others the rate without missing frames.
    for interval, error in ((mean, rounding / len(ordinary)), (median, rounding)):
        for rate in declared:
            if abs(float(rate) * interval - 1) < RATE_TOLERANCE + error / interval:
                return rate
    return Fraction(1 / mean).limit_denominator(1001)
