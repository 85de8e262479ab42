"""Configuration: frozen dataclasses of plain values, changed by `a.b=3`, kept as JSON.

A plain value is a bool, an int, a float, a string, None, or a dataclass, a mapping or
a tuple of plain values.  A typo must never train for a week, so an unknown name or a
value of another type is refused with one sentence.
"""

import ast
import dataclasses
import difflib
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeVar, Union

from avjax.errors import InputError

Config = TypeVar("Config")
SCALARS = (bool, int, float, str, types.NoneType)
IN_WORDS = {int: "a whole number", float: "a number", str: "a text"}
IN_WORDS |= {bool: "true or false", types.NoneType: "none"}
WORDS = {"true": True, "false": False, "none": None}
MANY = 12  # names are told of those that there are


def override(config: Config, assignments: Iterable[str]) -> Config:
    """A copy of a config in which each `path=value` holds.

    A path walks fields, keys and indices: `optim.face.rate=3e-4`, `mesh.0=4`.
    """
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path:
            raise InputError(f"'{assignment}' is not of the form path=value")

        def put(old: Any, hint: Any, path: str = path, text: str = text) -> Any:
            return parse(text, old, hint, path)

        config = replace_at(config, type(config), tuple(path.split(".")), put)
    return config


def to_json(config: Any) -> Any:
    """A config as JSON holds it: dicts, lists and scalars."""
    if isinstance(config, SCALARS):
        return config
    if dataclasses.is_dataclass(config) or isinstance(config, Mapping):
        return {name: to_json(child) for name, child in children(config).items()}
    if isinstance(config, tuple | list):
        return [to_json(item) for item in config]
    raise TypeError(f"{config!r} is not a plain value, so no config can hold it")


def from_json(cls: type[Config], data: Mapping[str, Any]) -> Config:
    """The config of class `cls` that `to_json` wrote; absent fields keep defaults."""
    return as_hinted(data, cls, cls.__name__)


def differences(a: Any, b: Any) -> list[str]:
    """Paths at which two configs, or what `to_json` made of them, do not agree."""
    left, right = dict(leaves(to_json(a))), dict(leaves(to_json(b)))
    paths = dict.fromkeys((*left, *right))
    return [p for p in paths if left.get(p, ...) != right.get(p, ...)]


def leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of everything in a JSON tree that holds nothing further."""
    named = data.items() if isinstance(data, dict) else enumerate(data)
    for name, child in named:
        here = f"{path}.{name}" if path else str(name)
        if isinstance(child, dict | list) and child:
            yield from leaves(child, here)
        else:
            yield here, child


def children(node: Any) -> dict[str, Any]:
    """The named values inside a dataclass, a mapping or a tuple."""
    if dataclasses.is_dataclass(node):
        return {f.name: getattr(node, f.name) for f in dataclasses.fields(node)}
    if isinstance(node, Mapping):
        return dict(node)
    if isinstance(node, tuple | list):
        return {str(index): item for index, item in enumerate(node)}
    return {}


def replace_at(
    node: Any,
    hint: Any,
    names: tuple[str, ...],
    put: Callable[[Any, Any], Any],
    above: str = "",
) -> Any:
    """A copy of a tree in which the value at the path `names` is put(old, hint)."""
    if not names:
        return put(node, hint)
    inside = children(node)
    name, *rest = names
    if name not in inside:
        raise InputError(unknown(name, inside, above))
    path = f"{above}.{name}" if above else name
    child_hint = hint_inside(node, hint, name)
    child = replace_at(inside[name], child_hint, tuple(rest), put, path)
    if dataclasses.is_dataclass(node):
        return dataclasses.replace(node, **{name: child})
    if isinstance(node, Mapping):
        return {**node, name: child}
    return tuple(child if at == name else item for at, item in inside.items())


def unknown(name: str, known: Iterable[str], above: str) -> str:
    """The sentence about a name that is not there, with names that look like it."""
    known = list(known)
    where = f" in '{above}'" if above else ""
    if not known:
        return f"nothing is called '{name}'{where}: that is a single value"
    near = difflib.get_close_matches(name, known, cutoff=0.5) or known
    more = ", …" if near[MANY:] else ""
    return f"nothing is called '{name}'{where}; there is {', '.join(near[:MANY])}{more}"


def hint_inside(node: Any, hint: Any, name: str) -> Any:
    """The annotation of a child, or Any where the parent's does not say."""
    if dataclasses.is_dataclass(node):
        return typing.get_type_hints(type(node)).get(name, Any)
    for option in options(hint):
        arguments = typing.get_args(option)
        if isinstance(node, Mapping) and len(arguments) == 2:
            return arguments[1]
        if isinstance(node, tuple) and arguments:
            return arguments[0] if arguments[-1] is ... else arguments[int(name)]
    return Any


def options(hint: Any) -> tuple[Any, ...]:
    """The members of a union; any other annotation alone."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def parse(text: str, old: Any, hint: Any, path: str) -> Any:
    """What a person typed, as the value that the annotation (or the old value) asks."""
    if dataclasses.is_dataclass(old):
        names = ", ".join(children(old))
        raise InputError(f"'{path}' holds several values; set one of {names}")
    if not any(is_plain(option) for option in options(hint)):
        hint = Any if old is None else hint_like(old)
    means_none = text.lower() == "none" and type(None) in options(hint)
    if str in options(hint) and not means_none:
        return text
    return as_hinted(literal(text), hint, path)


def is_plain(hint: Any) -> bool:
    """Whether an annotation says enough to check a plain value."""
    origin = typing.get_origin(hint) or hint
    return origin in (*SCALARS, tuple, Literal) or is_mapping(origin)


def is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def hint_like(value: Any) -> Any:
    """The annotation that fits a value, for a field whose own says nothing."""
    if isinstance(value, tuple) and value:
        return tuple[tuple(hint_like(item) for item in value)]
    return type(value)


def literal(text: str) -> Any:
    """Text as Python would read it; true, false, none in any case; else the text."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def as_hinted(value: Any, hint: Any, path: str) -> Any:
    """A value as the annotation wants it: ints become floats, lists become tuples."""
    sentence = f"'{path}' must be {described(hint)}, not {value!r}"
    for option in options(hint):
        try:
            return as_option(value, option, path)
        except Mismatch:
            continue
        except InputError as error:  # the right kind, but wrong inside
            sentence = str(error)
    raise InputError(sentence)


class Mismatch(Exception):
    """A value is not of the kind that this one annotation describes."""


def as_option(value: Any, hint: Any, path: str) -> Any:
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
        return as_tuple(tuple(value), arguments, path)
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return as_dataclass(value, hint, path)
    if isinstance(value, Mapping) and is_mapping(origin):
        inside = arguments[1] if arguments else Any
        return {k: as_hinted(v, inside, f"{path}.{k}") for k, v in value.items()}
    raise Mismatch


def as_tuple(value: tuple, arguments: tuple, path: str) -> tuple:
    if not arguments:
        return value
    if arguments[-1] is ...:
        arguments = arguments[:1] * len(value)
    if len(arguments) != len(value):
        raise Mismatch
    pairs = enumerate(zip(value, arguments, strict=True))
    return tuple(as_hinted(item, hint, f"{path}.{at}") for at, (item, hint) in pairs)


def as_dataclass(value: Mapping, cls: type, path: str) -> Any:
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for name in value:
        if name not in fields:
            raise InputError(unknown(name, fields, path))
    for name, field in fields.items():
        absent = field.default is field.default_factory is dataclasses.MISSING
        if absent and name not in value:
            raise InputError(f"'{path}' lacks '{name}'")
    return cls(**{k: as_hinted(v, hints[k], f"{path}.{k}") for k, v in value.items()})


def described(hint: Any) -> str:
    """An annotation in words for an error."""
    if typing.get_origin(hint) is Literal:
        return " or ".join(repr(choice) for choice in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return f"a tuple such as {str(hint).removeprefix('tuple')}"
    if len(options(hint)) > 1:
        return " or ".join(described(option) for option in options(hint))
    return IN_WORDS.get(hint) or getattr(hint, "__name__", str(hint))
