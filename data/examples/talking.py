"""Training examples of talking faces and of sync networks.

A training example is sampled at random (`random_map`); an evaluation example is at a
fixed place of its clip (`at`). Only the frames of the example are decoded, and only its
part of the mel spectrogram is computed. A frame number outside a short clip means its
first or last frame.
"""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import grain
import numpy as np

from avjax.audio.loudness import LEVELS_PER_SECOND
from avjax.audio.mel import mel_window_starts
from avjax.constants import FPS, SYNC_FRAMES
from avjax.data.examples.base import (
    Example,
    Record,
    clip_frames,
    clip_gain,
    clip_mel_windows,
    label_weight,
    lip_landmarks,
    sample_index,
    spread_index,
)

MARGIN_FRAMES = 2  # on either side of the targets, for encoders of five frames


@dataclasses.dataclass(frozen=True)
class TalkTrainExample(grain.transforms.RandomMap):
    """Five consecutive target frames with their audio, and five reference frames.

    Keys:
        frames: u8 [9 h w c], the targets and two frames on either side.
        reference: u8 [5 h w c], from another place of the clip.
        mels: f32 [5 16 k], one window for each target; it begins 40 ms before it.
        mel: f32 [16 k], the window that begins with the first target.
        landmarks: f32 [5 20 2] of the targets; zeros: unknown.
        weight: f32 [], 1.

    Source: The sampling of SyncTalkFace's training (Park et al., AAAI 2022).
    """

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Sample the targets, and a reference that begins at another frame.

        See `ExampleTransform`.
        """
        target, reference = self.sample_starts(record, rng)
        return make_talk_example(record, target, reference)

    def at(self, record: Record, index: int, count: int) -> Example:
        """Spread the targets evenly over the clip; references are half a clip away.

        See `ExampleTransform.at`.
        """
        target, reference = self.spread_starts(record, index, count)
        return make_talk_example(record, target, reference)

    def sample_starts(
        self, record: Record, rng: np.random.Generator
    ) -> tuple[int, int]:
        """Sample the first frames of `random_map`.

        Args:
            record: The record.
            rng: Random generator.

        Returns:
            Numbers of the first target frame and of the first reference frame.
        """
        length = len(record["face"])
        last = length - SYNC_FRAMES - MARGIN_FRAMES
        target = sample_index(rng, MARGIN_FRAMES, last)
        return target, _sample_other_start(rng, length, target)

    def spread_starts(self, record: Record, index: int, count: int) -> tuple[int, int]:
        """Compute the first frames of `at`.

        Args:
            record: The record.
            index: Number of the example, from 0 to `count - 1`.
            count: Number of examples of the record.

        Returns:
            Numbers of the first target frame and of the first reference frame.
        """
        length = len(record["face"])
        last = length - SYNC_FRAMES - MARGIN_FRAMES
        target = spread_index(MARGIN_FRAMES, last, index, count)
        return target, (target + length // 2) % max(length - SYNC_FRAMES + 1, 1)


@dataclasses.dataclass(frozen=True)
class LandmarkExample(TalkTrainExample):
    """A `TalkTrainExample` for tasks that learn from `landmarks`.

    Keys:
        All keys of `TalkTrainExample`, with this difference:
        weight: f32 [], 1; 0 if the landmarks of the clip are unknown.
    """

    required_labels: ClassVar = ("landmarks",)

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Sample an example. See `TalkTrainExample.random_map`."""
        return self._weighted(record, super().random_map(record, rng))

    def at(self, record: Record, index: int, count: int) -> Example:
        """Make one of several examples. See `TalkTrainExample.at`."""
        return self._weighted(record, super().at(record, index, count))

    def _weighted(self, record: Record, example: Example) -> Example:
        """Give an example the weight of its record."""
        return {**example, "weight": label_weight(record, self.required_labels)}


@dataclasses.dataclass(frozen=True)
class SyncExample(grain.transforms.RandomMap):
    """Moments of a clip: five consecutive frames and 0.2 s of audio each.

    Moments share no frame if the clip is long enough. All of them contain speech if the
    clip has enough of it, because one silence cannot be distinguished from another. In
    training, half of the clips are mirrored.

    Attributes:
        num_moments: Number of moments, m.

    Keys:
        lips: u8 [m 5 h w c], whole face crops.
        mels: f32 [m 16 k].
        start: i32 [m], the first frame of each moment.
        weight: f32 [], 1.
    """

    num_moments: int = 2

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Sample the moments, and mirror half of the clips. See `ExampleTransform`."""
        starts = rng.permutation(_speech_starts(record))
        example = make_sync_example(record, _select_disjoint(starts, self.num_moments))
        if rng.random() < 0.5:
            return example
        return {**example, "lips": example["lips"][..., ::-1, :]}

    def at(self, record: Record, index: int, count: int) -> Example:
        """Spread the moments evenly over the speech of the clip.

        See `ExampleTransform.at`.
        """
        starts = _speech_starts(record)
        steps = np.arange(self.num_moments) + (index + 0.5) / count
        spread = starts[(steps / self.num_moments * len(starts)).astype(int)]
        chosen = _select_disjoint([*spread, *starts], self.num_moments)
        return make_sync_example(record, chosen)


def make_talk_example(
    record: Record, target: int, reference: int, margin: int = MARGIN_FRAMES
) -> Example:
    """Make the example whose targets and reference begin at these frames.

    Args:
        record: The record.
        target: Number of the first target frame.
        reference: Number of the first reference frame.
        margin: Frames that `frames` has on either side of the targets.

    Returns:
        The example, as `TalkTrainExample` describes it.
    """
    face = record["face"]
    frames = np.arange(target - margin, target + SYNC_FRAMES + margin)
    targets = np.arange(target, target + SYNC_FRAMES)
    references = np.arange(SYNC_FRAMES) + reference
    starts = mel_window_starts(target + SYNC_FRAMES, FPS)[target:]
    mels = clip_mel_windows(record, [*starts, target / FPS])
    return {
        "frames": face.take(clip_frames(frames, len(face))),
        "reference": face.take(clip_frames(references, len(face))),
        "mels": mels[:SYNC_FRAMES],
        "mel": mels[SYNC_FRAMES],
        "landmarks": lip_landmarks(record, targets),
        "weight": np.float32(1),
    }


def make_sync_example(record: Record, starts: np.ndarray) -> Example:
    """Make the example whose moments begin at these frames.

    Args:
        record: The record.
        starts: Number of the first frame of each moment, [m].

    Returns:
        The example, as `SyncExample` describes it.
    """
    face = record["face"]
    frames = clip_frames(starts[:, None] + np.arange(SYNC_FRAMES), len(face))
    lips = face.take(frames.ravel())
    return {
        "lips": lips.reshape(*frames.shape, *lips.shape[1:]),
        "mels": clip_mel_windows(record, starts / FPS),
        "start": starts.astype(np.int32),
        "weight": np.float32(1),
    }


def _sample_other_start(rng: np.random.Generator, length: int, target: int) -> int:
    """Sample the first of five frames, not the target; 0 if there is no other."""
    last = length - SYNC_FRAMES
    if last < 1:
        return 0
    start = int(rng.integers(last))
    return start + (start >= target)


def _select_disjoint(starts: Sequence[int] | np.ndarray, count: int) -> np.ndarray:
    """Select the first `count` starts that share no frame; repeat some if necessary."""
    chosen, others = [], []
    for start in starts:
        if len(chosen) == count:
            break
        overlaps = any(abs(start - other) < SYNC_FRAMES for other in chosen)
        (others if overlaps else chosen).append(start)
    return np.resize([*chosen, *others][: max(count, 1)], count)


def _speech_starts(record: Record) -> np.ndarray:
    """Find the starts of five frames that are mostly speech; if none, all starts."""
    frames = np.arange(max(len(record["face"]) - SYNC_FRAMES, 0) + 1)
    silent = (clip_gain(record) == 0).astype(np.float64)
    steps = LEVELS_PER_SECOND // FPS  # levels in a frame
    first = np.minimum(frames * steps, len(silent) - 1)
    last = np.minimum(first + SYNC_FRAMES * steps, len(silent))
    total = np.concatenate([[0.0], np.cumsum(silent)])
    starts = frames[(total[last] - total[first]) / (last - first) < 0.5]
    return starts if len(starts) else frames
