"""Timed labels: words and phonemes with the times at which they are spoken."""

from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A label with its start and end time.

    Attributes:
        label: A word, or a phoneme in IPA.
        start: Start in seconds.
        end: End in seconds.
    """

    label: str
    start: float
    end: float


Intervals = tuple[Interval, ...]  # in the order of their times


class PhonemeTier(NamedTuple):
    """Consecutive phonemes without gaps, as arrays.

    Attributes:
        ids: Phoneme numbers, int32 [l]; see `avjax.text.phonemes.PHONEMES`.
        edges: Times in seconds at which one phoneme gives way to the next,
            float32 [l + 1]; the first and last are the outer ends.
    """

    ids: np.ndarray
    edges: np.ndarray


class TimedWord(NamedTuple):
    """A recognised word with its times.

    Attributes:
        word: The word as text.
        start: Start in seconds.
        end: End in seconds.
        confidence: How well the word fits the lips, in [0, 1]; not how probable the
            sentence is.
    """

    word: str
    start: float
    end: float
    confidence: float
