"""A text as sound, and as phones: in any language of espeak's, of any length.

Numbers, abbreviations and signs are said as espeak says them.  A long text is said
sentence by sentence.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from avjax.audio.mel import RATE
from avjax.errors import InputError
from avjax.text import espeak
from avjax.text import espeak_events as events
from avjax.text.espeak_events import Said, Spans

LANGUAGE = "en-us"
WORDS_A_MINUTE, PITCH = 175, 50  # espeak's own
SLOWEST, FASTEST, HIGHEST = 80, 450, 99
LONGEST = 400  # characters that are said at once
PAUSE = 0.35  # seconds between what is said at once

_MELODY = 50  # as espeak's pitch, in 0..100
_ENDS = (
    re.compile(r"(?<=\w\w\w[.!?…])\s+|(?<=[。！？।؟])|\n+"),  # of sentences, not of Dr.
    re.compile(r"(?<=[,;:])\s+|(?<=[、，；،])"),
    re.compile(r"\s+"),
)
_SCRIPTS = {
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
}  # {script: languages that are written in it}; each knows Latin letters as well


class Utterance(NamedTuple):
    """wave f32 [n] at 16 kHz; phones in IPA, and words, with their times in seconds."""

    wave: np.ndarray
    phones: Spans
    words: Spans


class Token(NamedTuple):
    """A word and its phones; or the marks between two words, which have none."""

    text: str
    phones: tuple[str, ...]


def utter(
    text: str,
    language: str = LANGUAGE,
    rate: int = WORDS_A_MINUTE,
    pitch: int = PITCH,
) -> Utterance:
    """A text said by espeak.

    language  the name of a voice of espeak's, such as en-us, de, cmn or en-us+f3
    rate      words a minute, 80 to 450
    pitch     0 to 99

    InputError where there is nothing to say, or nobody who could say it.
    """
    if not SLOWEST <= rate <= FASTEST:
        raise InputError(f"{rate} words a minute are not {SLOWEST} to {FASTEST}")
    if not 0 <= pitch <= HIGHEST:
        raise InputError(f"a pitch of {pitch} is not 0 to {HIGHEST}")
    waves, phones, words, length = [], [], [], 0
    pause = np.zeros(round(PAUSE * RATE), np.float32)
    for said in _said(text, language, rate, pitch):
        if waves:
            waves.append(pause)
            length += len(pause)
        seconds = length / RATE
        phones += _later(said.phones, seconds)
        words += _later(events.word_spans(said.places, said.by_word), seconds)
        waves.append(events.to_sixteen_bits(said.wave))
        length += len(said.wave)
    return Utterance(np.concatenate(waves), tuple(phones), tuple(words))


def tokens_of(text: str, language: str = LANGUAGE) -> list[Token]:
    """A text's words with their phones, and the marks between them, in order.

    InputError as of utter.
    """
    tokens = []
    for piece, said in zip(
        pieces(text), _said(text, language, WORDS_A_MINUTE, PITCH), strict=True
    ):
        end = 0
        for (start, word), own in zip(said.places, said.by_word, strict=True):
            tokens += _marks(piece[end:start])
            tokens.append(Token(word, tuple(phone for phone, _, _ in own)))
            end = start + len(word)
        tokens += _marks(piece[end:])
    return tokens


@functools.cache
def pronounce(word: str, language: str = LANGUAGE) -> tuple[str, ...]:
    """The phones of a word that is said alone."""
    return tuple(phone for token in tokens_of(word, language) for phone in token.phones)


def pieces(text: str) -> list[str]:
    """A text in parts that can be said at once, each with a letter or a digit."""
    return [part for part in _parts(text, _ENDS) if any(map(str.isalnum, part))]


def _parts(text: str, ends: tuple[re.Pattern, ...]) -> Iterator[str]:
    """Parts of at most LONGEST characters, cut at the ends that come first."""
    if len(text) <= LONGEST or not ends:
        yield from (text[at : at + LONGEST] for at in range(0, len(text), LONGEST))
        return
    part = ""
    for whole in ends[0].split(text):
        for one in _parts(whole, ends[1:]):
            if part and len(part) + 1 + len(one) > LONGEST:
                yield part
                part = ""
            part = f"{part} {one}".strip()
    yield part


def _said(text: str, language: str, rate: int, pitch: int) -> Iterator[Said]:
    """What espeak makes of each piece of a text."""
    if any(letter == "\0" or unicodedata.category(letter) == "Cs" for letter in text):
        raise InputError("the text has characters in it that nobody can say")
    if not language:
        raise InputError("a language has a name, such as en-us")
    voice = {"voice": language, "rate": rate, "pitch": pitch, "range": _MELODY}
    try:
        espeak.say(text="", **voice, seed=0)
    except RuntimeError as error:
        raise InputError(str(error)) from error
    check_script(text, language)
    heard = 0
    for piece in pieces(text):
        said = events.heard(piece, espeak.say(text=piece, **voice, seed=0))
        heard += len(said.phones)
        yield said
    if not heard:
        raise InputError(f"there is nothing to say in the text {_short(text)!r}")


def check_script(text: str, language: str) -> None:
    """InputError for a word whose letters the language does not have.

    A single Greek letter, as in µm, is a sign, which has a name in every language.
    """
    spoken = language.lower().partition("+")[0].partition("-")[0]
    for _, word in events.words_in(text):
        scripts = [_script(letter) for letter in unicodedata.normalize("NFKC", word)]
        strange = {
            script
            for script in scripts
            if script and spoken not in _SCRIPTS.get(script, "").split()
        } - {"LATIN"}
        if strange and scripts.count("GREEK") != 1:
            told = f"the voice {language} cannot say {_short(word)!r}"
            raise InputError(f"{told}, which is in letters of another language")


def _script(letter: str) -> str:
    """LATIN, GREEK, CJK, ...; nothing of what is no letter and no digit of a script."""
    kind, name = unicodedata.category(letter), unicodedata.name(letter, "nameless")
    if kind == "Nd":
        script = re.split("[ -]", name)[0]
        return script if script in _SCRIPTS else ""
    return name.partition(" ")[0] if kind in ("Lu", "Ll", "Lt", "Lo") else ""


def _marks(between: str) -> list[Token]:
    """What stands between two words, as at most one token."""
    marks = "".join(between.split())
    return [Token(marks, ())] if marks else []


def _later(spans: Spans, seconds: float) -> Spans:
    return tuple(
        (symbol, round(start + seconds, 4), round(end + seconds, 4))
        for symbol, start, end in spans
    )


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
