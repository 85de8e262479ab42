"""Training examples of CALS, whose audio reaches beyond the frames to be generated.

Audio windows outside of a clip are replaced by other moments of the same clip, because
the statistics of a batch are also computed from them. `frame_mask` is 0 there.
"""

import dataclasses

import grain
import numpy as np

from avjax.constants import SYNC_FRAMES
from avjax.data.examples.base import (
    Example,
    Record,
    clip_frames,
    frame_mel_windows,
    frames_exist,
)
from avjax.data.examples.talking import (
    MARGIN_FRAMES,
    TalkTrainExample,
    make_talk_example,
)


@dataclasses.dataclass(frozen=True)
class CalsTrainExample(grain.transforms.RandomMap):
    """Five target frames with the audio around them, and five reference frames.

    Attributes:
        context_frames: Frames on either side of the targets whose audio is included.
        max_offset: Largest offset, in frames, of a candidate: five frames of the clip
            that the contrastive loss compares the targets with.

    Keys:
        All keys of `TalkTrainExample`, with these differences:
        mels: f32 [2 context_frames + 5, 16, k]; each begins 40 ms before its frame.
        frame_mask: f32 [2 context_frames + 5], 1 if the clip has such a frame.
        frames: u8 [2 max_offset + 5, h, w, c], around the targets.
        candidate_mask: f32 [2 max_offset + 1], 1 if the clip has the five frames that
            begin at this offset from the targets.
    """

    context_frames: int = 15
    max_offset: int = 5

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Sample the targets, and a reference that begins at another frame.

        See `ExampleTransform`.
        """
        target, reference = TalkTrainExample().sample_starts(record, rng)
        return self.example(record, target, reference)

    def at(self, record: Record, index: int, count: int) -> Example:
        """Spread the targets evenly over the clip; references are half a clip away.

        See `ExampleTransform.at`.
        """
        target, reference = TalkTrainExample().spread_starts(record, index, count)
        return self.example(record, target, reference)

    def example(self, record: Record, target: int, reference: int) -> Example:
        """Make the example whose targets and reference begin at these frames.

        Args:
            record: The record.
            target: Number of the first target frame.
            reference: Number of the first reference frame.

        Returns:
            The example, as the class describes it.
        """
        length = len(record["face"])
        context = np.arange(-self.context_frames, SYNC_FRAMES + self.context_frames)
        starts = target + np.arange(-self.max_offset, self.max_offset + 1)
        ends = starts + SYNC_FRAMES - 1
        candidates = frames_exist(starts, length) & frames_exist(ends, length)
        audio_frames = target + context
        return {
            **make_talk_example(record, target, reference, self.max_offset),
            "mels": frame_mel_windows(record, audio_frames % length),
            "frame_mask": frames_exist(audio_frames, length).astype(np.float32),
            "candidate_mask": candidates.astype(np.float32),
        }


@dataclasses.dataclass(frozen=True)
class CalsUnitExample(grain.transforms.RandomMap):
    """A stretch of a clip with its audio, to learn how the lips move in each frame.

    Attributes:
        num_frames: t; a shorter clip is filled up.

    Keys:
        faces: u8 [t+4 h w c], the frames with two before and two after them.
        mels: f32 [t 16 k], one window for each frame; it begins 40 ms before it.
        frame_mask: f32 [t], 1 if the clip has such a frame.
        weight: f32 [], 1.
    """

    num_frames: int = 35

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Sample a stretch. See `ExampleTransform`."""
        last = max(len(record["face"]) - self.num_frames, 0)
        return self.example(record, int(rng.integers(last + 1)))

    def at(self, record: Record, index: int, count: int) -> Example:
        """Spread the stretches evenly over the clip. See `ExampleTransform.at`."""
        last = max(len(record["face"]) - self.num_frames, 0)
        return self.example(record, int((index + 0.5) * (last + 1) / count))

    def example(self, record: Record, first: int) -> Example:
        """Make the example of the stretch that begins at this frame.

        Args:
            record: The record.
            first: Number of the first frame.

        Returns:
            The example, as the class describes it.
        """
        face, frames = record["face"], first + np.arange(self.num_frames)
        offsets = np.arange(-MARGIN_FRAMES, self.num_frames + MARGIN_FRAMES)
        return {
            "faces": face.take(clip_frames(first + offsets, len(face))),
            "mels": frame_mel_windows(record, frames % len(face)),
            "frame_mask": frames_exist(frames, len(face)).astype(np.float32),
            "weight": np.float32(1),
        }
