"""Weights as files: a folder with weights.safetensors, config.json and README.md.

Reading such a folder never executes anything that is stored in it.
"""

import hashlib
import json
import pathlib
from typing import Any, NamedTuple

import jax
import numpy as np
import safetensors.numpy
from flax.traverse_util import flatten_dict, unflatten_dict

from avjax import weights_folders, weights_format1
from avjax.config import to_json
from avjax.errors import InputError
from avjax.media.files import UNENCODABLE, atomic_folder, wrap_os_errors
from avjax.media.paths import as_path
from avjax.model_cards import hub_readme
from avjax.typing import Params, PathLike
from avjax.weights_folders import (
    FILE_NAMES,
    FORMAT,
    README,
    describe_weights,
    full_name,
    list_weights,
    read_description,
    weights_files,
    weights_system,
)

__all__ = [
    "FILE_NAMES",
    "FORMAT",
    "Weights",
    "array_shapes",
    "bundle",
    "describe_weights",
    "full_name",
    "list_weights",
    "load",
    "migrate",
    "read_arrays",
    "save",
    "weights_files",
    "weights_system",
    "write_folder",
]

_COLLECTIONS = "params", "stats"


class Weights(NamedTuple):
    """The trained arrays of a system, and the data to build it.

    Attributes:
        params: {part: tree of parameters}, float32.
        stats: {part: tree of running statistics}, float32.
        config: The model config as JSON.
        system: The system id, such as "synctalkface".
        card: The model card: data, command and results, as text.
    """

    params: Params
    stats: Params
    config: dict[str, Any]
    system: str
    card: str


def save(
    folder: PathLike,
    params: Params,
    stats: Params,
    config: Any,
    *,
    system: str,
    card: str,
    dtype: str = "float32",
) -> None:
    """Write a folder that `load` reads.

    The folder is written under a temporary name and then renamed, so it is never
    incomplete.  It replaces an older weights folder.

    Args:
        folder: The folder to write.
        params: {part: tree of parameters}.
        stats: {part: tree of running statistics}.
        config: The config dataclass of the model, or its JSON.
        system: The system id.
        card: The model card.
        dtype: Stored type of floating-point arrays; "float16" halves the file.  Values
            that do not fit, such as large counts, keep their own dtype.

    Raises:
        InputError: The folder holds other files, or cannot be written.
    """
    flat = flatten_dict({"params": dict(params), "stats": dict(stats)}, sep="/")
    arrays = {x: _to_storage(np.asarray(y), dtype) for x, y in flat.items()}
    description = {
        "format": FORMAT,
        "system": system,
        "config": to_json(config),
        "card": card,
    }
    write_folder(folder, arrays, description)


def write_folder(
    folder: PathLike, arrays: dict[str, np.ndarray], description: dict[str, Any]
) -> None:
    """Write arrays and a description as a weights folder, exactly as they are.

    The folder also gets a README.md, so that it can be published on a model hub, and
    config.json the checksum of the arrays.

    Args:
        folder: The folder to write.
        arrays: {"params/part/.../name": array}, also for "stats".
        description: The content of config.json.

    Raises:
        InputError: The folder holds other files, or cannot be written.
    """
    with (
        atomic_folder(folder, FILE_NAMES, [README]) as temporary,
        wrap_os_errors(folder, "write"),
    ):
        file, config_file, readme = (temporary / name for name in FILE_NAMES)
        try:
            safetensors.numpy.save_file(arrays, file)
        except safetensors.SafetensorError as error:
            raise InputError(f"cannot write {folder}: {error}") from error
        file.chmod(0o644)  # safetensors writes files that only their owner can read
        description = {**description, "sha256": _digest(file)}
        text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
        config_file.write_text(text, encoding="utf-8", errors=UNENCODABLE)
        page = hub_readme(*(description[x] for x in ("system", "card", "config")))
        readme.write_text(page, encoding="utf-8", errors=UNENCODABLE)


def _to_storage(array: np.ndarray, dtype: str) -> np.ndarray:
    """Convert an array to the dtype on disk, where its values fit."""
    floating = np.issubdtype(array.dtype, np.floating)
    fits = floating and np.abs(array).max(initial=0) <= np.finfo(dtype).max
    return np.asarray(array, dtype if fits else array.dtype, order="C")


def load(name: PathLike) -> Weights:
    """Read bundled weights, or a folder that `save` wrote.

    Args:
        name: The name of bundled weights (see `list_weights`), or a folder.

    Returns:
        The weights; arrays stored as float16 are float32.

    Raises:
        InputError: There are no such weights, their files are damaged, or they hold NaN
            or infinite values.
    """
    file, config_file = weights_files(name)
    description = read_description(config_file)
    arrays = read_arrays(file, description.get("sha256"))  # older folders have none
    _check_finite(file, arrays)
    if description["format"] == weights_format1.FORMAT:
        renamed = weights_format1.upgrade_names(description["system"], arrays)
        arrays = {renamed[name]: array for name, array in arrays.items()}
    tree = unflatten_dict({x: _from_storage(y) for x, y in arrays.items()}, sep="/")
    return Weights(
        params=tree.get("params", {}),
        stats=tree.get("stats", {}),
        config=description["config"],
        system=description["system"],
        card=description["card"],
    )


def read_arrays(file: PathLike, checksum: str | None = None) -> dict[str, np.ndarray]:
    """Read the arrays of a weights.safetensors file, exactly as they are stored.

    Args:
        file: The file.
        checksum: SHA-256 digest of the file in hexadecimal digits. None: unknown.

    Returns:
        {"params/part/.../name": array}, also for "stats".

    Raises:
        InputError: The file is missing or damaged, or holds something else.
    """
    try:
        content = as_path(file).read_bytes()
        arrays = safetensors.numpy.load(content)
    except (OSError, safetensors.SafetensorError, ValueError, KeyError) as error:
        raise InputError(f"{file} is missing or damaged: {error}") from error
    if checksum and checksum != hashlib.sha256(content).hexdigest():
        raise InputError(
            f"{file} is damaged: its checksum is not the one in config.json; copy the "
            "folder again"
        )
    prefixes = tuple(f"{name}/" for name in _COLLECTIONS)
    if unknown := [name for name in arrays if not name.startswith(prefixes)]:
        raise InputError(f"{file} holds {min(unknown)!r}, not only params and stats")
    return arrays


def _check_finite(file: PathLike, arrays: dict[str, np.ndarray]) -> None:
    """Refuse arrays with NaN or infinite values, of which every result is NaN."""
    for name, array in arrays.items():
        if np.issubdtype(array.dtype, np.inexact) and not np.isfinite(array).all():
            raise InputError(
                f"{file} is damaged, or its training has failed: {name} holds values "
                "that are not finite"
            )


def _digest(file: pathlib.Path) -> str:
    """Return the SHA-256 digest of a file in hexadecimal digits."""
    with wrap_os_errors(file, "read"), file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _from_storage(array: np.ndarray) -> np.ndarray:
    """Convert float16 to float32."""
    return array.astype(np.float32) if array.dtype == np.float16 else array


def array_shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    """Return {path: shape} of each array in a tree, to compare two trees."""
    paths = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): np.shape(leaf) for path, leaf in paths}


def bundle(folder: PathLike, name: str) -> None:
    """Copy trained weights into the package, stored as float16.

    Args:
        folder: The weights to copy.
        name: Their name in `list_weights`.
    """
    loaded = load(folder)
    save(
        weights_folders.BUNDLED / name,
        loaded.params,
        loaded.stats,
        loaded.config,
        system=loaded.system,
        card=loaded.card,
        dtype="float16",
    )


def migrate(folder: PathLike) -> bool:
    """Rewrite a folder of FORMAT 1 as FORMAT 2; arrays keep their bytes and dtypes.

    Args:
        folder: The folder, or the name of bundled weights.

    Returns:
        False if the folder already had FORMAT 2 and was not changed.
    """
    file, config_file = weights_files(folder)
    description = read_description(config_file)
    if description["format"] == FORMAT:
        return False
    arrays = read_arrays(file)
    renamed = weights_format1.upgrade_names(description["system"], arrays)
    arrays = {renamed[name]: array for name, array in arrays.items()}
    write_folder(file.parent, arrays, {**description, "format": FORMAT})
    return True
