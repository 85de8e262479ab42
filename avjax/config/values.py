"""Conversion of plain values to the types that annotations name.

`avjax.config` is its only user.
"""

import ast
import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union

from avjax.errors import InputError, unknown_name

SCALARS = (bool, int, float, str, types.NoneType)
TYPE_NAMES = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a string",
    types.NoneType: "none",
}
CONSTANTS = {"true": True, "false": False, "none": None}


def children(node: Any) -> dict[str, Any]:
    """Return the named values inside a node of a config.

    Args:
        node: A plain value.

    Returns:
        {name: value} of a dataclass, a mapping or a tuple; empty for a scalar.
    """
    if dataclasses.is_dataclass(node):
        return {f.name: getattr(node, f.name) for f in dataclasses.fields(node)}
    if isinstance(node, Mapping):
        return dict(node)
    if isinstance(node, tuple | list):
        return {str(index): item for index, item in enumerate(node)}
    return {}


def is_open(hint: Any) -> bool:
    """Check if an annotation is a base class that lists its config classes.

    Args:
        hint: The annotation.

    Returns:
        True if the class itself defines `config_classes`.
    """
    return isinstance(hint, type) and "config_classes" in vars(hint)


def child_hint(node: Any, hint: Any, name: str) -> Any:
    """Return the annotation of a child.

    Args:
        node: A dataclass, a mapping or a tuple.
        hint: The annotation of the node.
        name: Name of the child.

    Returns:
        The annotation; Any if the node has none for its children.
    """
    if dataclasses.is_dataclass(node):
        return typing.get_type_hints(type(node)).get(name, Any)
    for option in _options(hint):
        arguments = typing.get_args(option)
        if isinstance(node, Mapping) and len(arguments) == 2:
            return arguments[1]
        if isinstance(node, tuple) and arguments:
            return arguments[0] if arguments[-1] is ... else arguments[int(name)]
    return Any


def _options(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union; any other annotation alone."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def parse(text: str, old: Any, hint: Any, path: str) -> Any:
    """Convert a text to the type of its annotation, or of the old value.

    Args:
        text: The text.
        old: The value that is replaced.
        hint: The annotation.
        path: Path of the value, for the message.

    Returns:
        The new value.

    Raises:
        InputError: The text does not fit the annotation.
    """
    if dataclasses.is_dataclass(old):
        names = ", ".join(children(old))
        raise InputError(f"'{path}' holds several values; set one of {names}")
    if not any(_is_plain(option) for option in _options(hint)):
        hint = Any if old is None else _hint_like(old)
    means_none = text.lower() == "none" and type(None) in _options(hint)
    choices = [x for option in _options(hint) for x in typing.get_args(option)]
    if not means_none and (str in _options(hint) or text in choices):
        return text
    value = _literal(text)
    is_tuple = any(typing.get_origin(x) is tuple for x in _options(hint))
    if is_tuple and isinstance(value, str) and "," in value:
        value = tuple(map(str.strip, value.split(",")))  # texts without quotation marks
    return convert(value, hint, path)


def _is_plain(hint: Any) -> bool:
    """Tell whether an annotation is enough to check a plain value."""
    origin = typing.get_origin(hint) or hint
    return origin in (*SCALARS, tuple, Literal) or _is_mapping(origin)


def _is_mapping(origin: Any) -> bool:
    """Tell whether an annotation is that of a mapping."""
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _hint_like(value: Any) -> Any:
    """Return an annotation that fits a value, for a field with a general annotation."""
    if isinstance(value, tuple) and value:
        return tuple[tuple(_hint_like(item) for item in value)]
    return type(value)


def _literal(text: str) -> Any:
    """Read text as a Python literal; true, false, none in any case; else the text."""
    if text.lower() in CONSTANTS:
        return CONSTANTS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


class _MismatchError(Exception):
    """A value does not fit one annotation."""


def convert(value: Any, hint: Any, path: str) -> Any:
    """Convert a value to its annotation: ints to floats, lists to tuples.

    Args:
        value: The value, from JSON or from a text.
        hint: The annotation.
        path: Path of the value, for the message.

    Returns:
        The converted value.

    Raises:
        InputError: The value does not fit the annotation.
    """
    message = f"'{path}' must be {_describe(hint)}, not {value!r}"
    for option in _options(hint):
        try:
            return _convert_to_option(value, option, path)
        except _MismatchError:
            continue
        except InputError as error:  # the type fits, but a value inside it does not
            message = str(error)
    raise InputError(message)


def _convert_to_option(value: Any, hint: Any, path: str) -> Any:
    """Convert a value to one member of a union."""
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if hint is Any:
        return value
    if origin is Literal and (type(value), value) in [(type(a), a) for a in arguments]:
        return value
    if hint is float and type(value) is int:
        return float(value)
    if hint in SCALARS and type(value) is hint:
        return value
    if origin is tuple and isinstance(value, tuple | list):
        return _to_tuple(tuple(value), arguments, path)
    if is_open(hint) and isinstance(value, Mapping):
        return _to_tagged_dataclass(value, hint, path)
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return _to_dataclass(value, hint, path)
    if isinstance(value, Mapping) and _is_mapping(origin):
        inner = arguments[1] if arguments else Any
        return {k: convert(v, inner, f"{path}.{k}") for k, v in value.items()}
    raise _MismatchError


def _to_tuple(value: tuple, arguments: tuple, path: str) -> tuple:
    """Convert the items of a tuple to their annotations."""
    if not arguments:
        return value
    if arguments[-1] is ...:
        arguments = arguments[:1] * len(value)
    if len(arguments) != len(value):
        raise _MismatchError
    pairs = enumerate(zip(value, arguments, strict=True))
    return tuple(convert(item, hint, f"{path}.{at}") for at, (item, hint) in pairs)


def _to_tagged_dataclass(value: Mapping, base: Any, path: str) -> Any:
    """Build the config class that the entry "system" names."""
    classes = base.config_classes()
    fields = dict(value)
    name = fields.pop("system", None)
    if name not in classes:
        known = ", ".join(classes)
        raise InputError(f"'{path}.system' must be one of {known}, not {name!r}")
    return _to_dataclass(fields, classes[name], path)


def _to_dataclass(value: Mapping, cls: Any, path: str) -> Any:
    """Build a dataclass from the values of its fields."""
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for name in value:
        if name not in fields:
            raise InputError(unknown_name(name, fields, "field", path))
    for name, field in fields.items():
        required = field.default is field.default_factory is dataclasses.MISSING
        if required and name not in value:
            raise InputError(f"'{path}' lacks '{name}'")
    return cls(**{k: convert(v, hints[k], f"{path}.{k}") for k, v in value.items()})


def _describe(hint: Any) -> str:
    """Describe an annotation for an error message."""
    if typing.get_origin(hint) is Literal:
        return " or ".join(repr(choice) for choice in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        items = typing.get_args(hint)
        if not items or items[-1] is ...:
            return (
                f"a tuple of values, each {_describe(items[0])}" if items else "a tuple"
            )
        words = ", ".join(map(_describe, items))
        return f"a tuple of {len(items)} values with commas: {words}"
    if len(_options(hint)) > 1:
        return " or ".join(_describe(option) for option in _options(hint))
    return TYPE_NAMES.get(hint) or getattr(hint, "__name__", str(hint))
