"""One clip of the corpus, whole, from two numbers.

The rule of the splits: every fifth index is a test clip.  The last fifth of the
speakers and the sentences whose checksum says so (sentences.sentence_split) appear in
test clips only; single words are said in both splits, by different speakers.
"""

import dataclasses

import numpy as np

from avjax.audio.mel import RATE
from avjax.data.puppet.articulation import articulate
from avjax.data.puppet.identity import Puppet, make_puppet
from avjax.data.puppet.pose import pose
from avjax.data.puppet.renderer import render
from avjax.data.puppet.sentences import draw_sentence, spell, unspell
from avjax.data.puppet.voice import speak
from avjax.text.espeak_events import Spans, to_sixteen_bits

FPS = 25
SAMPLES_PER_FRAME = RATE // FPS
SPEAKERS = 200
TEST_SPEAKERS = 40
MIN_FRAMES, MAX_FRAMES = 25, 100
KINDS = ("grid", "grid", "word", "free")  # one is drawn for each clip


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a clip will be, before anything is rendered: cheap, for choosing clips."""

    seed: int
    index: int
    split: str
    kind: str
    text: str
    puppet: Puppet


@dataclasses.dataclass(frozen=True)
class Clip:
    """A puppet says a sentence: pictures, sound and every truth.

    frames u8 [t s s 3] at 25 a second, the face square   wave f32 [n], n = 640 t
    landmarks f32 [t 20 2] pixels, points 48..67 of 68    articulation f32 [t a] TRACKS
    phones, words (symbol, start, end) in seconds         kind grid, word or free
    """

    frames: np.ndarray
    landmarks: np.ndarray
    articulation: np.ndarray
    wave: np.ndarray
    phones: Spans
    words: Spans
    text: str
    kind: str
    speaker: str
    split: str


def plan_clip(seed: int, index: int, kinds: tuple[str, ...] = KINDS) -> Plan:
    """Who says what in clip number index, a pure function.  Kinds are alike likely."""
    draw = np.random.default_rng([seed, index, 2]).random
    split = "test" if index % 5 == 4 else "train"
    kind = kinds[int(len(kinds) * draw())]
    return Plan(
        seed=seed,
        index=index,
        split=split,
        kind=kind,
        text=draw_sentence(kind, split, draw),
        puppet=make_puppet(seed, _speaker(split, draw)),
    )


def make_clip(
    seed: int, index: int, size: int = 96, kinds: tuple[str, ...] = KINDS
) -> Clip:
    """Clip number index of a seed: a pure function, in any order and any process."""
    plan = plan_clip(seed, index, kinds)
    draw = np.random.default_rng([seed, index, 3]).random
    speech = speak(plan.puppet, spell(plan.kind, plan.text), seed=index)
    wave, lead = _in_silence(speech.wave, draw)
    count = len(wave) // SAMPLES_PER_FRAME
    phones = _later(speech.phones, lead, count / FPS)
    words = unspell(_later(speech.words, lead, count / FPS))
    articulation = articulate(phones, count, FPS)
    motion = pose(count, FPS, [seed, index, 4])
    frames, landmarks = render(plan.puppet, articulation, motion, size)
    return Clip(
        frames=frames,
        landmarks=landmarks,
        articulation=articulation,
        wave=wave,
        phones=phones,
        words=words,
        text=plan.text,
        kind=plan.kind,
        speaker=plan.puppet.name,
        split=plan.split,
    )


def _speaker(split: str, draw) -> int:
    """Puppets 0..159 speak in train, 160..199 in test."""
    known = SPEAKERS - TEST_SPEAKERS
    if split == "test":
        return known + int(TEST_SPEAKERS * draw())
    return int(known * draw())


def _in_silence(wave: np.ndarray, draw) -> tuple[np.ndarray, float]:
    """Speech [n] -> a whole number of frames with silence around it; its start, s."""
    lead = int((0.12 + 0.2 * draw()) * RATE)
    tail = int((0.08 + 0.2 * draw()) * RATE)
    frames = -(-(lead + len(wave) + tail) // SAMPLES_PER_FRAME)
    frames = min(max(frames, MIN_FRAMES), MAX_FRAMES)
    whole = np.zeros(max(frames * SAMPLES_PER_FRAME, lead + len(wave)))
    whole[lead : lead + len(wave)] = wave
    whole += (draw(len(whole)) - 0.5) * 1e-3  # a quiet room is not digital silence
    return to_sixteen_bits(whole[: frames * SAMPLES_PER_FRAME]), lead / RATE


def _later(spans: Spans, lead: float, seconds: float) -> Spans:
    """Spans moved by lead, and cut at the end of a clip of so many seconds."""
    return tuple(
        (symbol, round(start + lead, 4), round(min(end + lead, seconds), 4))
        for symbol, start, end in spans
        if start + lead < seconds
    )
