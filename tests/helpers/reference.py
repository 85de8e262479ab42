"""Networks filled by the rule that the reference numbers were computed with.

A tensor follows from a seed and from its position in the published file, so no tensor
is stored.  tests/golden/ stores a few hundred numbers that our networks returned for
inputs made by another rule, at the time when they agreed with the original networks.
To compute them again, where the numbers of the original networks are available:

    AVJAX_REMAKE_GOLDEN=1 pytest tests/unit/models
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
from avjax.convert.layers import TensorMap, convert_array, published_shape

ROOT = pathlib.Path(__file__).parents[2]
REFERENCE = pathlib.Path(
    os.environ.get("AVJAX_GOLDEN", ROOT.parent / "shared" / "golden")
)
MISSING = "the reference numbers are not available; AVJAX_GOLDEN may name their folder"
SAMPLES_PER_OUTPUT = 24


def tensor_by_rule(
    key: str, shape: tuple[int, ...], seed: int, index: int, gain: float
) -> np.ndarray:
    """Make a tensor of a published network by the rule."""
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


def fill_by_rule(rows: TensorMap, shapes: dict, seed: int, gain: float) -> dict:
    """Make our variables of a published file, flat: {path: array}."""
    arrays = {}
    for index, (key, path) in enumerate(rows):
        shape = published_shape(path, shapes[path].shape)
        tensor = tensor_by_rule(key, shape, seed, index, gain)
        arrays[path] = convert_array(path, np.asarray(tensor, np.float32))
        assert arrays[path].shape == shapes[path].shape
    return arrays


def random_init(init, seed: int = 0) -> dict:
    """Sample variables of the shapes of `init()`, without compiling it."""
    rng = np.random.default_rng(seed)

    def sample_leaf(path, leaf):
        name = path[-1].key
        if name in ("scale", "var"):
            return rng.uniform(0.5, 1.5, leaf.shape).astype(np.float32)
        if name == "count":
            return np.zeros(leaf.shape, np.float32)
        inputs = np.prod(leaf.shape[:-1]) if len(leaf.shape) > 1 else 9
        return rng.normal(0, inputs**-0.5, leaf.shape).astype(np.float32)

    return jax.tree_util.tree_map_with_path(sample_leaf, jax.eval_shape(init))


def run_network(function, flat: dict, *inputs) -> dict[str, np.ndarray]:
    """Compute the outputs of function(variables, *inputs)."""
    compiled = jax.jit(function, compiler_options=cpu_options())
    outputs = compiled(unflatten_dict(flat, sep="/"), *map(jnp.asarray, inputs))
    return jax.tree.map(np.asarray, outputs)


def load_reference(files: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Load inputs and outputs of published networks; {} where they are missing."""
    paths = [REFERENCE / f"{file}.npz" for file in files]
    if not all(path.is_file() for path in paths):
        return {}
    return {name: array for path in paths for name, array in np.load(path).items()}


def assert_published_order(rows: TensorMap, file: str) -> None:
    """Check that rows have the order of the published file."""
    path = REFERENCE / f"{file}.json"
    if not path.is_file():
        pytest.skip(MISSING)
    expected = [key for key, _ in json.loads(path.read_text())["tensors"]]
    assert [key for key, _ in rows] == expected


def assert_close(
    output: np.ndarray, expected: np.ndarray, tolerance: float = 1e-4
) -> None:
    """Check that two arrays agree, relative to the largest expected value."""
    atol = tolerance * np.abs(expected).max()
    np.testing.assert_allclose(output, expected, rtol=0, atol=atol)


def assert_matches_published(outputs: dict, files: tuple[str, ...]) -> None:
    """Check that our last outputs are those of the published network."""
    published = load_reference(files)
    if not published:
        pytest.skip(MISSING)
    for name, output in outputs.items():
        assert_close(output[-len(published[name]) :], published[name])


def assert_matches_golden(
    store: str, system: str, outputs: dict, files: tuple[str, ...], count: int = 1
) -> None:
    """Check that our first `count` outputs are those stored in tests/golden."""
    path = pathlib.Path(__file__).parents[1] / "golden" / store
    samples = {
        f"{system}/{name}": sample(output[:count]) for name, output in outputs.items()
    }
    if load_reference(files) and os.environ.get("AVJAX_REMAKE_GOLDEN"):
        stored = dict(np.load(path)) if path.is_file() else {}
        np.savez_compressed(path, **(stored | samples))
    stored = np.load(path)
    for name, value in samples.items():
        assert_close(value, stored[name])


def sample(output: np.ndarray) -> np.ndarray:
    """Select evenly spaced numbers of an output."""
    places = np.linspace(0, output.size - 1, SAMPLES_PER_OUTPUT).astype(int)
    return output.ravel()[places]
