"""What is said as a chain of sounds, between whose words there may be pauses."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from avjax.audio.mel import COLUMNS_PER_SECOND
from avjax.text.phonemes import PAUSE, sounds_of

UNKNOWN = float("nan")  # a time that nobody told
REACH = 0.04  # seconds by which a sound may be heard before or after its word
SLACK = 0.3  # seconds by which one may be heard before or after its even place
EARLIER, LATER = 0.1, 0.2  # seconds of quiet speech before and after the loud


class Spoken(NamedTuple):
    """A word, its phones in IPA, and when it is said: seconds, or UNKNOWN."""

    word: str
    phones: tuple[str, ...]
    start: float = UNKNOWN
    end: float = UNKNOWN


class Chain(NamedTuple):
    """Places in their order, of which the first and the last are pauses.

    sounds  i32 [l], numbers of text.phonemes.SOUNDS
    word    i32 [l], the number of the word that a place is of; -1 of a pause, which may
            be left out
    phone   i32 [l], the number of the phone in its word; -1
    """

    sounds: np.ndarray
    word: np.ndarray
    phone: np.ndarray


def chain_of(words: Sequence[Spoken]) -> Chain:
    """The sounds of each word, and a pause before, between and after them.

    A word without a sound has no place.
    """
    places = [(PAUSE, -1, -1)]
    for number, word in enumerate(words):
        own = [
            (sound, number, at)
            for at, phone in enumerate(word.phones)
            for sound in sounds_of(phone)
        ]
        places += [*own, (PAUSE, -1, -1)] if own else []
    return Chain(*np.array(places, np.int32).T)


def allowed_at(
    chain: Chain, words: Sequence[Spoken], columns: int, reach: float = REACH
) -> np.ndarray:
    """Which places may be heard when: u8 [f l].

    A word's sounds while it is said, and so long before and after; a pause never while
    a word is said, but for so long at its ends.  What is of unknown time, always.
    """
    times = [(word.start, word.end) for word in words]
    begins, ends = np.array([*times, (UNKNOWN, UNKNOWN)]).T
    seconds = np.arange(columns)[:, None] / COLUMNS_PER_SECOND
    outside = (seconds < begins - reach) | (seconds > ends + reach)
    inside = (begins + reach < seconds) & (seconds < ends - reach)
    pause = ~inside.any(axis=1, keepdims=True)
    return np.where(chain.word < 0, pause, ~outside[:, chain.word]).astype(np.uint8)


def evenly_at(chain: Chain, span: tuple[float, float], columns: int) -> np.ndarray:
    """The same where no word's time is known, but when somebody speaks: u8 [f l].

    Each sound is allowed SLACK around the time that it has where all last equally long:
    a learner that may put a sound anywhere finds no beginning.
    """
    said = chain.word >= 0
    before = np.cumsum(said) - said  # sounds before each place
    begin, end = span
    each = (end - begin) / max(said.sum(), 1)
    seconds = np.arange(columns)[:, None] / COLUMNS_PER_SECOND
    first, last = begin + each * before, begin + each * (before + 1)
    near = (first - SLACK <= seconds) & (seconds <= last + SLACK)
    speaks = (begin - EARLIER <= seconds) & (seconds <= end + LATER)
    return ((near & speaks) | ~said).astype(np.uint8)
