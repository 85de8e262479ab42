"""Examples of talking faces that hear what is said before and behind their frames.

What lies outside of a clip, or of the stretch of it that is taken, does not exist: it
is filled up, and exists is 0 there, or the frames themselves are all that is told.  It
is filled with sound of other moments, for statistics of a batch are also made of it.
"""

import dataclasses
from collections.abc import Mapping

import grain
import numpy as np

from avjax.audio import mel as audio
from avjax.data import schema
from avjax.data.examples.talking import (
    CONTEXT,
    TARGETS,
    Example,
    TalkWindow,
    mel_windows,
    talk_example,
)


@dataclasses.dataclass(frozen=True)
class ContextWindow(grain.transforms.RandomMap):
    """A TalkWindow whose five frames are to be made from the sound around them.

    reach  frames to either side that are heard
    near   frames to either side that the five may be taken for

    Gives  what a TalkWindow gives, but
           mels f32 [2 reach + 5 16 k], each beginning 40 ms before its frame;
           exists f32 [2 reach + 5], 1 where the clip has such a frame;
           window u8 [2 near + 5 h w c], around the targets;
           there f32 [2 near + 1], 1 where the clip has the five frames that begin so
           many frames earlier or later.
    """

    reach: int = 15
    near: int = 5

    def random_map(self, record: Mapping, rng: np.random.Generator) -> Example:
        """A random target and a reference that begins at another frame."""
        return self.example(record, *TalkWindow().draw(record, rng))

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """Targets evenly spread over the clip; the reference lies half a clip away."""
        return self.example(record, *TalkWindow().spread(record, place, places))

    def example(self, record: Mapping, target: int, reference: int) -> Example:
        length = len(record["face"])
        heard = target + np.arange(-self.reach, TARGETS + self.reach)
        moments = target + np.arange(-self.near, self.near + 1)
        there = inside(moments, length) & inside(moments + TARGETS - 1, length)
        return {
            **talk_example(record, target, reference, self.near),
            "mels": mels_of(record, heard % length),
            "exists": inside(heard, length).astype(np.float32),
            "there": there.astype(np.float32),
        }


@dataclasses.dataclass(frozen=True)
class UnitWindow(grain.transforms.RandomMap):
    """A stretch of a clip, heard and seen: how do the lips move in each of its frames?

    frames  t; what a clip lacks is filled up

    Gives  faces u8 [t+4 h w c], the frames with two before and two behind them;
           mels f32 [t 16 k], for each frame, beginning 40 ms before it;
           exists f32 [t];  weight f32 [], 1.
    """

    frames: int = 35

    def random_map(self, record: Mapping, rng: np.random.Generator) -> Example:
        """A stretch at random."""
        last = max(len(record["face"]) - self.frames, 0)
        return self.example(record, int(rng.integers(last + 1)))

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """Stretches evenly spread over the clip."""
        last = max(len(record["face"]) - self.frames, 0)
        return self.example(record, int((place + 0.5) * (last + 1) / places))

    def example(self, record: Mapping, first: int) -> Example:
        face, shown = record["face"], first + np.arange(self.frames)
        around = first + np.arange(-CONTEXT, self.frames + CONTEXT)
        return {
            "faces": face.take(np.clip(around, 0, len(face) - 1)),
            "mels": mels_of(record, shown % len(face)),
            "exists": inside(shown, len(face)).astype(np.float32),
            "weight": np.float32(1),
        }


def mels_of(record: Mapping, frames: np.ndarray) -> np.ndarray:
    """The sound of frames: [t] -> f32 [t 16 k]."""
    starts = audio.frame_starts(1, schema.FPS)[0] + frames / schema.FPS
    return mel_windows(record["wave"], starts)


def inside(frames: np.ndarray, length: int) -> np.ndarray:
    """Whether a clip of this length has such frames."""
    return (frames >= 0) & (frames < length)
