"""Helpers of tasks: variables by part, weighted sums, the single-part task."""

import abc
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import jax.numpy as jnp

from avjax.train.task import LossAux, Objective, ReleasedWeights, Task
from avjax.typing import Array, Batch, Key, Params


def split_variables(variables: Mapping[str, Params]) -> tuple[Params, Params]:
    """Split the variables of parts into parameters and running statistics.

    Args:
        variables: `{part: variables}`, as `Module.init` returns them.

    Returns:
        `(params, stats)`, `{part: tree}` each.
    """
    params = {part: tree["params"] for part, tree in variables.items()}
    stats = {
        part: tree["batch_stats"]
        for part, tree in variables.items()
        if tree.get("batch_stats") is not None
    }
    return params, stats


def variables_of(params: Params, stats: Params, part: str) -> dict[str, Any]:
    """Collect the variables of one part, as Flax takes them.

    Args:
        params: Parameters, `{part: tree}`.
        stats: Running statistics, `{part: tree}`.
        part: Name of the part.

    Returns:
        `{"params": tree, "batch_stats": tree}`, without the latter if there are none.
    """
    if part not in stats:
        return {"params": params[part]}
    return {"params": params[part], "batch_stats": stats[part]}


def select_parts(
    params: Params, stats: Params, parts: Iterable[str]
) -> tuple[Params, Params]:
    """Select some parts.

    Args:
        params: Parameters, `{part: tree}`.
        stats: Running statistics, `{part: tree}`.
        parts: Names of the parts.

    Returns:
        `(params, stats)` of these parts; some may have no statistics.
    """
    parts = tuple(parts)
    return (
        {part: params[part] for part in parts},
        {part: stats[part] for part in parts if part in stats},
    )


def weighted_sum(weights: Any, terms: Mapping[str, Array]) -> Array:
    """Add the terms of a loss.

    Args:
        weights: A dataclass with one weight a term.
        terms: `{name of a weight: scalar}`.

    Returns:
        The total, a scalar.
    """
    return sum(
        (getattr(weights, name) * term for name, term in terms.items()),
        start=jnp.zeros(()),
    )


@dataclasses.dataclass(frozen=True)
class SinglePartTask(Task):
    """Base class of tasks with one part, which one objective of the same name updates.

    Attributes:
        part: Name of the part and of the objective (class variable).
        model: Config of the model, with its system id.
    """

    part: ClassVar[str]
    model: Any

    @abc.abstractmethod
    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the training loss. See `Objective.loss`.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            batch: A training batch.
            key: PRNG key.

        Returns:
            The loss and its auxiliary outputs.
        """

    def objectives(self) -> tuple[Objective, ...]:
        """List the only objective. See `Task.objectives`."""
        return (Objective(self.part, (self.part,), self.loss),)

    def variables(self, params: Params, stats: Params) -> dict[str, Any]:
        """Collect the variables of the part, as Flax takes them.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.

        Returns:
            The variables.
        """
        return variables_of(params, stats, self.part)

    def export(self, params: Params, stats: Params) -> ReleasedWeights:
        """Release the part. See `Task.export`."""
        return ReleasedWeights(self.model.system, params, stats, self.model)
