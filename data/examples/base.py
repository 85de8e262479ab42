"""Protocol of all examples, and helpers that choose the frames of an example."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from avjax.audio.loudness import apply_gain, speech_gain
from avjax.audio.mel import (
    log_mel_range,
    mel_frames_at,
    mel_range_samples,
    mel_window_starts,
)
from avjax.constants import FPS, HOP_LENGTH, MEL_WINDOW, NUM_LIP_POINTS
from avjax.data import schema
from avjax.data.reel import Reel
from avjax.errors import InputError

Record = Mapping[str, Any]  # a clip, as avjax.data.schema describes it
Example = Mapping[str, Any]  # numpy arrays and scalars


class ExampleTransform(Protocol):
    """Turns a record into examples: a frozen dataclass of plain values.

    To train on it, a transform also has `random_map(record, rng) -> Example`, as a
    `grain.transforms.RandomMap`: it makes a random example of a record with a NumPy
    generator. To use it with `Loader.bucket_frames`, it has a field `num_frames`. A
    transform that needs labels names them in `required_labels`, keys of
    `schema.LABEL_SOURCES`: a corpus without them is refused, and single records without
    them get `weight` 0. A transform of images has `record_kind = schema.IMAGES`.
    """

    def at(self, record: Record, index: int, count: int) -> Example:
        """Make one of several examples of a record; the result is deterministic.

        Args:
            record: The record.
            index: Number of the example, from 0 to `count - 1`.
            count: Number of examples that are spread evenly over the record.

        Returns:
            The example.
        """
        ...


def label_weight(record: Record, labels: Iterable[str]) -> np.float32:
    """Return 1 if all these labels of a record are known, else 0.

    Args:
        record: The record.
        labels: Keys of `schema.LABEL_SOURCES`.

    Returns:
        The weight of an example of the record.
    """
    return np.float32(all(schema.has_label(record, label) for label in labels))


def normalized_speech(record: Record, first: int, last: int) -> np.ndarray:
    """Return a part of the audio of a clip whose level has been normalised.

    Args:
        record: The record. If it has no `gain`, as in corpora of older versions, the
            gain is computed from the audio of the whole clip.
        first: First sample, at least 0.
        last: One past the last sample; it may lie after the end of the clip.

    Returns:
        These samples of `normalize_speech` of the clip, f32 [n].
    """
    part = schema.to_float(record["wave"][first:last])
    return apply_gain(part, clip_gain(record), first)


def clip_gain(record: Record) -> np.ndarray:
    """Return the gain of `normalize_speech` at each 10 ms step of a clip.

    Args:
        record: The record.

    Returns:
        Factors, f64 [steps]; 0 in pauses.
    """
    known = record.get("gain", ())
    return known if len(known) else speech_gain(schema.to_float(record["wave"]))


def clip_mel_windows(
    record: Record, starts: Sequence[float] | np.ndarray
) -> np.ndarray:
    """Compute log-mel windows of a clip whose level has been normalised.

    Only the audio of the windows is processed.

    Args:
        record: The record.
        starts: Start times of the windows in seconds, [t].

    Returns:
        Windows, f32 [t 16 k].
    """
    num_mels = 1 + len(record["wave"]) // HOP_LENGTH
    indices = mel_frames_at(np.asarray(starts))[:, None] + np.arange(MEL_WINDOW)
    indices = np.clip(indices, 0, num_mels - 1)
    needed = np.unique(indices)
    gaps = np.flatnonzero(np.diff(needed) > MEL_WINDOW) + 1
    runs = [np.arange(run[0], run[-1] + 1) for run in np.split(needed, gaps)]
    mel = np.concatenate([_mel_run(record, run) for run in runs])
    return mel[np.searchsorted(np.concatenate(runs), indices)]


def _mel_run(record: Record, frames: np.ndarray) -> np.ndarray:
    """Compute consecutive mel frames [f] of a clip, f32 [f k]."""
    first, last = int(frames[0]), int(frames[-1]) + 1
    samples = mel_range_samples(first, last)
    part = normalized_speech(record, samples.start, samples.stop)
    return log_mel_range(part, first, last, samples.start)


def frame_mel_windows(record: Record, frames: np.ndarray) -> np.ndarray:
    """Compute the log-mel windows that generators take, one for each video frame.

    Args:
        record: The record.
        frames: Frame numbers, [t].

    Returns:
        Windows, f32 [t 16 k]; each begins 40 ms before its frame.
    """
    starts = mel_window_starts(1, FPS)[0] + frames / FPS
    return clip_mel_windows(record, starts)


def frames_exist(frames: np.ndarray, length: int) -> np.ndarray:
    """Mark the frame numbers that lie inside a clip.

    Args:
        frames: Frame numbers, [...].
        length: Number of frames of the clip.

    Returns:
        True for each number from 0 to `length - 1`, bool [...].
    """
    return (frames >= 0) & (frames < length)


def clip_frames(frames: np.ndarray, length: int) -> np.ndarray:
    """Replace frame numbers outside a clip by those of its first or last frame.

    Args:
        frames: Frame numbers, [...].
        length: Number of frames of the clip.

    Returns:
        Frame numbers from 0 to `length - 1`, [...].
    """
    return np.clip(frames, 0, length - 1)


def lip_landmarks(record: Record, frames: np.ndarray) -> np.ndarray:
    """Return the lip landmarks of some frames.

    Args:
        record: The record.
        frames: Frame numbers, [t]; outside the clip, the first or last frame is used.

    Returns:
        Points in pixels of the face crop, f32 [t 20 2]; zeros if they are unknown.
    """
    known = record["landmarks"]
    if not len(known):
        return np.zeros((len(frames), NUM_LIP_POINTS, 2), np.float32)
    return known[clip_frames(frames, len(known))].astype(np.float32)


def known_lower_face(record: Record) -> Reel:
    """Return the aligned lower faces of a record.

    Args:
        record: The record.

    Returns:
        The lower faces, [t 128 128 3].

    Raises:
        InputError: The record has none.
    """
    if not len(record["lower_face"]):
        raise InputError(
            f"{record['clip']} has no aligned lower faces; build the corpus again with "
            "avjax data build"
        )
    return record["lower_face"]


def sample_index(rng: np.random.Generator, first: int, last: int) -> int:
    """Sample an index from a range.

    Args:
        rng: Random generator; not used if there is no choice.
        first: Smallest index.
        last: Largest index.

    Returns:
        The index; `middle_index` of both limits if `last` is not larger than `first`.
    """
    if last > first:
        return int(rng.integers(first, last + 1))
    return middle_index(first, last)


def spread_index(first: int, last: int, position: int, count: int) -> int:
    """Compute one of several evenly spaced indices.

    Args:
        first: Smallest index.
        last: Largest index.
        position: Which of the indices to compute, from 0 to `count - 1`.
        count: Number of indices.

    Returns:
        The index; `middle_index` of both limits if `last` is not larger than `first`.
    """
    if last <= first:
        return middle_index(first, last)
    return first + int((position + 0.5) * (last - first + 1) / count)


def middle_index(first: int, last: int) -> int:
    """Compute the middle of two indices.

    Args:
        first: One index.
        last: The other index.

    Returns:
        The middle, at least 0.
    """
    return max(first + last, 0) // 2
