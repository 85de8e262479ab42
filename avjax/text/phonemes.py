"""Phonemes as numbers, and the viseme-like class of each.

A phone is what eSpeak names, one or more letters of the International Phonetic
Alphabet: iː, aɪ, tʃ. A phoneme here is one letter, long or short. PHONEMES lists those
of English; the letters of other languages are mapped to the closest of these.
"""

import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from avjax.text.intervals import Interval, PhonemeTier

# Class 0 is a pause or unknown; the others are numbered in the order of this table.
PHONEME_CLASSES = {
    "bilabial": "pbm",  # lips closed
    "labiodental": "fv",
    "rounded": "wuʊoɔɒʃʒɹ",
    "open": "aɑæɛʌɐ",
    "spread": "iɪᵻejsz",
    "tongue": "tdnlθðɾ",  # hardly visible on the lips
    "back": "kɡŋxhʔ",  # the lips follow the neighbouring phonemes
    "neutral": "əɜɚ",
}
CLASS_IDS = {
    letter: number
    for number, letters in enumerate(PHONEME_CLASSES.values(), start=1)
    for letter in letters
}

BLANK, PAUSE = 0, 1  # ids of the CTC blank (also padding) and of silence
LENGTH_MARK = "ː"
MIN_PAUSE_SECONDS = 0.02  # a shorter gap between phones is not a pause
PHONEMES = ("", "_", *CLASS_IDS, *(vowel + LENGTH_MARK for vowel in "iuɔɑɜ"))

_IDS = {phoneme: number for number, phoneme in enumerate(PHONEMES)}
_NEUTRAL = "ə"
_CLOSEST = {
    foreign: english
    for english, foreign_letters in {
        "ᵻ": "ɨ",
        "ʊ": "ʏɯɵ",
        "u": "yʉ",
        "ɜ": "øœɞ",
        "ə": "ɘ",
        "ʌ": "ɤ",
        "a": "ɶ",
        "ɹ": "rʀʁɻɺ",
        "ɾ": "ɽ",
        "t": "ʈ",
        "d": "ɖ",
        "n": "ɳɲɴ",
        "l": "ɭʎɬɮɫʟ",
        "ʃ": "ɕʂç",
        "ʒ": "ʑʐ",
        "h": "χɦħʜ",
        "ɡ": "gɣɟɢɰ",
        "k": "cq",
        "ʔ": "ʕ",
        "v": "ʋβⱱ",
        "f": "ɸ",
        "m": "ɱ",
        "w": "ɥʍ",
        "b": "ɓ",
    }.items()
    for foreign in foreign_letters
}


def phoneme_classes_at(
    phones: Mapping[str, Sequence], seconds: np.ndarray
) -> np.ndarray:
    """Look up the phoneme class at given times.

    Args:
        phones: Columns `phone`, `start` and `end` of equal length, in the order of
            time. The letters of a phone share its duration evenly: the first half of
            aɪ is open.
        seconds: Times in seconds, [t].

    Returns:
        Class numbers, i32 [t]; 0 for a pause or an unknown phone.
    """
    classes = np.zeros(len(seconds), np.int32)
    seconds = seconds + 1e-6  # the times of a corpus have single precision
    for phone, start, end in _rows(phones):
        known = [CLASS_IDS[letter] for letter in phone if letter in CLASS_IDS]
        inside = (start <= seconds) & (seconds < end)
        if known and inside.any():
            position = (seconds[inside] - start) / (end - start) * len(known)
            indices = np.minimum(position.astype(int), len(known) - 1)
            classes[inside] = np.take(known, indices)
    return classes


def to_phoneme_ids(phone: str) -> tuple[int, ...]:
    """Convert a phone to phoneme ids.

    For example, "aɪ" has the phonemes a and ɪ, and "ɔːɹ" has ɔː and ɹ.

    Args:
        phone: Letters in IPA. Diacritics and tones are ignored; an unknown letter
            becomes the neutral vowel.

    Returns:
        Indices into PHONEMES.
    """
    ids: list[int] = []
    for letter in unicodedata.normalize("NFC", phone):
        if letter == LENGTH_MARK and ids:
            ids[-1] = _IDS.get(PHONEMES[ids[-1]] + LENGTH_MARK, ids[-1])
        elif unicodedata.category(letter) in ("Ll", "Lo"):
            known = letter in _CLOSEST
            bare = letter if known else unicodedata.normalize("NFD", letter)
            closest = _CLOSEST.get(bare, bare[0])
            ids.append(_IDS.get(closest, _IDS[_NEUTRAL]))
    return tuple(ids)


def intervals_to_columns(phones: Sequence[Interval]) -> dict[str, tuple]:
    """Convert intervals of phones to columns, the layout of records on disk.

    Args:
        phones: At least one interval, in the order of time.

    Returns:
        Columns `phone`, `start` and `end`.
    """
    columns = zip(*phones, strict=True)
    return dict(zip(("phone", "start", "end"), columns, strict=True))


def to_phoneme_tier(phones: Mapping[str, Sequence], seconds: float) -> PhonemeTier:
    """Convert phones to phonemes, with pauses in the gaps between them.

    The phonemes of a phone share its duration evenly.

    Args:
        phones: Columns `phone`, `start` and `end`, in the order of time.
        seconds: Duration of the recording.

    Returns:
        Phonemes that cover the whole recording.
    """
    ids, edges = [], [0.0]
    for phone, start, end in (*_rows(phones), ("", seconds, seconds)):
        phone_ids = to_phoneme_ids(phone)
        if start > edges[-1] + MIN_PAUSE_SECONDS:
            ids.append(PAUSE)
            edges.append(float(start))
        edges.extend(np.linspace(edges[-1], end, len(phone_ids) + 1)[1:])
        ids.extend(phone_ids)
    edges[-1] = max(edges[-1], seconds)
    return PhonemeTier(np.array(ids, np.int32), np.array(edges, np.float32))


def _rows(phones: Mapping[str, Sequence]) -> list[tuple]:
    """Convert columns to tuples (phone, start, end)."""
    return list(zip(phones["phone"], phones["start"], phones["end"], strict=True))
