"""Timed labels: words and phonemes with the times at which they are spoken."""

from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A label, and when it is spoken.

    Attributes:
        label: A word, or a phoneme in IPA.
        start: Start in seconds.
        end: End in seconds.
    """

    label: str
    start: float
    end: float


class PhonemeTier(NamedTuple):
    """Consecutive phonemes without gaps, as arrays.

    Attributes:
        ids: Phoneme numbers, int32 [l]; see `avjax.text.phonemes.PHONEMES`.
        edges: Times in seconds at which one phoneme gives way to the next,
            float32 [l + 1]; the first and last are the outer ends.
    """

    ids: np.ndarray
    edges: np.ndarray
