"""Devices: the mesh, where each array lives on it, and host batches made global.

Two axes: `data` only repeats the parameters, `fsdp` also divides the large ones.
A batch is divided over both.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from avjax.errors import InputError

AXES = ("data", "fsdp")
SMALL = 4096  # arrays with fewer numbers are repeated: dividing them costs more


def make_mesh(shape: tuple[int, int] = (-1, 1)) -> Mesh:
    """(data, fsdp) -> the mesh of so many devices; -1 takes all that are left."""
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
    # Linen knows no explicit axes, which is what make_mesh would give by itself.
    types = (AxisType.Auto,) * 2
    return jax.make_mesh((data, fsdp), AXES, axis_types=types, devices=devices)


def place(mesh: Mesh, tree: Any) -> Any:
    """Shapes (or arrays) -> where each lives: its largest divisible axis over fsdp."""
    return jax.tree.map(lambda array: place_array(mesh, array.shape), tree)


def place_array(mesh: Mesh, shape: tuple[int, ...]) -> NamedSharding:
    pieces = mesh.shape["fsdp"]
    divisible = [axis for axis, size in enumerate(shape) if size % pieces == 0]
    if pieces == 1 or np.prod(shape) < SMALL or not divisible:
        return everywhere(mesh)
    largest = max(divisible, key=lambda axis: shape[axis])
    return NamedSharding(mesh, PartitionSpec(*[None] * largest, "fsdp"))


def everywhere(mesh: Mesh) -> NamedSharding:
    """The whole array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def by_example(mesh: Mesh) -> NamedSharding:
    """Examples divided over all devices."""
    return NamedSharding(mesh, PartitionSpec(AXES))


def to_global(mesh: Mesh, batch: Mapping[str, np.ndarray]) -> dict[str, jax.Array]:
    """This host's share of a batch -> the global batch, without its texts."""
    sharding = by_example(mesh)
    return {
        name: jax.make_array_from_process_local_data(sharding, array)
        for name, array in numeric(batch).items()
    }


def numeric(batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What a device can hold of a batch, in the order of its names on every host."""
    arrays = {name: np.asarray(batch[name]) for name in sorted(batch)}
    return {name: x for name, x in arrays.items() if x.dtype.kind not in "OSU"}


def check_batch(mesh: Mesh, batch: Mapping[str, Any], accumulate: int = 1) -> None:
    """Refuses a batch that the devices, or the pieces of a step, do not divide."""
    size = len(next(iter(batch.values()))) * jax.process_count()
    pieces = mesh.size * accumulate
    if size % pieces:
        raise InputError(
            f"a batch of {size} does not divide by {mesh.size} devices x "
            f"accumulate={accumulate}; make it a multiple of {pieces}"
        )
