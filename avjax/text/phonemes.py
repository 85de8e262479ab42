"""Phones as numbers: which sounds they are of, and what kind of mouth they ask for.

A phone is what espeak names, one or more letters of the phonetic alphabet: iː, aɪ, tʃ.
A sound is one letter, long or not, and SOUNDS are all that are told apart: those of
English.  Those of other languages are given to the nearest of these.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

# Number 0 is a pause, or what nobody knows; the others in the order of this table.
CLASSES = {
    "bilabial": "pbm",  # lips shut
    "labiodental": "fv",
    "rounded": "wuʊoɔɒʃʒɹ",
    "open": "aɑæɛʌɐ",
    "spread": "iɪᵻejsz",
    "tongue": "tdnlθðɾ",  # of which the lips tell little
    "back": "kɡŋxhʔ",  # which leave the lips to their neighbours
    "neutral": "əɜɚ",
}
NUMBERS = {
    letter: number
    for number, letters in enumerate(CLASSES.values(), start=1)
    for letter in letters
}

BLANK, PAUSE = 0, 1  # numbers of no sound: that of CTC and of padding, and silence
LONG = "ː"
GAP = 0.02  # seconds; what is shorter is no pause
SOUNDS = ("", "_", *NUMBERS, *(vowel + LONG for vowel in "iuɔɑɜ"))
_PLACES = {sound: number for number, sound in enumerate(SOUNDS)}
_NEUTRAL = "ə"
_LIKE = {
    far: near
    for near, others in {
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
    for far in others
}


class Spans(NamedTuple):
    """Sounds one after the other, without a gap: numbers i32 [l], times f32 [l + 1]."""

    sounds: np.ndarray
    edges: np.ndarray


def classes_at(phones: Mapping[str, Sequence], seconds: np.ndarray) -> np.ndarray:
    """The class of what is said at each moment: seconds [t] -> i32 [t].

    phones  {phone, start, end}, lists of equal length, in order.  A phone of several
            letters says one after the other: of aɪ the first half is open.
    """
    found = np.zeros(len(seconds), np.int32)
    seconds = seconds + 1e-6  # times of a corpus are of single precision
    spans = zip(phones["phone"], phones["start"], phones["end"], strict=True)
    for phone, start, end in spans:
        known = [NUMBERS[letter] for letter in phone if letter in NUMBERS]
        here = (start <= seconds) & (seconds < end)
        if known and here.any():
            place = (seconds[here] - start) / (end - start) * len(known)
            found[here] = np.take(known, np.minimum(place.astype(int), len(known) - 1))
    return found


def sounds_of(phone: str) -> tuple[int, ...]:
    """The sounds that a phone names, as numbers; marks and tones are passed over.

    "aɪ" -> those of a and ɪ; "ɔːɹ" -> those of ɔː and ɹ.  A letter that nobody knows is
    the neutral vowel.
    """
    found = []
    for letter in unicodedata.normalize("NFC", phone):
        if letter == LONG and found:
            found[-1] = _PLACES.get(SOUNDS[found[-1]] + LONG, found[-1])
        elif unicodedata.category(letter) in ("Ll", "Lo"):
            bare = letter if letter in _LIKE else unicodedata.normalize("NFD", letter)
            like = _LIKE.get(bare, bare[0])
            found.append(_PLACES.get(like, _PLACES[_NEUTRAL]))
    return tuple(found)


def in_columns(phones: Sequence[tuple[str, float, float]]) -> dict[str, tuple]:
    """Phones with their times, in order -> {phone, start, end}, as of classes_at."""
    columns = zip(*phones, strict=True)
    return dict(zip(("phone", "start", "end"), columns, strict=True))


def spans_of(phones: Mapping[str, Sequence], seconds: float) -> Spans:
    """All that is heard in a recording so long, and the pauses between.

    phones  as of classes_at.  A phone's sounds share its time evenly.
    """
    sounds, edges = [], [0.0]
    spans = zip(phones["phone"], phones["start"], phones["end"], strict=True)
    for phone, start, end in (*spans, ("", seconds, seconds)):
        inside = sounds_of(phone)
        if start > edges[-1] + GAP:
            sounds.append(PAUSE)
            edges.append(float(start))
        edges.extend(np.linspace(edges[-1], end, len(inside) + 1)[1:])
        sounds.extend(inside)
    edges[-1] = max(edges[-1], seconds)
    return Spans(np.array(sounds, np.int32), np.array(edges, np.float32))
