"""Initialise parts of a state from trained weights."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from avjax import weights
from avjax.errors import InputError
from avjax.train.step import TrainState
from avjax.typing import Params

if TYPE_CHECKING:
    from avjax.train.compiled import CompiledExperiment


def init_from_weights(
    program: "CompiledExperiment", init_from: Mapping[str, str]
) -> TrainState:
    """Make the state before the first step, with some parts taken from weights.

    Args:
        program: The compiled experiment.
        init_from: `{part: weights}`. A key is a part or a path in one
            ("generator/audio"); a value is a folder of weights or a bundled name. A
            file of a single part serves a part of any name.

    Returns:
        The state, on the devices of the program.

    Raises:
        InputError: A name or a shape does not fit.
    """
    for name in init_from:
        check_name(name.split("/"), program.shapes.params)
    sources = {source: weights.load(source) for source in init_from.values()}
    state = program.init()
    params, stats = state.params, state.stats
    for name, source in init_from.items():
        path, loaded = name.split("/"), sources[source]
        source_path = [resolve_part(path[0], loaded.params, source), *path[1:]]
        message = f"the weights {source} do not fit '{name}'"
        branch = tree_get(loaded.params, source_path)
        wanted = tree_get(program.shapes.params, path)
        params = tree_set(params, path, load_into(branch, wanted, message))
        if wanted := tree_get(program.shapes.stats, path):  # a file holds no empty tree
            branch = tree_get(loaded.stats, source_path)
            stats = tree_set(stats, path, load_into(branch, wanted, message))
    return state._replace(params=params, stats=stats).with_new_average()


def check_name(path: Sequence[str], params: Params) -> None:
    """Check that the parameters have a tree or an array at a path.

    Args:
        path: Keys, from the outermost to the innermost.
        params: Parameters, `{part: tree}`.

    Raises:
        InputError: There is nothing at the path.
    """
    for index, key in enumerate(path):
        node = tree_get(params, path[:index])
        if not isinstance(node, Mapping) or key not in node:
            known = ", ".join(node) if isinstance(node, Mapping) else "nothing further"
            location = f"'{'/'.join(path[:index])}' holds" if index else "the parts are"
            raise InputError(f"init_from names '{'/'.join(path)}'; {location} {known}")


def tree_get(tree: Any, path: Sequence[str]) -> Any:
    """Get the branch of a nested mapping at a path.

    Args:
        tree: Nested mappings.
        path: Keys, from the outermost to the innermost.

    Returns:
        The branch, or `{}` if there is none.
    """
    for key in path:
        tree = tree.get(key, {})
    return tree


def tree_set(tree: Mapping, path: Sequence[str], branch: Any) -> Any:
    """Replace the branch of a nested mapping at a path.

    Args:
        tree: Nested mappings, which stay unchanged.
        path: Keys, from the outermost to the innermost.
        branch: The new branch.

    Returns:
        A copy of the tree with the new branch.
    """
    if not path:
        return branch
    return {**tree, path[0]: tree_set(tree[path[0]], path[1:], branch)}


def resolve_part(part: str, loaded: Params, source: str) -> str:
    """Find the name that a part has in a weights file.

    Args:
        part: Name of the part in the experiment.
        loaded: Parameters of the file, `{part: tree}`.
        source: Name of the file, for the error message.

    Returns:
        `part`, or the name of the file's only part.

    Raises:
        InputError: The file has several parts, and none of this name.
    """
    if part in loaded:
        return part
    if len(loaded) != 1:
        known = ", ".join(loaded)
        raise InputError(f"the weights {source} have no part '{part}', only {known}")
    return next(iter(loaded))


def load_into(tree: Any, target: Any, message: str) -> Any:
    """Put loaded arrays on the devices, with the dtypes and shardings of a target.

    Args:
        tree: Arrays in numpy.
        target: A tree of the same structure, of `ShapeDtypeStruct` with sharding.
        message: First words of the error message.

    Returns:
        The tree on the devices.

    Raises:
        InputError: A name or a shape differs.
    """
    loaded_shapes, shapes = weights.array_shapes(tree), weights.array_shapes(target)
    if differences := sorted(loaded_shapes.items() ^ shapes.items()):
        path, shape = differences[0]
        relation = "lack" if path not in loaded_shapes else "have"
        raise InputError(f"{message}: they {relation} {path} {shape}")

    def place(path: Any, spec: jax.ShapeDtypeStruct) -> jax.Array:
        array = np.asarray(flat[jax.tree_util.keystr(path)], spec.dtype)
        return jax.device_put(array, spec.sharding)

    leaves = jax.tree_util.tree_leaves_with_path(tree)
    flat = {jax.tree_util.keystr(path): array for path, array in leaves}
    return jax.tree_util.tree_map_with_path(place, target)
