"""Parse eSpeak's answer: audio at 16 kHz, and the times of phones and words.

A phoneme event is a symbol with the sample at which it begins. A word event is a
position in the text with such a sample.
"""

import bisect
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from avjax.audio.resampling import resample
from avjax.text.intervals import Interval, Intervals
from avjax.text.phonemes import to_phoneme_ids

VOICELESS_STOPS = ("p", "t", "k")
PUNCTUATION = ".,;:!?…\"'()[]{}<>«»„“”‚‘’‹›¿¡-–—~*_|،؛؟।॥។။።՝՞՜"
WIDE_PUNCTUATION = "。，、！？；：「」『』（）《》〈〉【】・…"
IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # each one is a word

_MAX_CLOSURE_SECONDS = 0.08  # longest silence that belongs to a stop consonant
_SILENT_AMPLITUDE = 0.003
_TOKENS = re.compile(
    rf"[{IDEOGRAPHS}]|[^\s{WIDE_PUNCTUATION}{IDEOGRAPHS}]+"
)  # an ideograph, or text without spaces
_LANGUAGE_SWITCH = re.compile(r"\(.*\)")  # eSpeak continues in another language


class TextPosition(NamedTuple):
    """A word and its position in the text.

    Attributes:
        start: Index of its first character.
        word: The word without surrounding punctuation.
    """

    start: int
    word: str


class EspeakResult(NamedTuple):
    """Speech that eSpeak synthesised.

    Attributes:
        wave: Waveform at 16 kHz, f64 [n].
        words: The words of the text.
        phones: All phones.
        phones_by_word: The phones of each word.
    """

    wave: np.ndarray
    words: list[TextPosition]
    phones: Intervals
    phones_by_word: list[Intervals]


def find_words(text: str) -> list[TextPosition]:
    """Find the words of a text, without the punctuation around them.

    Symbols that are pronounced, such as &, count as words.

    Args:
        text: Any text.

    Returns:
        The words in order.
    """
    words = []
    for match in _TOKENS.finditer(text):
        token = match.group()
        bare = token.strip(PUNCTUATION)
        if bare:
            words.append(TextPosition(match.start() + token.index(bare), bare))
    return words


def parse_events(text: str, answer: Mapping) -> EspeakResult:
    """Convert eSpeak's answer to audio and timed labels.

    Args:
        text: The text that was synthesised.
        answer: The answer of `avjax.text.espeak.synthesize`.

    Returns:
        Waveform, words and phones.
    """
    samples = np.frombuffer(answer["samples"], "<i2").astype(np.float64) / 32768
    rate, words = answer["rate_hz"], find_words(text)
    phones = phone_intervals(answer["phones"], samples, rate)
    phones_by_word = split_phones_by_word(words, answer["words"], rate, phones)
    return EspeakResult(resample(samples, rate), words, phones, phones_by_word)


def phone_intervals(
    events: Sequence[tuple[str, int]], samples: np.ndarray, rate: int
) -> Intervals:
    """Convert phoneme events to intervals, without stress marks and pauses.

    eSpeak's event for a voiceless stop marks its burst. The silence before it, while
    the mouth is closed, is added to the stop.

    Args:
        events: Pairs of symbol and first sample.
        samples: Waveform in [-1, 1], [n].
        rate: Sample rate in Hz.

    Returns:
        Phones with their times.
    """
    symbols = [_LANGUAGE_SWITCH.sub("", symbol.strip("ˈˌ")) for symbol, _ in events]
    starts = [sample for _, sample in events]
    for index, symbol in enumerate(symbols):
        if symbol[:1] in VOICELESS_STOPS and symbol:
            previous = starts[index - 1] if index else 0
            earliest = starts[index] - int(_MAX_CLOSURE_SECONDS * rate)
            first = max(earliest, previous + int(0.02 * rate))
            starts[index] -= _trailing_silence(samples[max(first, 0) : starts[index]])
    times = [round(start / rate, 4) for start in [*starts, len(samples)]]
    phones = []
    for symbol, start, end in zip(symbols, times[:-1], times[1:], strict=True):
        if phones and symbol and not to_phoneme_ids(symbol):  # a diacritic
            phones[-1] = Interval(phones[-1].label + symbol, phones[-1].start, end)
        elif symbol and end > start:
            phones.append(Interval(symbol, start, end))
    return tuple(phones)


def _trailing_silence(samples: np.ndarray) -> int:
    """Count the silent samples at the end of a waveform [n]."""
    audible = np.flatnonzero(np.abs(samples) > _SILENT_AMPLITUDE)
    return len(samples) - 1 - int(audible[-1]) if len(audible) else len(samples)


def split_phones_by_word(
    words: Sequence[TextPosition],
    events: Sequence[tuple[int, int, int]],
    rate: int,
    phones: Intervals,
) -> list[Intervals]:
    """Assign the phones to the words.

    eSpeak speaks "in the" or "at a" under one event. Such words share its phones in
    proportion to their numbers of letters. "3.50" has several events, all of one word.

    Args:
        words: The words of the text.
        events: Word events: index of the first character, length, first sample.
        rate: Sample rate of the events in Hz.
        phones: All phones.

    Returns:
        The phones of each word; empty for a word that is not pronounced.
    """
    by_word: list[Intervals] = [() for _ in words]
    middles = [(phone, (phone.start + phone.end) / 2) for phone in phones]
    for group, begin, end in _word_groups(words, events):
        inside = [phone for phone, at in middles if begin / rate <= at < end / rate]
        lengths = [len(words[index].word) for index in group]
        edges = np.cumsum([0, *lengths])
        edges = np.round(edges * len(inside) / max(edges[-1], 1)).astype(int)
        for index, (first, last) in zip(group, itertools.pairwise(edges), strict=True):
            by_word[index] = tuple(inside[first:last])
    return by_word


def _word_groups(
    words: Sequence[TextPosition], events: Sequence[tuple[int, int, int]]
) -> Iterator[tuple[range, float, float]]:
    """Iterate over (indices of words, first sample, last sample) of each event.

    An event directly after a word belongs to that word, such as the second event of an
    emoji. Any other event outside all words, such as that of a dash, belongs to the
    next word.
    """
    ends = [word.start + len(word.word) for word in words]
    first_samples = {}
    for position, _, sample in events:
        index = bisect.bisect_right(ends, position)
        inside = index < len(words) and words[index].start <= position
        index -= index > 0 and not inside and ends[index - 1] == position
        if max(first_samples, default=-1) < index < len(words):
            first_samples[index] = sample if first_samples else 0
    ranges = itertools.pairwise([*first_samples, len(words)])
    times = itertools.pairwise([*first_samples.values(), np.inf])
    for (index, after), (begin, end) in zip(ranges, times, strict=True):
        yield range(index, after), begin, end


def word_intervals(
    words: Sequence[TextPosition], phones_by_word: Sequence[Intervals]
) -> Intervals:
    """Compute the times of words from their phones.

    Args:
        words: The words of the text.
        phones_by_word: The phones of each word.

    Returns:
        Words with their times; a word without phones is left out.
    """
    return tuple(
        Interval(word.word, phones[0].start, phones[-1].end)
        for word, phones in zip(words, phones_by_word, strict=True)
        if phones
    )
