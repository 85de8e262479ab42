"""Weights as files: one folder with weights.safetensors and config.json.

Nothing in such a folder is ever executed, whoever made it.
"""

import functools
import json
import os
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from avjax import config as configs
from avjax.config import to_json
from avjax.errors import InputError
from avjax.media.files import refusing, whole_folder
from avjax.typing import Params

FORMAT = 1
FILES = "weights.safetensors", "config.json"
BUNDLED = pathlib.Path(__file__).parent / "bundled"


class Weights(NamedTuple):
    """A trained system, and what it takes to build it again."""

    params: Params  # {part: tree of float32 arrays}
    stats: Params  # {part: tree}, running statistics
    config: dict[str, Any]  # of the model, as JSON
    system: str  # which model, e.g. "synctalkface"
    card: str  # for people: data, command, figures


def save(
    folder: str | os.PathLike,
    params: Params,
    stats: Params,
    config: Any,
    *,
    system: str,
    card: str,
    dtype: str = "float32",
) -> None:
    """Writes a folder that `load` reads.  dtype "float16" halves it, on disk only.

    config is the model's dataclass, or what JSON makes of it.

    It is written beside and then renamed: a folder is whole, or it is not there.  One
    of older weights makes way, any other does not.
    """
    flat = flatten_dict({"params": dict(params), "stats": dict(stats)}, sep="/")
    arrays = {name: _stored(np.asarray(array), dtype) for name, array in flat.items()}
    about = {
        "format": FORMAT,
        "system": system,
        "config": to_json(config),
        "card": card,
    }
    with whole_folder(folder, FILES) as part, refusing(folder, "write"):
        try:
            save_file(arrays, part / FILES[0])
        except SafetensorError as error:
            raise InputError(f"cannot write {folder}: {error}") from error
        (part / FILES[0]).chmod(0o644)  # as any other file, though for one alone
        text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
        (part / FILES[1]).write_text(text, encoding="utf-8")


def _stored(array: np.ndarray, dtype: str) -> np.ndarray:
    """As it is to lie on disk; what a dtype cannot hold, such as a count, stays."""
    floating = np.issubdtype(array.dtype, np.floating)
    fits = floating and np.abs(array).max(initial=0) <= np.finfo(dtype).max
    return np.asarray(array, dtype if fits else array.dtype, order="C")


def load(name_or_folder: str | os.PathLike) -> Weights:
    """Reads a folder that `save` wrote, or the bundled weights of that name.

    What was float16 on disk comes back as float32.
    """
    file, description = files_of(name_or_folder)
    about = _read_about(description)
    try:
        arrays = load_file(file)
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise InputError(f"{file} is missing or damaged: {error}") from error
    known = "params/", "stats/"
    if strange := [name for name in arrays if not name.startswith(known)]:
        raise InputError(f"{file} holds {min(strange)!r}, not only params and stats")
    floats = {name: _computed(array) for name, array in arrays.items()}
    tree = unflatten_dict(floats, sep="/")
    return Weights(
        tree.get("params", {}),
        tree.get("stats", {}),
        about["config"],
        about["system"],
        about["card"],
    )


def files_of(name_or_folder: str | os.PathLike) -> tuple[pathlib.Path, ...]:
    """Where the arrays and the config lie."""
    folder = _folder_of(name_or_folder)
    return tuple(folder / name for name in FILES)


def open_part(
    name: str, prefix: str, kind: type, blank: Callable[[Any], Any]
) -> tuple[Any, dict[str, Any]]:
    """The config and the variables of a system of one part, ready for its network.

    name    a bundled name, with or without the prefix, or a folder
    prefix  of the bundled names that serve, such as "synctalkface"
    kind    the class of the config;  its module's name is the system's
    blank   config -> variables of a network that has learnt nothing

    InputError for weights of another system, or that do not fit their own config.
    """
    config, found = _of_kind(name, prefix, kind)
    given = {"params": found.params, "batch_stats": found.stats}
    variables = {of: tree for of, parts in given.items() for tree in parts.values()}
    alone = all(len(parts) == 1 for parts in given.values())
    if not alone or shapes_of(variables) != shapes_of(_shaped(blank, config)):
        raise InputError(f"the weights {name} are not those of their own config")
    return config, variables


def open_parts(
    name: str, prefix: str, kind: type, blank: Callable[[Any], Any], spare: str = ""
) -> tuple[Any, dict[str, Any]]:
    """The same of several parts: variables, and what blank gives, are {part: ...}.

    spare  a part that weights may do without
    """
    config, found = _of_kind(name, prefix, kind)
    given = {"params": found.params, "batch_stats": found.stats}
    variables = {
        part: {of: parts[part] for of, parts in given.items() if part in parts}
        for part in found.params
    }
    wanted = _shaped(blank, config)
    if spare not in variables:
        wanted = {part: tree for part, tree in wanted.items() if part != spare}
    if shapes_of(variables) != shapes_of(wanted):
        raise InputError(f"the weights {name} are not those of their own config")
    return config, variables


def _of_kind(name: str, prefix: str, kind: type) -> tuple[Any, Weights]:
    """Weights and their config; InputError where they are of another system."""
    short = f"{prefix}-{name}"
    found, system = load(short if short in bundled() else name), system_of(kind)
    if found.system != system:
        raise InputError(f"the weights {name} are of {found.system}, not of {system}")
    return configs.from_json(kind, found.config), found


@functools.cache
def _shaped(blank: Callable[[Any], Any], config: Any) -> dict[str, Any]:
    """What blank gives, by its shapes alone."""
    return jax.eval_shape(lambda: blank(config))


def system_at(name: str, prefix: str = "") -> str:
    """The system of weights that open_part would open, by their description alone."""
    short = f"{prefix}-{name}"
    folder = _folder_of(short if short in bundled() else name)
    return _read_about(folder / "config.json")["system"]


def system_of(kind: type) -> str:
    """The system id that a config class declares."""
    return kind.system


def _computed(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _folder_of(name_or_folder: str | os.PathLike) -> pathlib.Path:
    folder, names = pathlib.Path(name_or_folder), bundled()
    if (folder / "config.json").is_file():
        return folder
    if str(name_or_folder) in names:
        return BUNDLED / name_or_folder
    raise InputError(
        f"no weights at {name_or_folder}: give a folder with config.json and "
        f"weights.safetensors, or a bundled name ({', '.join(names) or 'none yet'})"
    )


def shapes_of(tree: Any) -> dict[str, tuple[int, ...]]:
    """{path: shape} of every array of a tree: what fits where."""
    paths = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): np.shape(leaf) for path, leaf in paths}


def bundle(folder: str | os.PathLike, name: str) -> None:
    """Puts trained weights among those of the package, at half precision."""
    found = load(folder)
    parts = found.params, found.stats, found.config
    about = {"system": found.system, "card": found.card, "dtype": "float16"}
    save(BUNDLED / name, *parts, **about)


def bundled() -> list[str]:
    """Names of the weights that come with the package."""
    return sorted(file.parent.name for file in BUNDLED.glob("*/config.json"))


def _read_about(file: pathlib.Path) -> dict[str, Any]:
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is not a description of weights: {error}") from error
    kinds = {"format": int, "system": str, "config": dict, "card": str}
    if not isinstance(about, dict) or any(
        not isinstance(about.get(name), kind) for name, kind in kinds.items()
    ):
        raise InputError(f"{file} does not describe weights of ours")
    if about["format"] != FORMAT:
        raise InputError(f"{file} is of format {about['format']}, we read {FORMAT}")
    return about
