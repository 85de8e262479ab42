"""Text-to-speech with eSpeak: audio, phones and words with their times.

Any language of eSpeak works; numbers, abbreviations and symbols are pronounced as
eSpeak does. A long text is synthesised sentence by sentence.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from avjax.audio.resampling import quantize_16_bit
from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError
from avjax.text import espeak
from avjax.text.espeak_events import (
    EspeakResult,
    find_words,
    parse_events,
    word_intervals,
)
from avjax.text.intervals import Interval, Intervals
from avjax.text.normalization import normalize_text
from avjax.text.speech_arguments import check_language

DEFAULT_LANGUAGE = "en-us"
DEFAULT_WORDS_PER_MINUTE, DEFAULT_PITCH = 175, 50  # eSpeak's defaults
MIN_WORDS_PER_MINUTE, MAX_WORDS_PER_MINUTE, MAX_PITCH = 80, 450, 99
MAX_CHARACTERS = 400  # longest text synthesised at once
PAUSE_SECONDS = 0.35  # between parts that are synthesised separately

_PITCH_RANGE = 50  # 0 to 100
_BOUNDARIES = (
    re.compile(r"(?<=\w\w\w[.!?…])\s+|(?<=[。！？।؟])|\n+"),  # sentences, but not Dr.
    re.compile(r"(?<=[,;:])\s+|(?<=[、，；，])"),
    re.compile(r"\s+"),
)
_LANGUAGES_BY_ALPHABET = {
    "CYRILLIC": "ba be bg cv kk ky mk nog ru sr tt uk uz",
    "GREEK": "el grc",
    "ARABIC": "ar fa sd ug ur",
    "HEBREW": "he",
    "DEVANAGARI": "hi kok mr ne",
    "BENGALI": "as bn bpy",
    "GURMUKHI": "pa",
    "GUJARATI": "gu",
    "ORIYA": "or",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "SINHALA": "si",
    "THAI": "th",
    "MYANMAR": "my",
    "ETHIOPIC": "am ti",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy hyw",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "cmn yue zh",
    "BOPOMOFO": "cmn zh",
}  # every language can also pronounce Latin letters


class Utterance(NamedTuple):
    """Synthesised speech.

    Attributes:
        wave: Waveform at 16 kHz, f32 [n].
        phones: Phones in IPA with their times.
        words: Words with their times.
    """

    wave: np.ndarray
    phones: Intervals
    words: Intervals


class PronouncedWord(NamedTuple):
    """A word and its phones, or the punctuation between two words.

    Attributes:
        text: The word or the punctuation.
        phones: Phones in IPA; empty for punctuation.
    """

    text: str
    phones: tuple[str, ...]


def synthesize(
    text: str,
    language: str = DEFAULT_LANGUAGE,
    rate: int = DEFAULT_WORDS_PER_MINUTE,
    pitch: int = DEFAULT_PITCH,
) -> Utterance:
    """Synthesise a text with eSpeak.

    Args:
        text: Text of any length.
        language: Name of an eSpeak voice, such as en-us, de, cmn or en-us+f3.
        rate: Words per minute, 80 to 450.
        pitch: Pitch, 0 to 99.

    Returns:
        Waveform, phones and words.

    Raises:
        InputError: The text has nothing to pronounce, the voice does not exist or
            cannot pronounce the text, or the rate or pitch is out of range.
    """
    if not MIN_WORDS_PER_MINUTE <= rate <= MAX_WORDS_PER_MINUTE:
        limits = f"{MIN_WORDS_PER_MINUTE} to {MAX_WORDS_PER_MINUTE}"
        raise InputError(f"the rate must be {limits} words per minute, not {rate}")
    if not 0 <= pitch <= MAX_PITCH:
        raise InputError(f"the pitch must be 0 to {MAX_PITCH}, not {pitch}")
    text = normalize_text(text)
    waves, phones, words, length = [], [], [], 0
    pause = np.zeros(round(PAUSE_SECONDS * SAMPLE_RATE), np.float32)
    for result in _synthesize_parts(text, language, rate, pitch):
        if waves:
            waves.append(pause)
            length += len(pause)
        offset = length / SAMPLE_RATE
        phones += _shift(result.phones, offset)
        words += _shift(word_intervals(result.words, result.phones_by_word), offset)
        waves.append(quantize_16_bit(result.wave))
        length += len(result.wave)
    return Utterance(np.concatenate(waves), tuple(phones), tuple(words))


def pronounce_text(text: str, language: str = DEFAULT_LANGUAGE) -> list[PronouncedWord]:
    """Transcribe a text to phones.

    Args:
        text: Text of any length.
        language: Name of an eSpeak voice.

    Returns:
        The words, and the punctuation between them, in order.

    Raises:
        InputError: The text has nothing to pronounce, or the voice does not exist or
            cannot pronounce the text.
    """
    text = normalize_text(text)
    pronounced: list[PronouncedWord] = []
    results = _synthesize_parts(text, language, DEFAULT_WORDS_PER_MINUTE, DEFAULT_PITCH)
    for part, result in zip(split_text(text), results, strict=True):
        end = 0
        words = zip(result.words, result.phones_by_word, strict=True)
        for (start, word), phones in words:
            pronounced += _punctuation(part[end:start])
            labels = tuple(phone.label for phone in phones)
            pronounced.append(PronouncedWord(word, labels))
            end = start + len(word)
        pronounced += _punctuation(part[end:])
    return pronounced


@functools.cache
def pronounce_word(word: str, language: str = DEFAULT_LANGUAGE) -> tuple[str, ...]:
    """Transcribe a single word to phones.

    Args:
        word: The word.
        language: Name of an eSpeak voice.

    Returns:
        Phones in IPA.

    Raises:
        InputError: As for `pronounce_text`.
    """
    pronounced = pronounce_text(word, language)
    return tuple(phone for part in pronounced for phone in part.phones)


def split_text(text: str) -> list[str]:
    """Split a text into parts that are short enough to synthesise at once.

    Args:
        text: Text of any length.

    Returns:
        Parts of at most MAX_CHARACTERS, each with at least one letter or digit.
    """
    parts = _split_at(text, _BOUNDARIES)
    return [part for part in parts if any(map(str.isalnum, part))]


def _split_at(text: str, boundaries: tuple[re.Pattern, ...]) -> Iterator[str]:
    """Split a text, preferably at the first kind of boundary."""
    if len(text) <= MAX_CHARACTERS or not boundaries:
        starts = range(0, len(text), MAX_CHARACTERS)
        yield from (text[start : start + MAX_CHARACTERS] for start in starts)
        return
    part = ""
    for segment in boundaries[0].split(text):
        for piece in _split_at(segment, boundaries[1:]):
            if part and len(part) + 1 + len(piece) > MAX_CHARACTERS:
                yield part
                part = ""
            part = f"{part} {piece}".strip()
    yield part


def _synthesize_parts(
    text: str, language: str, rate: int, pitch: int
) -> Iterator[EspeakResult]:
    """Check the text, and synthesise its parts."""
    if any(letter == "\0" or unicodedata.category(letter) == "Cs" for letter in text):
        raise InputError("the text contains characters that cannot be pronounced")
    check_language(language)
    request = functools.partial(
        espeak.synthesize,
        voice=language,
        rate=rate,
        pitch=pitch,
        range=_PITCH_RANGE,
        seed=0,
    )
    check_writing_system(text, language)
    phones = 0
    for part in split_text(text):
        result = parse_events(part, request(text=part))
        phones += len(result.phones)
        yield result
    if not phones:
        raise InputError(f"there is nothing to say in the text {_shorten(text)!r}")


def check_writing_system(text: str, language: str) -> None:
    """Check that a language can pronounce the letters of a text.

    A single Greek letter, as in µm, is a symbol that has a name in every language.

    Args:
        text: The text.
        language: Name of an eSpeak voice.

    Raises:
        InputError: A word is in letters of another language.
    """
    base_language = language.lower().partition("+")[0].partition("-")[0]
    for _, word in find_words(text):
        letters = unicodedata.normalize("NFKC", word)
        alphabets = [_alphabet(letter) for letter in letters]
        foreign = {
            alphabet
            for alphabet in alphabets
            if alphabet
            and base_language not in _LANGUAGES_BY_ALPHABET.get(alphabet, "").split()
        } - {"LATIN"}
        if foreign and alphabets.count("GREEK") != 1:
            message = f"the voice {language} cannot pronounce {_shorten(word)!r}"
            raise InputError(f"{message}: it is in letters of another language")


def _alphabet(letter: str) -> str:
    """Name the alphabet of a letter or digit, such as GREEK; empty for a symbol."""
    category, name = unicodedata.category(letter), unicodedata.name(letter, "nameless")
    if category == "Nd":
        alphabet = re.split("[ -]", name)[0]
        return alphabet if alphabet in _LANGUAGES_BY_ALPHABET else ""
    return name.partition(" ")[0] if category in ("Lu", "Ll", "Lt", "Lo") else ""


def _punctuation(between: str) -> list[PronouncedWord]:
    """Join the punctuation between two words to at most one element."""
    punctuation = "".join(between.split())
    return [PronouncedWord(punctuation, ())] if punctuation else []


def _shift(intervals: Intervals, seconds: float) -> Intervals:
    return tuple(
        Interval(label, round(start + seconds, 4), round(end + seconds, 4))
        for label, start, end in intervals
    )


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
