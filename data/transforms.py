"""From a record to one example of a batch: which frames, and the sound that goes along.

A window is drawn at random for training (random_map), or stands at a fixed place of the
clip for evaluation (at).  Only the frames of the window are decoded, and only its
columns of the mel computed.  Frames outside a short clip are its first or last.
"""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import grain
import numpy as np

from avjax.data import schema
from avjax.features import audio, speech

TARGETS = 5  # frames that are made, or judged, at once
CONTEXT = 2  # frames that the outermost target sees to its either side

Example = Mapping[str, np.ndarray]


class Window(Protocol):
    """What becomes of a clip; to train on, it has random_map(record, rng) too."""

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """The place-th of so many examples of one clip, always the same."""


@dataclasses.dataclass(frozen=True)
class TalkWindow(grain.transforms.RandomMap):
    """Five frames to be made, what is said in them, and five that show who says it.

    Gives  window u8 [9 h w c], the targets and two frames on either side;
           reference u8 [5 h w c], from another place in the clip;
           mels f32 [5 16 k], one for each target, beginning 40 ms before it;
           mel f32 [16 k], from the first target;  landmarks f32 [5 20 2] of the
           targets, zeros if unknown;  weight f32 [], 1.
    Source  the sampling of SyncTalkFace's training (Park et al., AAAI 2022).
    """

    def random_map(self, record: Mapping, rng: np.random.Generator) -> Example:
        """A random target and a reference that begins at another frame."""
        frames = len(record["face"])
        target = _draw(rng, CONTEXT, frames - TARGETS - CONTEXT)
        return talk_example(record, target, _draw_other(rng, frames, target))

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """Targets evenly spread over the clip; the reference lies half a clip away."""
        frames = len(record["face"])
        target = _spread(CONTEXT, frames - TARGETS - CONTEXT, place, places)
        reference = (target + frames // 2) % max(frames - TARGETS + 1, 1)
        return talk_example(record, target, reference)


@dataclasses.dataclass(frozen=True)
class SyncWindow(grain.transforms.RandomMap):
    """Five frames and 0.2 s of sound that belong together, or are from other moments.

    shift   frames that sound out of step lies away from the picture, at least

    Gives  lips u8 [5 h w c], whole face crops;  mel f32 [16 k];
           offset i32 [], in frames: the sound is that of frame + offset, 0 in step;
           weight f32 [], 1.
    Both are of moments at which somebody speaks, if there are such: one silence cannot
    be told from another.  A clip too short to hold such a shift is always in step.
    """

    shift: int = 5

    def random_map(self, record: Mapping, rng: np.random.Generator) -> Example:
        """In step with probability one half."""
        starts = _spoken(record)
        start = int(rng.choice(starts))
        others = starts[np.abs(starts - start) >= self.shift]
        in_step = rng.random() < 0.5 or not len(others)
        heard = start if in_step else int(rng.choice(others))
        return sync_example(record, start, heard)

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """Even places are in step; odd ones hear the middle of what is far enough."""
        starts = _spoken(record)
        start = int(starts[_spread(0, len(starts) - 1, place, places)])
        others = starts[np.abs(starts - start) >= self.shift]
        in_step = place % 2 == 0 or not len(others)
        heard = start if in_step else int(others[len(others) // 2])
        return sync_example(record, start, heard)


def talk_example(record: Mapping, target: int, reference: int) -> Example:
    """The talking-face example whose first target and reference are these frames."""
    face = record["face"]
    around = np.arange(target - CONTEXT, target + TARGETS + CONTEXT)
    targets = np.arange(target, target + TARGETS)
    starts = audio.frame_starts(target + TARGETS, schema.FPS)[target:]
    mels = mel_windows(record["wave"], [*starts, target / schema.FPS])
    return {
        "window": face.take(_inside(around, len(face))),
        "reference": face.take(_inside(np.arange(TARGETS) + reference, len(face))),
        "mels": mels[:TARGETS],
        "mel": mels[TARGETS],
        "landmarks": _landmarks(record["landmarks"], targets),
        "weight": np.float32(1),
    }


def sync_example(record: Mapping, start: int, heard: int) -> Example:
    """The frames from start, with the sound of the frames from heard."""
    face = record["face"]
    return {
        "lips": face.take(_inside(np.arange(TARGETS) + start, len(face))),
        "mel": mel_windows(record["wave"], [heard / schema.FPS])[0],
        "offset": np.int32(heard - start),
        "weight": np.float32(1),
    }


def mel_windows(wave: np.ndarray, starts_seconds) -> np.ndarray:
    """wave i16 [n], starts [t] -> f32 [t 16 k]: the mel of the prepared clip."""
    columns = 1 + len(wave) // audio.HOP
    wanted = audio.columns_at(starts_seconds)[:, None] + np.arange(audio.WINDOW)
    wanted = np.clip(wanted, 0, columns - 1)
    first, last = wanted.min(), wanted.max() + 1
    prepared = speech.prepare(schema.sound(wave))
    return audio.log_mel_between(prepared, first, last)[wanted - first]


def _landmarks(known: np.ndarray, frames: np.ndarray) -> np.ndarray:
    if not len(known):
        return np.zeros((len(frames), schema.LANDMARKS, 2), np.float32)
    return known[_inside(frames, len(known))]


def _inside(frames: np.ndarray, length: int) -> np.ndarray:
    return np.clip(frames, 0, length - 1)


def _draw(rng: np.random.Generator, first: int, last: int) -> int:
    """One of first..last; the middle where a short clip leaves no choice."""
    return int(rng.integers(first, last + 1)) if last > first else _middle(first, last)


def _draw_other(rng: np.random.Generator, frames: int, target: int) -> int:
    """A beginning of five frames, but not target; target if there is no other."""
    others = frames - TARGETS  # beginnings 0..others, less one
    if others < 1:
        return 0
    drawn = int(rng.integers(others))
    return drawn + (drawn >= target)


def _spread(first: int, last: int, place: int, places: int) -> int:
    """The place-th of so many even steps through first..last."""
    if last <= first:
        return _middle(first, last)
    return first + int((place + 0.5) * (last - first + 1) / places)


def _middle(first: int, last: int) -> int:
    return max(first + last, 0) // 2


def _spoken(record: Mapping) -> np.ndarray:
    """Frames with five on end whose sound is no pause for the most part; else all."""
    frames = np.arange(max(len(record["face"]) - TARGETS, 0) + 1)
    silent = speech.pauses(schema.sound(record["wave"])).astype(np.float64)
    steps = speech.STEPS_PER_SECOND // schema.FPS  # of the pauses, in a frame
    first = np.minimum(frames * steps, len(silent) - 1)
    last = np.minimum(first + TARGETS * steps, len(silent))
    total = np.concatenate([[0.0], np.cumsum(silent)])
    spoken = frames[(total[last] - total[first]) / (last - first) < 0.5]
    return spoken if len(spoken) else frames
