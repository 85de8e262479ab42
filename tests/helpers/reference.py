"""Networks filled by the rule that the published numbers were made by.

A tensor follows from a seed and from its place in its file, so that none is stored.
What is stored, in tests/golden/, are a few hundred numbers that our networks gave on
inputs of another rule, in the same minute in which they agreed with the originals'.
To make them anew, where the originals' numbers are:

    AVJAX_REMAKE_GOLDEN=1 pytest tests/avjax/models
"""

import json
import os
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import unflatten_dict

from avjax.compilation import cpu_options
from avjax.convert.layers import Rows, our_array, published_shape

ROOT = pathlib.Path(__file__).parents[2]
GOLDEN = pathlib.Path(os.environ.get("AVJAX_GOLDEN", ROOT.parent / "shared" / "golden"))
DIGEST = 24  # numbers kept of each output


def by_rule(key: str, shape: tuple[int, ...], seed: int, index: int, gain: float):
    """A tensor of the published network, as the rule makes it."""
    rng = np.random.Generator(np.random.PCG64([seed, index]))
    if key.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape)
    if key.endswith("running_mean"):
        return 0.1 * rng.standard_normal(shape)
    if len(shape) >= 2:
        return rng.standard_normal(shape) * np.sqrt(gain / np.prod(shape[1:]))
    if key.endswith("weight"):
        return rng.uniform(0.8, 1.2, shape)
    return 0.05 * rng.standard_normal(shape)


def filled(rows: Rows, shapes: dict, seed: int, gain: float) -> dict:
    """Our variables of one published file, flat: {path: array}."""
    made = {}
    for index, (key, path) in enumerate(rows):
        shape = published_shape(path, shapes[path].shape)
        value = by_rule(key, shape, seed, index, gain)
        made[path] = our_array(path, np.asarray(value, np.float32))
        assert made[path].shape == shapes[path].shape
    return made


def drawn(init, seed: int = 0) -> dict:
    """Variables of the shapes that `init()` would give, drawn without compiling it."""
    rng = np.random.default_rng(seed)

    def one(path, leaf):
        name = path[-1].key
        if name in ("scale", "var"):
            return rng.uniform(0.5, 1.5, leaf.shape).astype(np.float32)
        if name == "seen":
            return np.zeros(leaf.shape, np.float32)
        inputs = np.prod(leaf.shape[:-1]) if len(leaf.shape) > 1 else 9
        return rng.normal(0, inputs**-0.5, leaf.shape).astype(np.float32)

    return jax.tree_util.tree_map_with_path(one, jax.eval_shape(init))


def run(function, flat: dict, *inputs) -> dict[str, np.ndarray]:
    fast = jax.jit(function, compiler_options=cpu_options())
    out = fast(unflatten_dict(flat, sep="/"), *map(jnp.asarray, inputs))
    return jax.tree.map(np.asarray, out)


def numbers_of(files: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Inputs and outputs of published files; nothing where they are not at hand."""
    paths = [GOLDEN / f"{file}.npz" for file in files]
    if not all(path.is_file() for path in paths):
        return {}
    return {name: array for path in paths for name, array in np.load(path).items()}


def order_of(file: str) -> list[str]:
    """Keys of a published file in its order."""
    path = GOLDEN / f"{file}.json"
    if not path.is_file():
        pytest.skip("the published numbers are not here; AVJAX_GOLDEN may name them")
    return [key for key, _ in json.loads(path.read_text())["tensors"]]


def agree(found: np.ndarray, expected: np.ndarray, share: float = 1e-4) -> None:
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=share * np.abs(expected).max()
    )


def agree_with_published(found: dict, published: dict) -> None:
    """Our outputs end with those on the published inputs."""
    if not published:
        pytest.skip("the published numbers are not here; AVJAX_GOLDEN may name them")
    for name, output in found.items():
        agree(output[-len(published[name]) :], published[name])


def agree_with_kept(store: str, system: str, outputs: dict, remake: bool) -> None:
    """Our outputs on inputs of our own are those that are kept in tests/golden."""
    path = pathlib.Path(__file__).parents[1] / "golden" / store
    found = {f"{system}/{name}": digest(output) for name, output in outputs.items()}
    if remake and os.environ.get("AVJAX_REMAKE_GOLDEN"):
        kept = dict(np.load(path)) if path.is_file() else {}
        np.savez_compressed(path, **(kept | found))
    kept = np.load(path)
    for name, value in found.items():
        agree(value, kept[name])


def digest(output: np.ndarray) -> np.ndarray:
    places = np.linspace(0, output.size - 1, DIGEST).astype(int)
    return output.ravel()[places]
