"""Devices: the mesh, where each array lives on it, and host batches made global.

The mesh has two axes: `data` replicates the parameters between steps, `fsdp` divides
the large ones. A batch is divided over both.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from avjax.errors import InputError

AXES = ("data", "fsdp")
MIN_SHARDED_SIZE = 4096  # elements; dividing a smaller array costs time


def make_mesh(shape: tuple[int, int] = (-1, 1)) -> Mesh:
    """Make a mesh of devices.

    Args:
        shape: Sizes of the axes `(data, fsdp)`; -1 takes all devices that remain.

    Returns:
        The mesh.

    Raises:
        InputError: There are not enough devices.
    """
    count = jax.device_count()
    data, fsdp = shape
    if data == -1 and fsdp > 0:
        data = count // fsdp
    elif fsdp == -1 and data > 0:
        fsdp = count // data
    if data < 1 or fsdp < 1 or data * fsdp > count:
        raise InputError(
            f"mesh={tuple(shape)} does not fit {count} device{'s' * (count > 1)}"
        )
    devices = jax.devices()[: data * fsdp]
    # Linen does not know explicit axes, which are the default of make_mesh.
    types = (AxisType.Auto,) * 2
    return jax.make_mesh((data, fsdp), AXES, axis_types=types, devices=devices)


def state_shardings(mesh: Mesh, tree: Any) -> Any:
    """Choose where each array of a state lives.

    Args:
        mesh: The devices.
        tree: A tree of arrays or of their shapes.

    Returns:
        A tree of shardings: large arrays are divided over `fsdp` along their output
        channels, which are the last axis, or along the last axis that is divisible.
    """
    return jax.tree.map(lambda array: array_sharding(mesh, array.shape), tree)


def array_sharding(mesh: Mesh, shape: tuple[int, ...]) -> NamedSharding:
    """Choose where one array of a state lives.

    Args:
        mesh: The devices.
        shape: Shape of the array.

    Returns:
        The sharding.
    """
    count = mesh.shape["fsdp"]
    divisible = [axis for axis, size in enumerate(shape) if size % count == 0]
    if count == 1 or np.prod(shape) < MIN_SHARDED_SIZE or not divisible:
        return replicated(mesh)
    return NamedSharding(mesh, PartitionSpec(*[None] * divisible[-1], "fsdp"))


def replicated(mesh: Mesh) -> NamedSharding:
    """Return the sharding that puts the whole array on every device.

    Args:
        mesh: The devices.

    Returns:
        The sharding.
    """
    return NamedSharding(mesh, PartitionSpec())


def batch_sharded(mesh: Mesh) -> NamedSharding:
    """Return the sharding that divides the batch axis over all devices.

    Args:
        mesh: The devices.

    Returns:
        The sharding.
    """
    return NamedSharding(mesh, PartitionSpec(AXES))


def to_global(mesh: Mesh, batch: Mapping[str, np.ndarray]) -> dict[str, jax.Array]:
    """Join the host batches of all processes to one global batch on the devices.

    Args:
        mesh: The devices.
        batch: This process's part of the batch, in numpy.

    Returns:
        The global batch, without texts.
    """
    sharding = batch_sharded(mesh)
    return {
        name: jax.make_array_from_process_local_data(sharding, array)
        for name, array in drop_non_numeric(batch).items()
    }


def drop_non_numeric(batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Drop texts and objects, which no device can hold.

    Args:
        batch: A host batch.

    Returns:
        The numeric arrays, sorted by name, so that the order is the same in every
        process.
    """
    arrays = {name: np.asarray(batch[name]) for name in sorted(batch)}
    return {name: x for name, x in arrays.items() if x.dtype.kind not in "OSU"}


def check_batch(mesh: Mesh, batch: Mapping[str, Any], accumulate: int = 1) -> None:
    """Check that the devices and microbatches divide a batch evenly.

    Args:
        mesh: The devices.
        batch: This process's part of the batch.
        accumulate: Number of microbatches.

    Raises:
        InputError: The batch cannot be divided.
    """
    size = len(next(iter(batch.values()))) * jax.process_count()
    count = mesh.size * accumulate
    if size % count:
        raise InputError(
            f"a batch of {size} does not divide by {mesh.size} devices x "
            f"accumulate={accumulate}; make it a multiple of {count}, or set "
            "min_batch_per_device=1, which enlarges it"
        )
