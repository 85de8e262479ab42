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

from avjax.audio import loudness as speech
from avjax.audio import mel as audio
from avjax.data import schema

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
        return talk_example(record, *self.draw(record, rng))

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """Targets evenly spread over the clip; the reference lies half a clip away."""
        return talk_example(record, *self.spread(record, place, places))

    def draw(self, record: Mapping, rng: np.random.Generator) -> tuple[int, int]:
        """The first frames of random_map's targets and reference."""
        frames = len(record["face"])
        target = _draw(rng, CONTEXT, frames - TARGETS - CONTEXT)
        return target, _draw_other(rng, frames, target)

    def spread(self, record: Mapping, place: int, places: int) -> tuple[int, int]:
        """The first frames of at's targets and reference."""
        frames = len(record["face"])
        target = _spread(CONTEXT, frames - TARGETS - CONTEXT, place, places)
        return target, (target + frames // 2) % max(frames - TARGETS + 1, 1)


@dataclasses.dataclass(frozen=True)
class SyncWindow(grain.transforms.RandomMap):
    """Moments of a clip, five frames and 0.2 s of sound at each.

    moments  how many; no two share a frame, if the clip has room for that

    Gives  lips u8 [m 5 h w c], whole face crops;  mels f32 [m 16 k];
           start i32 [m], the first frame of each moment;  weight f32 [], 1.
    Somebody speaks at all of them, if there are such: one silence cannot be told from
    another.  In training half of the clips are seen in a mirror.
    """

    moments: int = 2

    def random_map(self, record: Mapping, rng: np.random.Generator) -> Example:
        """Moments at random."""
        chosen = _apart(rng.permutation(_spoken(record)), self.moments)
        example = sync_example(record, chosen)
        if rng.random() < 0.5:
            return example
        return {**example, "lips": example["lips"][..., ::-1, :]}

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """Moments evenly spread over the clip, from the place-th of so many on."""
        starts = _spoken(record)
        steps = (np.arange(self.moments) + (place + 0.5) / places) / self.moments
        spread = starts[(steps * len(starts)).astype(int)]
        return sync_example(record, _apart([*spread, *starts], self.moments))


def talk_example(
    record: Mapping, target: int, reference: int, context: int = CONTEXT
) -> Example:
    """The talking-face example whose first target and reference are these frames.

    context  frames of the window on either side of the targets
    """
    face = record["face"]
    around = np.arange(target - context, target + TARGETS + context)
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


def sync_example(record: Mapping, starts: np.ndarray) -> Example:
    """Frames and sound of the moments that begin at these frames."""
    face = record["face"]
    frames = _inside(starts[:, None] + np.arange(TARGETS), len(face))
    lips = face.take(frames.ravel())
    return {
        "lips": lips.reshape(*frames.shape, *lips.shape[1:]),
        "mels": mel_windows(record["wave"], starts / schema.FPS),
        "start": starts.astype(np.int32),
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


def _apart(starts, count: int) -> np.ndarray:
    """The first so many of them that share no frame; filled up where there are less."""
    chosen, rest = [], []
    for start in starts:
        near = any(abs(start - other) < TARGETS for other in chosen)
        (rest if near or len(chosen) == count else chosen).append(start)
    return np.resize([*chosen, *rest][: max(count, 1)], count)


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
