"""Examples to learn articulation: audio, and the motion of the mouth that made it."""

import dataclasses
import math
from typing import ClassVar

import grain
import numpy as np

from avjax.constants import SAMPLES_PER_FRAME
from avjax.data.examples.base import (
    Example,
    Record,
    clip_frames,
    frame_mel_windows,
    frames_exist,
    label_weight,
    sample_index,
    spread_index,
)
from avjax.data.examples.lip_codes import SPEEDS, LipCodeExample, hide_parts
from avjax.data.puppet.visemes import TRACKS


@dataclasses.dataclass(frozen=True)
class ArticulationExample(grain.transforms.RandomMap):
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

    num_frames: int = 40
    required_labels: ClassVar = ("articulation",)

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Sample a stretch, and change speed, sound and spectrum of its audio.

        See `ExampleTransform`.
        """
        speed = float(rng.choice(SPEEDS))
        needed = math.ceil((self.num_frames - 1) * speed) + 1
        first = sample_index(rng, 0, max(num_frames(record) - needed, 0))
        audio = LipCodeExample(self.num_frames)
        mels = audio.varied_mels(record, first, speed, rng)
        hide_parts(mels, rng)
        return self.example(record, first, speed, mels)

    def at(self, record: Record, index: int, count: int) -> Example:
        """Spread stretches evenly over the clip; nothing is changed at random.

        See `ExampleTransform.at`.
        """
        last = max(num_frames(record) - self.num_frames, 0)
        first = spread_index(0, last, index, count)
        frames = first + np.arange(self.num_frames)
        mels = frame_mel_windows(record, clip_frames(frames, num_frames(record)))
        return self.example(record, first, 1.0, mels)

    def example(
        self, record: Record, first: int, speed: float, mels: np.ndarray
    ) -> Example:
        """Make the example of the stretch that begins at this frame.

        Args:
            record: The record.
            first: Number of the first frame.
            speed: Speed of speech over that of the clip.
            mels: Windows, f32 [t 16 k].

        Returns:
            The example, as the class describes it.
        """
        length = num_frames(record)
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


def num_frames(record: Record) -> int:
    """Count the video frames of a record, which need not be there."""
    return len(record["wave"]) // SAMPLES_PER_FRAME
