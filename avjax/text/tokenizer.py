"""Conversion of text to numbers and back.

An alphabet is a tuple of symbols; the number of a symbol is its index. Number 0 is the
CTC blank, which is not a symbol of a text. Symbols are characters, or phones, whose
names may have several characters.
"""

import string
from collections.abc import Iterable, Sequence

import numpy as np

from avjax.errors import InputError

BLANK = 0  # number of the CTC blank
SPACE = " "  # separates words, in alphabets that have it
CHARACTERS = ("", SPACE, *string.ascii_lowercase, "'")


def to_ids(
    text: str | Sequence[str], symbols: Sequence[str] = CHARACTERS
) -> np.ndarray:
    """Convert a text to symbol numbers.

    Args:
        text: A string, which is converted to lower case, or a sequence of symbols.
        symbols: The alphabet.

    Returns:
        Symbol numbers, i32 [l].

    Raises:
        InputError: The alphabet lacks a symbol of the text.
    """
    numbers = {symbol: i for i, symbol in enumerate(symbols) if i != BLANK}
    characters = text.lower() if isinstance(text, str) else text
    for symbol in characters:
        if symbol not in numbers:
            raise InputError(f"{symbol!r} in {text!r} is not in the alphabet")
    return np.array([numbers[symbol] for symbol in characters], np.int32)


def to_text(ids: Iterable[int], symbols: Sequence[str] = CHARACTERS) -> str:
    """Convert symbol numbers to text.

    Args:
        ids: Symbol numbers, [l]. Blanks are left out.
        symbols: The alphabet.

    Returns:
        The text; phones are separated by spaces.
    """
    separator = " " if max(map(len, symbols)) > 1 else ""
    return separator.join(symbols[i] for i in ids if i != BLANK)
