"""What a training step costs on several devices, read from the compiled program."""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from avjax.train.compiled import build
from avjax.train.experiment import Experiment
from avjax.train.parallel import sharding

COLLECTIVE = re.compile(
    r" = (?P<result>.*?) (?P<kind>all-reduce|all-gather|reduce-scatter|all-to-all"
    r"|collective-permute)(?:-start)?\("
)
ARRAY = re.compile(r"\b(?:pred|[a-z]+(\d+))\[([\d,]*)\]")
PRODUCT = re.compile(
    r"stablehlo\.(?:dot_general|convolution)\b.*"
    r": \(tensor<([^>]*)>, tensor<([^>]*)>\) -> "
)
COMMENT = re.compile(r"/\*.*?\*/")
MAX_FOLD = 10  # frames and paths that are folded into the batch


@dataclasses.dataclass(frozen=True)
class Collective:
    """A collective operation.

    Attributes:
        kind: For instance "all-reduce".
        result: Bytes of its result on one device.
        devices: Devices of the mesh.
    """

    kind: str
    result: int
    devices: int

    @property
    def sent(self) -> float:
        """Bytes that each device sends if all devices form a ring."""
        others = self.devices - 1
        factor = {
            "all-reduce": 2 * others / self.devices,
            "reduce-scatter": others,
            "collective-permute": 1,
        }
        return self.result * factor.get(self.kind, others / self.devices)


@dataclasses.dataclass(frozen=True)
class StepCost:
    """Cost of a training step.

    Attributes:
        param_bytes: Size of all parameters.
        trained_bytes: Size of the parameters that have a gradient.
        collectives: The collective operations.
        memory: Bytes of arguments, results and temporary arrays on one device.
        shapes: Shapes of all arrays in the program of one device.
    """

    param_bytes: int
    trained_bytes: int
    collectives: tuple[Collective, ...]
    memory: int
    shapes: frozenset[tuple[int, ...]]

    def sent(self, *kinds: str) -> float:
        """Bytes that each device sends in operations of some kinds; of all if none."""
        return sum(x.sent for x in self.collectives if not kinds or x.kind in kinds)

    def undivided(self, batch: int) -> list[tuple[int, ...]]:
        """Find arrays with a whole batch, or its frames, as an axis.

        Arrays of two axes count only with the batch itself: products of small feature
        maps may have the same number of rows by chance.
        """
        folded = {batch * count for count in range(1, MAX_FOLD + 1)}
        return sorted(
            shape
            for shape in self.shapes
            if (folded if len(shape) > 2 else {batch}) & set(shape)
        )


class Products(NamedTuple):
    """Matrix products and convolutions of a lowered step.

    Attributes:
        count: Number of them.
        narrow: Number of those whose factors are both bfloat16.
    """

    count: int
    narrow: int

    @property
    def share(self) -> float:
        """Fraction of the products in bfloat16."""
        return self.narrow / self.count


def prepare_step(
    experiment: Experiment, mesh: tuple[int, int], batch: Mapping[str, Any]
) -> tuple[Any, Any]:
    """Trace the training step of an experiment for fake devices.

    Args:
        experiment: The experiment.
        mesh: Sizes of the axes `(data, fsdp)`.
        batch: Shapes and dtypes of a global batch.

    Returns:
        The compiled experiment, and the traced step, which can be lowered.
    """
    example = {
        name: np.broadcast_to(np.zeros((), x.dtype), x.shape)
        for name, x in batch.items()
    }
    program: Any = build(experiment, sharding.make_mesh(mesh), example)
    return program, program.step.trace(program.shapes, dict(batch), program.key)


def count_products(lowered: Any) -> Products:
    """Count the products of a step.

    Args:
        lowered: The step, lowered for an accelerator, which need not exist: for a CPU,
            convolutions are rewritten.

    Returns:
        The counts.
    """
    matches = map(PRODUCT.search, lowered.as_text().splitlines())
    factors = [match.groups() for match in matches if match]
    narrow = [pair for pair in factors if all(x.endswith("bf16") for x in pair)]
    return Products(len(factors), len(narrow))


def measure_step(
    experiment: Experiment, mesh: tuple[int, int], batch: Mapping[str, Any]
) -> StepCost:
    """Compile the training step of an experiment and read its cost.

    Args:
        experiment: The experiment.
        mesh: Sizes of the axes `(data, fsdp)`.
        batch: Shapes and dtypes of a global batch.

    Returns:
        The cost.
    """
    return compile_step(experiment, *prepare_step(experiment, mesh, batch))


def compile_step(experiment: Experiment, program: Any, traced: Any) -> StepCost:
    """Compile a traced step and read its cost.

    Args:
        experiment: The experiment.
        program: The compiled experiment.
        traced: The traced step.

    Returns:
        The cost.
    """
    lowered = traced.lower()
    compiled = lowered.compile()
    text = COMMENT.sub("", compiled.as_text())
    memory = compiled.memory_analysis()
    sizes = {
        part: sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))
        for part, tree in program.shapes.params.items()
    }
    return StepCost(
        param_bytes=sum(sizes.values()),
        trained_bytes=sum(
            sizes[part]
            for objective in experiment.task.objectives()
            for part in objective.parts
        ),
        collectives=find_collectives(text, program.mesh.size),
        memory=memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes
        + memory.temp_size_in_bytes,
        shapes=frozenset(to_shape(axes) for _, axes in ARRAY.findall(text)),
    )


def find_collectives(text: str, devices: int) -> tuple[Collective, ...]:
    """Find the collective operations in the text of a compiled program."""
    return tuple(
        Collective(
            match["kind"],
            sum(
                int(bits or 8) // 8 * math.prod(to_shape(axes))
                for bits, axes in ARRAY.findall(match["result"])
            ),
            devices,
        )
        for match in map(COLLECTIVE.search, text.splitlines())
        if match
    )


def to_shape(axes: str) -> tuple[int, ...]:
    """Read a shape, such as "8,3"."""
    return tuple(int(size) for size in axes.split(",") if size)
