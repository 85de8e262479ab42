"""Edit distances of recognised text.

The sum of edits over the sum of words is the word error rate (WER), which can exceed 1.
Over symbols it is the character or the phoneme error rate.
"""

from collections.abc import Hashable, Sequence

import numpy as np


def word_edit_counts(target: str, pred: str) -> tuple[int, int]:
    """Count the word edits between a recognised sentence and the true one.

    Words are separated by white space and compared letter by letter.

    Args:
        target: True sentence.
        pred: Recognised sentence.

    Returns:
        - edits: Number of words to replace, delete or insert.
        - length: Number of words of the true sentence.
    """
    return symbol_edit_counts(target.split(), pred.split())


def symbol_edit_counts(
    target: Sequence[Hashable], pred: Sequence[Hashable]
) -> tuple[int, int]:
    """Count the symbol edits between a recognised sequence and the true one.

    Args:
        target: True symbols: a text, or a list of symbols or of their numbers.
        pred: Recognised symbols.

    Returns:
        - edits: Number of symbols to replace, delete or insert.
        - length: Number of symbols of the true sequence.
    """
    return _levenshtein(target, pred), len(target)


def _levenshtein(target: Sequence[Hashable], pred: Sequence[Hashable]) -> int:
    """Compute the Levenshtein distance, one row of the table after the other."""
    ids: dict[Hashable, int] = {}
    target_ids, pred_ids = (
        np.array([ids.setdefault(symbol, len(ids)) for symbol in symbols], np.int64)
        for symbols in (target, pred)
    )
    columns = np.arange(len(pred_ids) + 1)
    row = columns
    for position, symbol in enumerate(target_ids, 1):
        replaced = row[:-1] + (pred_ids != symbol)
        best = np.append(position, np.minimum(row[1:] + 1, replaced))
        row = columns + np.minimum.accumulate(best - columns)  # insertions
    return int(row[-1])
