"""How far what was read is from what was said: errors that add over sentences.

The sum of errors over the sum of words is the word error rate (WER), which can exceed
1; with symbols it is the character or phone error rate.
"""

from collections.abc import Sequence

import numpy as np


def word_errors(truth: str, read: str) -> tuple[int, int]:
    """-> (words to replace, leave out or put in, words of the truth).

    Words are parted by white space, and compared letter by letter as they are.
    """
    return symbol_errors(truth.split(), read.split())


def symbol_errors(truth: Sequence, read: Sequence) -> tuple[int, int]:
    """The same of a text's characters, or of two lists of symbols or their numbers."""
    return _distance(truth, read), len(truth)


def _distance(truth: Sequence, read: Sequence) -> int:
    """Levenshtein's: each row of the table at once, rows one after the other."""
    numbers = {}
    truth, read = (
        np.array([numbers.setdefault(one, len(numbers)) for one in text], np.int64)
        for text in (truth, read)
    )
    along = np.arange(len(read) + 1)
    row = along
    for done, symbol in enumerate(truth, 1):
        replaced = row[:-1] + (read != symbol)
        best = np.append(done, np.minimum(row[1:] + 1, replaced))
        row = along + np.minimum.accumulate(best - along)  # symbols put in
    return int(row[-1])
