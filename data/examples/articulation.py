"""Examples to learn articulation: audio, and the motion of the mouth that made it."""

import dataclasses
from typing import ClassVar

import numpy as np

from avjax.data.examples.base import Example, Record, frames_exist, label_weight
from avjax.data.examples.lip_codes import SpeechStretch, count_frames
from avjax.data.puppet.visemes import TRACKS


@dataclasses.dataclass(frozen=True)
class ArticulationExample(SpeechStretch):
    """A stretch of synthetic speech with its articulation.

    It takes records of puppets, and those of `PseudoSpeechSource`.

    Attributes:
        num_frames: t, frames of audio.

    Keys:
        mels: f32 [t 16 k], one window for each frame; it begins 40 ms before it.
        articulation: f32 [t a], values of `TRACKS` at each frame.
        frame_mask: f32 [t], 1 if the clip has such a frame.
        weight: f32 [], 1; 0 if the articulation is not known.
    """

    required_labels: ClassVar = ("articulation",)

    def example(
        self, record: Record, first: int, speed: float, mels: np.ndarray
    ) -> Example:
        """Make the example of a stretch. See `SpeechStretch.example`."""
        length = count_frames(record)
        positions = first + np.arange(self.num_frames) * speed
        exists = frames_exist(np.ceil(positions), length).astype(np.float32)
        known = record["articulation"]
        weight = label_weight(record, self.required_labels)
        if not weight:
            known = np.zeros((length, len(TRACKS)))
        frames = np.arange(length)
        tracks = [np.interp(positions, frames, track) for track in known.T]
        return {
            "mels": mels * exists[:, None, None],
            "articulation": np.stack(tracks, axis=1).astype(np.float32),
            "frame_mask": exists,
            "weight": weight,
        }
