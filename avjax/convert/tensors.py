"""What a file claims to hold, before any of it is read."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

AXES = 8  # that a tensor may have


class Refused(Exception):
    """What is wrong with a file, as the end of a sentence."""


class Tensor(NamedTuple):
    """A tensor in a file.  read  fetches it, and raises Refused where it is damaged."""

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


class Span(NamedTuple):
    """Some bytes of a file."""

    path: str
    start: int
    size: int

    def numbers(self, dtype: np.dtype, count: int, offset: int = 0) -> np.ndarray:
        """`count` numbers from the one numbered `offset` on; raises Refused."""
        start = self.start + offset * dtype.itemsize
        numbers = np.fromfile(self.path, dtype, count, offset=start)
        if len(numbers) < count:
            raise Refused("it has become shorter")
        return numbers


def counted(number: Any) -> int:
    """A number of things, where a file claims one; raises Refused."""
    if type(number) is not int or number < 0:
        raise Refused("it counts something by what is no number, or is below 0")
    return number


def shaped(sides: Any, room: int) -> tuple[int, ...]:
    """A shape that a file claims, of `room` numbers or fewer; raises Refused."""
    shape = tuple(map(counted, sides[: AXES + 1]))
    if len(shape) > AXES:
        raise Refused(f"a tensor in it has more than {AXES} axes")
    if math.prod(shape) > room:
        raise Refused("a tensor in it is larger than where it is stored")
    return shape
