"""Evaluation examples of talking faces: long stretches of whole clips."""

import dataclasses

import numpy as np

from avjax.audio.mel import mel_window_starts
from avjax.constants import FPS
from avjax.data.examples.base import (
    Example,
    Record,
    clip_mel_windows,
    frames_exist,
    lip_landmarks,
)
from avjax.text.phonemes import phoneme_classes_at


@dataclasses.dataclass(frozen=True)
class TalkEvalClip:
    """A stretch of a clip, to be generated from its audio and one reference frame.

    Attributes:
        num_frames: t; a shorter clip is filled up with its last frame.

    Keys:
        faces: u8 [t h w c].
        reference: u8 [h w c]; from outside of the stretch if the clip is longer.
        mels: f32 [t 16 k], one window for each frame; it begins 40 ms before it.
        sync_mels: f32 [t 16 k], windows that begin with the frame, for sync networks.
        landmarks: f32 [t 20 2]; zeros: unknown.
        frame_mask: f32 [t], 1 if the clip has such a frame.
        phoneme_class: i32 [t], class of the phoneme, as `avjax.text.phonemes` numbers
            them.
        weight: f32 [], 1.
    """

    num_frames: int = 50

    def at(self, record: Record, index: int, count: int) -> Example:
        """Spread the stretches evenly over the clip; the first begins at frame 0.

        See `ExampleTransform.at`.
        """
        length = len(record["face"])
        first = self.first_frame(record, index, count)
        frames = first + np.arange(self.num_frames)
        existing = np.minimum(frames, length - 1)
        outside = max(length - self.num_frames, 0)
        reference_offset = self.num_frames + outside // 2 if outside else length // 2
        starts = mel_window_starts(length, FPS)[existing]
        mels = clip_mel_windows(record, [*starts, *(existing / FPS)])
        return {
            "faces": record["face"].take(existing),
            "reference": record["face"][(first + reference_offset) % length],
            "mels": mels[: self.num_frames],
            "sync_mels": mels[self.num_frames :],
            "landmarks": lip_landmarks(record, existing),
            "phoneme_class": phoneme_classes_at(record["phones"], existing / FPS),
            "frame_mask": frames_exist(frames, length).astype(np.float32),
            "weight": np.float32(1),
        }

    def first_frame(self, record: Record, index: int, count: int) -> int:
        """Compute the number of the first frame of a stretch.

        Args:
            record: The record.
            index: Number of the stretch, from 0 to `count - 1`.
            count: Number of stretches of the clip.

        Returns:
            The number.
        """
        return max(len(record["face"]) - self.num_frames, 0) * index // count
