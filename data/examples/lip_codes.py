"""Examples to learn the lip codes of speech: audio, and the mouths that it moves.

Every clip has another microphone and room. In training, the audio is changed at random,
so that the network learns speech, not the sound of a recording.
"""

import abc
import dataclasses
import math

import grain
import numpy as np

from avjax.audio.augmentation import augment_speech, change_speed
from avjax.audio.mel import log_mel, mel_window_starts, mel_windows
from avjax.constants import FPS, NUM_MELS, SAMPLES_PER_FRAME
from avjax.data.examples.base import (
    Example,
    Record,
    clip_frames,
    frame_mel_windows,
    frames_exist,
    known_lower_face,
    normalized_speech,
    sample_index,
    spread_index,
)
from avjax.faces.editing import crop_encoder_mouth

SPEEDS = 0.88, 0.94, 1.0, 1.06, 1.12  # of speech, in training
MARGIN = 8  # frames of audio before the first one: echoes begin there
PERIOD = 5  # video frames that last a whole number of mel frames
QUIETEST = -4.0  # log-mel value of silence
BAND_PROB, TIME_PROB = 0.6, 0.4  # that a part of the input is hidden
BAND_WIDTHS, TIME_WIDTHS = (
    (3, 14),
    (2, 5),
)  # mel bands and frames; upper limits excluded
MAX_BAND_SHIFT = 4  # mel bands: a longer or shorter vocal tract


@dataclasses.dataclass(frozen=True)
class SpeechStretch(grain.transforms.RandomMap, abc.ABC):
    """Base class of examples that are a stretch of a clip with its audio.

    Attributes:
        num_frames: t, frames of audio.
    """

    num_frames: int = 40

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Sample a stretch, and change speed, sound and spectrum of its audio.

        See `ExampleTransform`.
        """
        speed = float(rng.choice(SPEEDS))
        needed = math.ceil((self.num_frames - 1) * speed) + 1
        first = sample_index(rng, 0, max(count_frames(record) - needed, 0))
        mels = self.varied_mels(record, first, speed, rng)
        hide_parts(mels, rng)
        return self.example(record, first, speed, mels)

    def at(self, record: Record, index: int, count: int) -> Example:
        """Spread stretches evenly over the clip; nothing is changed at random.

        See `ExampleTransform.at`.
        """
        length = count_frames(record)
        last = max(length - self.num_frames, 0)
        first = spread_index(0, last, index, count)
        frames = first + np.arange(self.num_frames)
        mels = frame_mel_windows(record, clip_frames(frames, length))
        return self.example(record, first, 1.0, mels)

    def varied_mels(
        self, record: Record, first: int, speed: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Compute windows of audio whose speed and sound are changed.

        Args:
            record: The record.
            first: Number of the first frame.
            speed: Speed of speech over that of the clip.
            rng: Random generator.

        Returns:
            Windows, f32 [t 16 k].
        """
        start = max(first - MARGIN, 0) // PERIOD * PERIOD
        stop = first + math.ceil(self.num_frames * speed) + MARGIN
        part = normalized_speech(
            record, start * SAMPLES_PER_FRAME, stop * SAMPLES_PER_FRAME
        )
        part = augment_speech(change_speed(part, speed), rng)
        starts = mel_window_starts(self.num_frames, FPS) + (first - start) / speed / FPS
        return mel_windows(log_mel(part), starts)

    @abc.abstractmethod
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


@dataclasses.dataclass(frozen=True)
class LipCodeExample(SpeechStretch):
    """A stretch of a clip with its audio and its mouths.

    Attributes:
        num_frames: t, frames of audio.

    Keys:
        mels: f32 [t 16 k], one window for each frame; it begins 40 ms before it.
        mouths: u8 [m 40 56], as `crop_encoder_mouth` crops them; m is larger than t,
            because speech may be faster than in the clip.
        positions: f32 [t], where each frame is in `mouths`; it lies between two mouths
            if the speed was changed.
        frame_mask: f32 [t], 1 if the clip has such a frame.
        weight: f32 [], 1.
    """

    @property
    def num_mouths(self) -> int:
        """m, the number of mouths at the highest speed."""
        return math.ceil((self.num_frames - 1) * max(SPEEDS)) + 1

    def example(
        self, record: Record, first: int, speed: float, mels: np.ndarray
    ) -> Example:
        """Make the example of a stretch. See `SpeechStretch.example`."""
        face = known_lower_face(record)
        positions = np.arange(self.num_frames) * speed
        exists = frames_exist(first + np.ceil(positions), len(face))
        numbers = clip_frames(first + np.arange(self.num_mouths), len(face))
        unique, places = np.unique(numbers, return_inverse=True)
        mouths = np.stack([crop_encoder_mouth(frame) for frame in face.take(unique)])
        return {
            "mels": mels * exists[:, None, None].astype(np.float32),
            "mouths": np.rint(mouths).astype(np.uint8)[places],
            "positions": positions.astype(np.float32),
            "frame_mask": exists.astype(np.float32),
            "weight": np.float32(1),
        }


def count_frames(record: Record) -> int:
    """Count the video frames of a record by its audio; pictures are not needed."""
    return len(record["wave"]) // SAMPLES_PER_FRAME


def hide_parts(mels: np.ndarray, rng: np.random.Generator) -> None:
    """Hide bands and frames, and shift the spectrum, in place.

    Args:
        mels: Log-mel windows, f32 [t 16 k].
        rng: Random generator.
    """
    if rng.random() < BAND_PROB:
        width = int(rng.integers(*BAND_WIDTHS))
        first = int(rng.integers(NUM_MELS - width + 1))
        mels[..., first : first + width] = mels.mean()
    if rng.random() < TIME_PROB:
        width = int(rng.integers(*TIME_WIDTHS))
        first = int(rng.integers(max(1, len(mels) - width + 1)))
        mels[first : first + width] = QUIETEST
    shift = int(rng.integers(-MAX_BAND_SHIFT, MAX_BAND_SHIFT + 1))
    mels[:] = np.roll(mels, shift, axis=-1)
