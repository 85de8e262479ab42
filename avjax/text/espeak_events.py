"""From what espeak answers to sound at 16 kHz, and the times of phones and words.

An event is a symbol and the sample where it begins, or a place in the text and that.
"""

import bisect
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from avjax.audio.mel import RATE
from avjax.text.phonemes import sounds_of

VOICELESS_STOPS = ("p", "t", "k")
MARKS = ".,;:!?…\"'()[]{}<>«»„“”‚‘’‹›¿¡-–—~*_|،؛؟।॥။።՝՞՜"
WIDE_MARKS = "。，、！？；：「」『』（）《》〈〉【】・…"
IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # each is a word

_CLOSURE = 0.08  # seconds: no stop is held longer
_SILENT = 0.003
_RUNS = re.compile(rf"[{IDEOGRAPHS}]|[^\s{WIDE_MARKS}{IDEOGRAPHS}]+")
_SWITCH = re.compile(r"\(.*\)")  # espeak goes on in another language

Spans = tuple[tuple[str, float, float], ...]  # (symbol, start, end) in seconds


class Said(NamedTuple):
    """What espeak has said.

    wave    f64 [n] at 16 kHz
    places  the words of the text
    phones  of all of it;  by_word, of each word
    """

    wave: np.ndarray
    places: "list[Place]"
    phones: Spans
    by_word: list[Spans]


class Place(NamedTuple):
    """A word, and the place of its first character in its text."""

    start: int
    word: str


def words_in(text: str) -> list[Place]:
    """The words of a text, without the marks around them.

    What has no letter and no digit but is said all the same is a word, such as &.
    """
    found = []
    for run in _RUNS.finditer(text):
        bare = run.group().strip(MARKS)
        if bare:
            found.append(Place(run.start() + run.group().index(bare), bare))
    return found


def heard(text: str, answer: Mapping) -> Said:
    """The answer of text.espeak to a text."""
    samples = np.frombuffer(answer["samples"], "<i2").astype(np.float64) / 32768
    rate, places = answer["rate_hz"], words_in(text)
    phones = phone_spans(answer["phones"], samples, rate)
    by_word = phones_by_word(places, answer["words"], rate, phones)
    return Said(resample(samples, rate), places, phones, by_word)


def to_sixteen_bits(wave: np.ndarray) -> np.ndarray:
    """wave [n] -> f32 [n] rounded to 16-bit steps, so that storing it loses nothing."""
    steps = np.clip(np.round(wave * 32768), -32768, 32767)
    return (steps / 32768).astype(np.float32) + np.float32(0)  # no minus zero


def resample(wave: np.ndarray, rate: int) -> np.ndarray:
    """wave [n] at rate -> [n'] at 16 kHz, by cutting its spectrum at 7.8 kHz."""
    block = 441 if rate == 22050 else rate
    ours = block * RATE // rate
    blocks = len(wave) // block + 2
    spectrum = np.fft.rfft(wave, blocks * block)
    hertz = np.arange(len(spectrum)) * rate / (blocks * block)
    spectrum *= np.clip((8000 - hertz) / 200, 0, 1)
    padded = np.zeros(blocks * ours // 2 + 1, complex)
    shared = min(len(padded), len(spectrum))
    padded[:shared] = spectrum[:shared]
    longer = np.fft.irfft(padded, blocks * ours) * (RATE / rate)
    return longer[: len(wave) * RATE // rate]


def phone_spans(
    events: Sequence[tuple[str, int]], samples: np.ndarray, rate: int
) -> Spans:
    """Events (symbol, sample) -> spans, stress marks removed, pauses left out.

    espeak's event for a voiceless stop is its burst; the silence before it, when the
    mouth is shut, is made part of the stop.
    """
    symbols = [_SWITCH.sub("", symbol.strip("ˈˌ")) for symbol, _ in events]
    starts = [sample for _, sample in events]
    for place, symbol in enumerate(symbols):
        if symbol[:1] in VOICELESS_STOPS and symbol:
            before = starts[place - 1] if place else 0
            first = max(starts[place] - int(_CLOSURE * rate), before + int(0.02 * rate))
            starts[place] -= _silent_end(samples[max(first, 0) : starts[place]])
    times = [round(start / rate, 4) for start in [*starts, len(samples)]]
    spans = []
    for symbol, start, end in zip(symbols, times[:-1], times[1:], strict=True):
        if spans and symbol and not sounds_of(symbol):  # a mark of the one before
            spans[-1] = (spans[-1][0] + symbol, spans[-1][1], end)
        elif symbol and end > start:
            spans.append((symbol, start, end))
    return tuple(spans)


def _silent_end(samples: np.ndarray) -> int:
    """How many samples at the end of a stretch [n] are silent."""
    loud = np.flatnonzero(np.abs(samples) > _SILENT)
    return len(samples) - 1 - int(loud[-1]) if len(loud) else len(samples)


def phones_by_word(
    words: Sequence[Place],
    events: Sequence[tuple[int, int, int]],
    rate: int,
    phones: Spans,
) -> list[Spans]:
    """Each word's own phones.

    events  of words: number of the first character, how many, first sample

    espeak speaks "in the" or "at a" under one event: such words share its phones in
    proportion to their letters.  Of "3.50" it has several events, all of one word.
    """
    found = [() for _ in words]
    for group, begin, end in _groups(words, events):
        middle = [(p, (p[1] + p[2]) / 2) for p in phones]
        inside = [p for p, at in middle if begin / rate <= at < end / rate]
        lengths = [len(words[number].word) for number in group]
        edges = np.cumsum([0, *lengths])
        edges = np.round(edges * len(inside) / max(edges[-1], 1)).astype(int)
        for number, (first, last) in zip(group, itertools.pairwise(edges), strict=True):
            found[number] = tuple(inside[first:last])
    return found


def _groups(
    words: Sequence[Place], events: Sequence[tuple[int, int, int]]
) -> Iterator[tuple[range, float, float]]:
    """(numbers of words, first sample, sample after the last) of what is said as one.

    An event right behind a word is of that one, such as the second of an emoji; any
    other that is in no word, such as that of a dash, of the next one.
    """
    ends = [place.start + len(place.word) for place in words]
    heads = {}
    for first, _, sample in events:
        number = bisect.bisect_right(ends, first)
        inside = number < len(words) and words[number].start <= first
        number -= number > 0 and not inside and ends[number - 1] == first
        if max(heads, default=-1) < number < len(words):
            heads[number] = sample if heads else 0
    tails = itertools.pairwise([*heads, len(words)])
    times = itertools.pairwise([*heads.values(), np.inf])
    for (number, after), (begin, end) in zip(tails, times, strict=True):
        yield range(number, after), begin, end


def word_spans(words: Sequence[Place], phones: Sequence[Spans]) -> Spans:
    """Words with the times of their phones; one that is not heard is left out."""
    return tuple(
        (place.word, own[0][1], own[-1][2])
        for place, own in zip(words, phones, strict=True)
        if own
    )
