"""Descriptions of the tensors in a file, checked before any of them is read."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

MAX_AXES = 8  # largest number of axes of a tensor


class MalformedFile(Exception):
    """A file is damaged or not supported; the message follows "cannot read FILE: "."""


class Tensor(NamedTuple):
    """A tensor in a file.

    Attributes:
        shape: The shape.
        read: Function that reads the values; raises MalformedFile if they are damaged.
    """

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


class ByteRange(NamedTuple):
    """Consecutive bytes of a file.

    Attributes:
        path: The file.
        start: Offset of the first byte.
        size: Number of bytes.
    """

    path: str
    start: int
    size: int

    def read(self, dtype: np.dtype, count: int, offset: int = 0) -> np.ndarray:
        """Read consecutive numbers.

        Args:
            dtype: Type of the numbers.
            count: Number of numbers to read.
            offset: Number of numbers to skip.

        Returns:
            The numbers, [count].

        Raises:
            MalformedFile: The file has become shorter.
        """
        start = self.start + offset * dtype.itemsize
        numbers = np.fromfile(self.path, dtype, count, offset=start)
        if len(numbers) < count:
            raise MalformedFile("it has become shorter while it was read")
        return numbers


def check_type(value: Any, expected_type: type | tuple[type, ...]) -> Any:
    """Check that a value from a file has a type.

    Args:
        value: The value.
        expected_type: The type, or several.

    Returns:
        The value.

    Raises:
        MalformedFile: The value has another type.
    """
    if not isinstance(value, expected_type):
        raise MalformedFile("its pickle is damaged")
    return value


def check_count(number: Any) -> int:
    """Check that a value from a file is an integer of at least 0.

    Args:
        number: The value.

    Returns:
        The value.

    Raises:
        MalformedFile: The value is something else.
    """
    if type(number) is not int or number < 0:
        raise MalformedFile("it has a size or an offset that is not an integer >= 0")
    return number


def check_shape(sides: Any, capacity: int) -> tuple[int, ...]:
    """Check that a tensor of a shape from a file fits its storage.

    Args:
        sides: The shape as the file states it.
        capacity: Number of numbers in the storage.

    Returns:
        The shape.

    Raises:
        MalformedFile: The value is not a shape, has too many axes, or is too large.
    """
    shape = tuple(map(check_count, sides[: MAX_AXES + 1]))
    if len(shape) > MAX_AXES:
        raise MalformedFile(f"it has a tensor of more than {MAX_AXES} axes")
    if math.prod(shape) > capacity:
        raise MalformedFile("it has a tensor that is larger than its storage")
    return shape
