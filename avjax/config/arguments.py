"""Checks of the arguments of public functions."""

import functools
import inspect
import os
import reprlib
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np

from avjax.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")


def checked_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Check the types of a function's arguments by its annotations (a decorator).

    Where an array is accepted, a list or an array of another library is converted to
    numpy. Annotations that are not simple, such as those of callables, are not checked.

    Args:
        function: The function.

    Returns:
        A function that raises `InputError` for an argument of another type.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        hints = typing.get_type_hints(function)
        bound = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            options = _options(hints[name])
            bound.arguments[name] = convert_argument(name, value, options)
        return function(*bound.args, **bound.kwargs)

    return checked


def convert_argument(name: str, value: Any, options: Sequence[Any]) -> Any:
    """Check one argument.

    Args:
        name: Its name.
        value: Its value.
        options: The accepted types: the members of its annotation.

    Returns:
        The value; of the accepted type if that is an array or a number.

    Raises:
        InputError: The value has another type.
    """
    for option in options:
        converted = _convert(value, option)
        if converted is not _MISFIT:
            return converted
    descriptions = list(dict.fromkeys(_describe(one, options) for one in options))
    raise InputError(
        f"{name} must be {' or '.join(descriptions)}, not {reprlib.repr(value)}"
    )


_MISFIT = object()  # a value that does not fit a type


def _options(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union; any other annotation alone."""
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else (hint,)


def _convert(value: Any, option: Any) -> Any:
    """Convert a value to one type, or return _MISFIT."""
    origin = typing.get_origin(option) or option
    is_number = isinstance(value, int | float | np.number) and type(value) is not bool
    if option is int:
        fits = is_number and not isinstance(value, float | np.floating)
        return int(value) if fits else _MISFIT
    if option is float:
        return float(value) if is_number else _MISFIT
    if origin is np.ndarray:
        return _to_array(value)
    if origin is tuple:
        return _to_numbers(value, len(typing.get_args(option)))
    if origin is Literal:
        fits = isinstance(value, str) and value in typing.get_args(option)
        return value if fits else _MISFIT
    if origin in (str, bool, os.PathLike, types.NoneType):
        return value if isinstance(value, origin) else _MISFIT
    return value


def _to_array(value: Any) -> Any:
    """Convert an array or a list of numbers."""
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, list | tuple) and not hasattr(value, "__array__"):
        return _MISFIT
    try:
        array = np.asarray(value)
    except ValueError:
        return _MISFIT
    return array if array.dtype.kind in "biuf" else _MISFIT


def _to_numbers(value: Any, count: int) -> Any:
    """Convert a sequence of this many numbers to a tuple."""
    array = _to_array(value)
    if array is _MISFIT or array.shape != (count,):
        return _MISFIT
    return tuple(float(number) for number in array)


def _describe(option: Any, options: Sequence[Any]) -> str:
    """Describe one of the accepted types for an error message."""
    origin = typing.get_origin(option) or option
    if origin in (str, os.PathLike):
        has_paths = any(typing.get_origin(one) is os.PathLike for one in options)
        return "a path" if has_paths else "a string"
    if origin is Literal:
        return " or ".join(repr(choice) for choice in typing.get_args(option))
    if origin is tuple:
        return f"{len(typing.get_args(option))} numbers"
    names = {
        int: "an integer",
        float: "a number",
        bool: "True or False",
        np.ndarray: "an array",
        types.NoneType: "None",
    }
    return names.get(origin, getattr(origin, "__name__", str(origin)))
