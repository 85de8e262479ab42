"""Text as numbers: the symbols that a reader of sentences tells apart.

An alphabet is a tuple of symbols, and a symbol's number is its place there.  Number 0
is the blank of CTC, which is no symbol of a text.  Symbols are characters, or phones,
whose names may have several characters.
"""

import string
from collections.abc import Iterable, Sequence

import numpy as np

from avjax.errors import InputError

BLANK = 0  # the blank's number
SPACE = " "  # between words, where an alphabet has it
CHARACTERS = ("", SPACE, *string.ascii_lowercase, "'")


def to_ids(
    text: str | Sequence[str], symbols: Sequence[str] = CHARACTERS
) -> np.ndarray:
    """A text's characters, in lower case, or a list of symbols as they are -> i32 [l].

    InputError names what the alphabet lacks.
    """
    number = {symbol: i for i, symbol in enumerate(symbols) if i != BLANK}
    asked = text.lower() if isinstance(text, str) else text
    for symbol in asked:
        if symbol not in number:
            raise InputError(f"{symbol!r} of {text!r} is not in the alphabet")
    return np.array([number[symbol] for symbol in asked], np.int32)


def to_text(ids: Iterable[int], symbols: Sequence[str] = CHARACTERS) -> str:
    """Numbers [l] -> the text.  Blanks are left out; phones are set apart by spaces."""
    apart = " " if max(map(len, symbols)) > 1 else ""
    return apart.join(symbols[i] for i in ids if i != BLANK)
