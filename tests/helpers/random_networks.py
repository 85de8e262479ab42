"""Random tensors of the published networks, with few channels."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from unittest import mock

import numpy as np
from flax.traverse_util import unflatten_dict

from avjax.convert.layers import convert_array
from avjax.convert.registry import NETWORKS, convert_part, published_shapes
from avjax.convert.tensors import Tensor
from avjax.models.denoiser import DenoiserConfig

WIDTH = 0.02  # of the networks in these tests; published ones have 1


def narrow(config):
    if isinstance(config, dict):
        return config | {"width": WIDTH}
    if isinstance(config, DenoiserConfig):
        return dataclasses.replace(
            config, base_channels=4, channel_step=2, mask_channels=4
        )
    return dataclasses.replace(config, width=WIDTH)


@contextlib.contextmanager
def narrow_networks() -> Iterator[None]:
    """Reduce the number of channels of the published networks in a `with` block."""
    narrowed = {
        name: network._replace(
            make_config=lambda shapes, original=network: narrow(
                original.make_config(shapes)
            )
        )
        for name, network in NETWORKS.items()
    }
    with mock.patch.dict(NETWORKS, narrowed):
        yield


@functools.cache
def expected_shapes(name: str) -> dict:
    return published_shapes(NETWORKS[name], NETWORKS[name].make_config({}))


@functools.cache
def random_arrays(name: str) -> dict[str, np.ndarray]:
    """Random tensors {key: array} of a published network."""
    rng = np.random.default_rng(0)

    def random_array(key: str, shape: tuple[int, ...]) -> np.ndarray:
        if key.endswith("num_batches_tracked"):
            return np.array(100_000)
        if key.endswith("running_var"):
            return rng.uniform(0.5, 1.5, shape).astype(np.float32)
        scale = np.prod(shape[1:]) ** -0.5
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    return {
        key: random_array(key, shape) for key, shape in expected_shapes(name).items()
    }


def as_tensors(arrays: dict) -> dict[str, Tensor]:
    return {key: Tensor(a.shape, lambda a=a: a) for key, a in arrays.items()}


def unconverted(name: str) -> dict:
    """Our variables of the only part, but for BGR, as in the file."""
    arrays, (part,) = random_arrays(name), NETWORKS[name].parts.values()
    flat = {path: convert_array(path, arrays[key]) for key, path in part.tensor_map}
    return unflatten_dict(flat, sep="/")


def converted(name: str) -> dict:
    (part,) = NETWORKS[name].parts.values()
    return convert_part(part, as_tensors(random_arrays(name)))
