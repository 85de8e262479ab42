"""What a face is to say: a sound, and the times of its phones where they are known.

It comes from a recording, with or without its text; from a text that espeak says, or
nobody, whose sounds then last as long as weights foretell; or from subtitles, each said
at its time.
"""

import difflib
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from avjax.audio import loudness as speech
from avjax.audio.mel import RATE
from avjax.errors import InputError
from avjax.pipelines.text_talker import Prompter
from avjax.text import espeak
from avjax.text import phonemes as phones
from avjax.text.espeak_events import Spans
from avjax.text.phonemes import PAUSE, SOUNDS
from avjax.text.subtitles import Cue
from avjax.text.tts import WORDS_A_MINUTE, utter

NOBODY = "none"  # the voice of a text that is not heard
HASTE = 1.4  # a subtitle is said so much faster, at most, to be done in time

Say = Callable[[str, float], tuple[np.ndarray, Spans]]


class Script(NamedTuple):
    """What is said.

    wave     f32 [n] at 16 kHz; silence where nobody is heard
    spans    phones in IPA with their times in seconds; None where nobody knows them
    remarks  on who says it, and how, for the report
    """

    wave: np.ndarray
    spans: Spans | None = None
    remarks: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.wave) / RATE

    def sounds(self) -> phones.Spans:
        """The sounds of the phones, and the pauses between them."""
        return phones.spans_of(phones.in_columns(self.spans), self.seconds)

    def quiet(self) -> np.ndarray:
        """Where nobody speaks: bool [steps of 10 ms]."""
        if self.spans is None or self.wave.any():
            return speech.pauses(self.wave)
        steps = np.arange(np.ceil(self.seconds * speech.STEPS_PER_SECOND))
        said = np.zeros(len(steps), bool)
        for _, start, end in self.spans:
            first, last = (round(x * speech.STEPS_PER_SECOND) for x in (start, end))
            said[first:last] = True
        return ~said


def by_espeak(voice: str | None, language: str) -> Say:
    """Somebody who says a text aloud, so many times faster than usual.

    voice  one of espeak's variants, such as f3; None: the language's own
    """
    known = espeak.variants()
    if voice is not None and voice not in known:
        near = difflib.get_close_matches(voice, known, 3) or ("f2", "f5", "m3")
        told = f"espeak has no voice {voice!r}; there is {', '.join(near)}"
        raise InputError(f"{told}, or {NOBODY} for none")
    name = language if voice is None else f"{language}+{voice}"

    def say(text: str, haste: float) -> tuple[np.ndarray, Spans]:
        said = utter(text, name, round(WORDS_A_MINUTE * haste))
        return said.wave, said.phones

    return say


def by_nobody(prompter: Prompter, portrait: np.ndarray, language: str) -> Say:
    """The same without a sound: phones last as long as the weights foretell.

    portrait  u8 [h w 3], whose lips they are
    """

    def say(text: str, haste: float) -> tuple[np.ndarray, Spans]:
        spans = prompter.times(written(text, language), portrait)
        edges = (spans.edges / haste).tolist()
        times = zip(spans.sounds, itertools.pairwise(edges), strict=True)
        said = [(SOUNDS[sound], *time) for sound, time in times if sound != PAUSE]
        return np.zeros(round(edges[-1] * RATE), np.float32), tuple(said)

    return say


def written(text: str, language: str) -> np.ndarray:
    """The sounds of a text i32 [l], with pauses at its ends and where espeak pauses."""
    wave, spans, _ = utter(text, language)
    sounds = Script(wave, spans).sounds().sounds
    missing = [int(sounds[end] != PAUSE) for end in (0, -1)]
    return np.pad(sounds, missing, constant_values=PAUSE)


def spoken(cues: Sequence[Cue], say: Say) -> Script:
    """Subtitles, each said at its time.

    One that would run into the next is said faster; if that is not enough, it is said
    to its end, and the next one begins then.
    """
    waves, spans, hurried, late, now = [], [], 0, 0.0, 0.0
    for cue, after in itertools.zip_longest(cues, cues[1:]):
        start = max(cue.start, now)
        late = max(late, start - cue.start)
        wave, said = say(cue.text, 1.0)
        room = np.inf if after is None else max(after.start - start, 1e-3)
        if said[-1][2] > room:
            hurried += 1
            wave, said = say(cue.text, min(said[-1][2] / room, HASTE))
        waves.append((round(start * RATE), wave))
        spans += [(phone, start + begin, start + end) for phone, begin, end in said]
        now = spans[-1][2]
    length = max(round(cues[-1].end * RATE), *(at + len(wave) for at, wave in waves))
    whole = np.zeros(length, np.float32)
    for at, wave in waves:
        whole[at : at + len(wave)] += wave
    return Script(np.clip(whole, -1, 1), tuple(spans), remarks_on(cues, hurried, late))


def remarks_on(cues: Sequence[Cue], hurried: int, late: float) -> tuple[str, ...]:
    """What is to be told of subtitles; nothing of a single text."""
    if len(cues) == 1:
        return ()
    told = f"{len(cues)} subtitles were said at their times"
    told += f", {hurried} of them faster than usual" * bool(hurried)
    return (told + f" and some late, by {late:.1f} s at most" * (late > 0.05),)
