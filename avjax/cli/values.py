"""Parsers of the values of arguments, for `argparse`."""

import argparse
import functools
import math
from collections.abc import Callable


def integer_from(minimum: int) -> Callable[[str], int]:
    """Make a parser of integers.

    Args:
        minimum: Smallest integer that is accepted.

    Returns:
        A function from text to integer; it raises `argparse.ArgumentTypeError`.
    """
    return functools.partial(_parse_integer, minimum=minimum)


def _parse_integer(text: str, minimum: int) -> int:
    """Parse an integer that is not less than `minimum`."""
    if not text.isdecimal() or int(text) < minimum:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer >= {minimum}")
    return int(text)


def parse_fraction(text: str) -> float:
    """Return the number from 0 to 1 in a text.

    Raises:
        ArgumentTypeError: The text holds something else.
    """
    number = _parse_number(text)
    if not 0 <= number <= 1:  # not a number at all: NaN
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return number


def parse_box(text: str) -> tuple[float, ...]:
    """Return the four numbers in a text "x,y,w,h".

    Raises:
        ArgumentTypeError: The text does not have this form, or the box is empty.
    """
    numbers = tuple(map(_parse_number, text.split(",")))
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise argparse.ArgumentTypeError(f"{text!r} does not have the form x,y,w,h")
    if min(numbers[2:]) <= 0:
        raise argparse.ArgumentTypeError(f"the box {text} is empty: w and h are sizes")
    return numbers


def parse_face_index(text: str) -> int | str:
    """Return the face number in a text, or the word "all".

    Raises:
        ArgumentTypeError: The text holds something else.
    """
    if text == "all":
        return text
    try:
        return _parse_integer(text, 0)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, and not the word all") from error


def _parse_number(text: str) -> float:
    """Return the number in a text; NaN if there is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
