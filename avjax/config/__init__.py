"""Configuration: frozen dataclasses of plain values, changed by `a.b=3`, saved as JSON.

A plain value is a bool, an int, a float, a string, None, or a dataclass, a mapping or
a tuple of plain values.  An unknown name or a value of the wrong type is an
`InputError`, so that a misspelt setting is reported.

A field may be annotated with a base class that has a class method `config_classes`
(such as `avjax.models.talker.TalkerConfig`).  It then holds an instance of any of these
classes, and JSON names the class by its system id under the key "system".
"""

import ast
import dataclasses
import shlex
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from avjax.config.ranges import check_ranges
from avjax.config.values import (
    SCALARS,
    child_hint,
    children,
    convert,
    is_open,
    parse,
)
from avjax.errors import InputError, unknown_name

__all__ = [
    "check_ranges",
    "differences",
    "from_json",
    "leaves",
    "override",
    "replace_all",
    "show_assignment",
    "to_assignments",
    "to_json",
]

Config = TypeVar("Config")
MAX_LIST_LENGTH = 100  # characters of a list that is shown in full


def override(config: Config, assignments: Iterable[str]) -> Config:
    """Change values of a config.

    Args:
        config: A dataclass or a mapping of plain values.
        assignments: Texts `path=value`.  A path walks fields, keys and indices, such as
            `optim.generator.learning_rate=3e-4` or `mesh.0=4`.

    Returns:
        A changed copy.

    Raises:
        InputError: A path does not exist, or a value has the wrong type.
    """
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path:
            raise InputError(f"'{assignment}' is not of the form path=value")

        def parse_value(old: Any, hint: Any, path: str = path, text: str = text) -> Any:
            return parse(text, old, hint, path)

        config = _replace_at(config, type(config), tuple(path.split(".")), parse_value)
    return config


def replace_all(config: Any, **values: Any) -> Any:
    """Change all fields of some names, in a config and in the configs inside of it.

    Args:
        config: A plain value.
        **values: New values by the names of fields.

    Returns:
        A changed copy.
    """
    if isinstance(config, tuple):
        return tuple(replace_all(item, **values) for item in config)
    if isinstance(config, Mapping):
        return {name: replace_all(item, **values) for name, item in config.items()}
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        return config
    changed = {
        name: values[name] if name in values else replace_all(child, **values)
        for name, child in children(config).items()
    }
    return dataclasses.replace(config, **changed)


def to_assignments(config: Any, path: str = "") -> Iterator[str]:
    """List the values of a config as texts that `override` accepts.

    Args:
        config: A plain value.
        path: Prefix of the paths.

    Yields:
        Texts `path=value`, in the order of the fields; a tuple of scalars is one value.
    """
    for name, child in children(config).items():
        child_path = f"{path}.{name}" if path else name
        nested = children(child)
        if not nested and not dataclasses.is_dataclass(child):
            yield f"{child_path}={format_scalar(child)}"
        elif isinstance(child, tuple) and all(type(x) in SCALARS for x in child):
            yield f"{child_path}={child!r}"
        else:
            yield from to_assignments(child, child_path)


def show_assignment(assignment: str) -> str:
    """Format a field for a shell. A long list becomes a comment with its length.

    Args:
        assignment: Text `path=value`.

    Returns:
        A line that a shell takes as one word, or as a comment.
    """
    path, _, value = assignment.partition("=")
    if len(value) < MAX_LIST_LENGTH or not value.startswith("("):
        return shlex.quote(assignment)
    values = ast.literal_eval(value)
    ends = f"{values[0]!r} to {values[-1]!r}"
    return f"# {path}: {len(values)} values, {ends} (--json prints all)"


def format_scalar(value: Any) -> str:
    """Format a scalar, or an empty mapping or tuple, as `override` reads it."""
    return str(value).lower() if value is None or type(value) is bool else str(value)


def to_json(config: Any) -> Any:
    """Convert a config to values that JSON can hold: dicts, lists and scalars.

    Args:
        config: A plain value.

    Returns:
        The converted value.

    Raises:
        TypeError: The config holds something else.
    """
    if isinstance(config, SCALARS):
        return config
    if dataclasses.is_dataclass(config):
        hints = typing.get_type_hints(type(config))
        return {
            name: _tagged(to_json(child), child, hints.get(name))
            for name, child in children(config).items()
        }
    if isinstance(config, Mapping):
        return {name: to_json(child) for name, child in config.items()}
    if isinstance(config, tuple | list):
        return [to_json(item) for item in config]
    raise TypeError(f"{config!r} is not a plain value, so no config can hold it")


def _tagged(data: Any, child: Any, hint: Any) -> Any:
    """Add the system id where the annotation admits several config classes."""
    return {"system": child.system, **data} if is_open(hint) else data


def from_json(cls: type[Config], data: Mapping[str, Any]) -> Config:
    """Build a config from the result of `to_json`.

    Args:
        cls: The class of the config.
        data: Its JSON; absent fields keep their defaults.

    Returns:
        The config.

    Raises:
        InputError: A name is unknown, or a value is missing or has the wrong type.
    """
    return convert(data, cls, cls.__name__)


def differences(a: Any, b: Any) -> list[str]:
    """List the paths at which two configs disagree.

    Args:
        a: A config, or its JSON.
        b: Another config, or its JSON.

    Returns:
        Paths such as "optim.generator.learning_rate", in their order.
    """
    left, right = dict(leaves(to_json(a))), dict(leaves(to_json(b)))
    paths = dict.fromkeys((*left, *right))
    return [path for path in paths if left.get(path, ...) != right.get(path, ...)]


def leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Iterate over the leaves of a JSON tree.

    Args:
        data: A dict or a list.
        path: Prefix of the paths.

    Yields:
        (path, value); an empty dict or list is a leaf.
    """
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for name, child in items:
        child_path = f"{path}.{name}" if path else str(name)
        if isinstance(child, dict | list) and child:
            yield from leaves(child, child_path)
        else:
            yield child_path, child


def _replace_at(
    node: Any,
    hint: Any,
    names: tuple[str, ...],
    replace: Callable[[Any, Any], Any],
    parent: str = "",
) -> Any:
    """Copy a tree; the value at the path `names` becomes replace(old, hint)."""
    if not names:
        return replace(node, hint)
    values = children(node)
    name, *remaining = names
    if name not in values:
        raise InputError(unknown_name(name, values, "field", parent))
    path = f"{parent}.{name}" if parent else name
    annotation = child_hint(node, hint, name)
    child = _replace_at(values[name], annotation, tuple(remaining), replace, path)
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return dataclasses.replace(node, **{name: child})
    if isinstance(node, Mapping):
        return {**node, name: child}
    return tuple(child if key == name else item for key, item in values.items())
