"""What kind of mouth a phone asks for, by letters of the phonetic alphabet."""

from collections.abc import Mapping, Sequence

import numpy as np

# Number 0 is a pause, or what nobody knows; the others in the order of this table.
CLASSES = {
    "bilabial": "pbm",  # lips shut
    "labiodental": "fv",
    "rounded": "wuʊoɔɒʃʒɹ",
    "open": "aɑæɛʌɐ",
    "spread": "iɪᵻejsz",
    "tongue": "tdnlθðɾkɡŋxhʔəɜɚ",  # of which the lips tell little
}
NUMBERS = {
    letter: number
    for number, letters in enumerate(CLASSES.values(), start=1)
    for letter in letters
}


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
