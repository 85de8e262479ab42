"""Examples of talking faces that are told what is said, and when, sound by sound.

    said   i32 [l], numbers of sounds as of text.phonemes; BLANK behind the last one
    edges  f32 [l + 1], when each gives way to the next, in seconds from the first frame
           on; those before it are negative
Told are the sounds of a stretch of a clip and those close to it, each as a whole.
"""

import dataclasses
import difflib
from collections.abc import Mapping

import grain
import numpy as np

from avjax.audio.mel import RATE, frame_starts
from avjax.data import schema
from avjax.data.examples.cals import inside, mels_of
from avjax.data.examples.talking import Example, mel_windows
from avjax.data.examples.talking_eval import TalkClip
from avjax.text.phonemes import BLANK, PAUSE, Spans, in_columns, spans_of
from avjax.text.tts import utter

NEAR = 1.0  # seconds to either side of a stretch whose sounds are told


@dataclasses.dataclass(frozen=True)
class TextWindow(grain.transforms.RandomMap):
    """A stretch of a clip, told and heard, and a picture of who speaks.

    frames  t; what a clip lacks is filled up
    sounds  l, at most; frames whose sound finds no room do not count
    border  frames at either end, if the clip goes on there, that do not count

    Gives  said and edges;  mels f32 [t 16 k], each beginning 40 ms before its frame;
           exists f32 [t], 1 where the clip has such a frame;  counts f32 [t], 1 where
           it is to be learnt from;  portrait u8 [h w c], from outside of the stretch if
           the clip is longer;  weight f32 [], 1, or 0 where no phones are known.
    """

    frames: int = 75
    sounds: int = 64
    border: int = 0

    def random_map(self, record: Mapping, rng: np.random.Generator) -> Example:
        """A stretch and a picture at random."""
        return self.example(record, *self.draw(record, rng))

    def draw(self, record: Mapping, rng: np.random.Generator) -> tuple[int, int]:
        """Where a stretch begins, and how far behind its end the picture is."""
        last = max(len(record["face"]) - self.frames, 0)
        first, away = rng.integers(last + 1), rng.integers(self.outside(record))
        return int(first), int(away)

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """Stretches evenly spread; the picture is the middle one of those outside."""
        last = max(len(record["face"]) - self.frames, 0)
        first = int((place + 0.5) * (last + 1) / places)
        return self.example(record, first, self.outside(record) // 2)

    def outside(self, record: Mapping) -> int:
        """How many pictures there are to choose from."""
        length = len(record["face"])
        return max(length - self.frames, 0) or length

    def example(self, record: Mapping, first: int, away: int) -> Example:
        """The stretch from a frame on; the picture is so many behind its end."""
        mels = mels_of(record, first + np.arange(self.frames))
        return {**self.unheard(record, first, away), "mels": mels}

    def unheard(self, record: Mapping, first: int, away: int) -> Example:
        """The same without its sound."""
        face, length = record["face"], len(record["face"])
        frames = np.arange(self.frames)
        told = told_of(record, first, self.frames, self.sounds)
        exists = inside(first + frames, length)
        counts = exists & ((frames + 0.5) / schema.FPS < told["edges"][-1])
        if first:
            counts &= frames >= self.border
        if first + self.frames < length:
            counts &= frames < self.frames - self.border
        return {
            **told,
            "exists": exists.astype(np.float32),
            "counts": counts.astype(np.float32),
            "portrait": face[(first + self.frames + away) % length],
            "weight": told_whether(record),
        }


@dataclasses.dataclass(frozen=True)
class TextClip:
    """A TalkClip that is told what is said too.

    frames  t, at most;  sounds  l, at most

    Gives  what a TalkClip gives, said and edges; the portrait is its reference; its
           weight is 0 where no phones are known;
           retold f32 [t 16 k], the sound of the same moments as espeak's own voice
           says the text, for a cascade of two machines.
    """

    frames: int = 50
    sounds: int = 64

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """One of so many beginnings, spread evenly over the clip."""
        clip = TalkClip(self.frames)
        example, first = (
            clip.at(record, place, places),
            clip.first(record, place, places),
        )
        told = told_of(record, first, self.frames, self.sounds)
        return {
            **example,
            **told,
            "portrait": example["reference"],
            "retold": retold_at(record, first + np.arange(self.frames)),
            "weight": told_whether(record),
        }


def retold_at(record: Mapping, frames: np.ndarray) -> Example:
    """What espeak says where a clip says the same sound: [t] -> f32 [t 16 k].

    The window of a frame begins 40 ms before it, at the pace of that other voice.
    Where the clip alone pauses, that voice is silent for as long.
    """
    said = utter(record["text"])
    theirs = spans_of(in_columns(said.phones), len(said.wave) / RATE)
    ours = spans_of(record["phones"], len(record["face"]) / schema.FPS)
    wave = np.round(said.wave * 32768).astype(np.int16)
    wave, theirs = with_pauses(wave, theirs, ours)
    lead = frame_starts(1, schema.FPS)[0]
    return mel_windows(wave, moments_like(ours, theirs, frames / schema.FPS) + lead)


def with_pauses(
    wave: np.ndarray, theirs: Spans, ours: Spans
) -> tuple[np.ndarray, Spans]:
    """What others say, silent besides where we alone pause, and for as long."""
    before, known = np.zeros(len(ours.sounds), int), np.zeros(len(ours.sounds), bool)
    for own, other, size in alike(ours, theirs):
        known[own : own + size] = True
        before[own + size :] = other + size
    ask = (ours.sounds == PAUSE) & ~known
    at, seconds = before[ask], np.diff(ours.edges)[ask]
    samples = np.round(seconds * RATE).astype(int)
    begins = np.round(theirs.edges[at] * RATE).astype(int)
    lengths = np.insert(np.diff(theirs.edges), at, seconds)
    edges = np.concatenate([theirs.edges[:1], theirs.edges[0] + np.cumsum(lengths)])
    silent = np.insert(wave, np.repeat(begins, samples), 0)
    return silent, Spans(np.insert(theirs.sounds, at, PAUSE), edges)


def moments_like(ours: Spans, theirs: Spans, seconds: np.ndarray) -> np.ndarray:
    """When others say what is said at some moments: seconds [t] -> seconds [t].

    The edges of sounds that both say are alike, and between these time runs evenly.
    """
    blocks = alike(ours, theirs)
    pairs = [(i + n, j + n) for i, j, size in blocks for n in range(size + 1)]
    own, other = np.array(sorted({(0, 0), *pairs})).T
    return np.interp(seconds, ours.edges[own], theirs.edges[other])


def alike(ours: Spans, theirs: Spans) -> list[difflib.Match]:
    """Runs of sounds that both say: (where of ours, where of theirs, how many)."""
    pair = ours.sounds.tolist(), theirs.sounds.tolist()
    return difflib.SequenceMatcher(None, *pair, autojunk=False).get_matching_blocks()


def told_whether(record: Mapping) -> np.float32:
    """1 if it is known what is said in a clip, and when; else 0."""
    return np.float32(len(record["phones"]["phone"]) > 0)


def told_of(record: Mapping, first: int, frames: int, room: int) -> Example:
    """What is said in so many frames and near to them, at most so many sounds."""
    spans = spans_of(record["phones"], len(record["face"]) / schema.FPS)
    edges = spans.edges - np.float32(first / schema.FPS)
    near = (edges[1:] > -NEAR) & (edges[:-1] < frames / schema.FPS + NEAR)
    chosen = np.flatnonzero(near)[:room]
    said = np.full(room, BLANK, np.int32)
    said[: len(chosen)] = spans.sounds[chosen]
    times = np.full(room + 1, edges[chosen[-1] + 1], np.float32)
    times[: len(chosen) + 1] = edges[chosen[0] : chosen[-1] + 2]
    return {"said": said, "edges": times}
