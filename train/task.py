"""The contract between a system and the loop that trains it.

A system is *parts* (named parameter trees) and *objectives* (one loss each, naming the
parts that it updates). A part that no objective updates is frozen. This covers a
classifier, a GAN with a frozen expert, a reprogrammed model and a bilevel meta-learner.
"""

import abc
import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from avjax.errors import InputError
from avjax.metrics.base import Mean
from avjax.metrics.units import UNITS, Unit
from avjax.typing import Array, Batch, Key, Params


class LossAux(NamedTuple):
    """Auxiliary outputs of a loss, in addition to its value.

    Attributes:
        logs: `{name: scalar}`, means over the batch.
        stats: `{part: tree}` of the parts whose running statistics changed.
        extra_batch: `{key: array [b ...]}`, added with stopped gradient to the batch of
            the later objectives of the same step. Axis 0 is the batch.
    """

    logs: Mapping[str, Array]
    stats: Mapping[str, Any] = {}
    extra_batch: Mapping[str, Array] = {}


@dataclasses.dataclass(frozen=True)
class Objective:
    """One loss, and the parts of the parameters that it updates.

    A part that no objective updates is frozen: it has no gradient and no optimizer
    state.

    Attributes:
        name: Name of the objective, which is also the key of its optimizer.
        parts: Names of the parts that are updated.
        loss: `loss(params, stats, batch, key) -> (scalar, LossAux)`.
    """

    name: str
    parts: tuple[str, ...]
    loss: Callable[[Params, Params, Batch, Key], tuple[Array, LossAux]]


class ReleasedWeights(NamedTuple):
    """The weights of a trained system that are written for its users.

    Attributes:
        system: Id of the system, as `models/registry.py` knows it.
        params: `{part: tree}` of the parameters.
        stats: `{part: tree}` of the running statistics.
        config: Config of the model, a dataclass of plain values.
    """

    system: str
    params: Params
    stats: Params
    config: Any


class Task(abc.ABC):
    """A system as the training loop sees it.

    A task is a frozen dataclass of plain values, so that it can be printed, changed by
    `path=value` and saved as JSON. `params` and `stats` are `{part: tree}`. The methods
    `init`, `objectives` and `evaluate` are required; the others have defaults.
    """

    @abc.abstractmethod
    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise parameters and running statistics of every part.

        Args:
            key: PRNG key.
            batch: A batch, of which only shapes and dtypes are used.

        Returns:
            `(params, stats)`.
        """

    @abc.abstractmethod
    def objectives(self) -> tuple[Objective, ...]:
        """List the objectives, in the order in which a step optimises them.

        Returns:
            The objectives.
        """

    @abc.abstractmethod
    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Compute the metrics of a batch on the device.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            batch: A batch; examples with `weight` 0 are padding.

        Returns:
            `{metric: Mean}`.
        """

    def validate(self, batch: Mapping[str, Any]) -> None:  # noqa: B027 (a default)
        """Check that a host batch fits the model, before anything is compiled.

        Args:
            batch: The first batch of a loader, in numpy.

        Raises:
            InputError: The batch does not fit, for instance because the size of its
                images is not that of the model.
        """

    def visualize(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Array]:
        """Create images of a batch for the log of the run.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            batch: A batch of an evaluation.

        Returns:
            `{name: u8 [t h w c]}`. Empty by default.
        """
        return {}

    def predict(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Array]:
        """Compute the outputs that `score` needs on the host.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            batch: A batch of an evaluation.

        Returns:
            `{name: array [b ...]}`. Empty by default: nothing is scored on the host.
        """
        return {}

    def score(self, predictions: Mapping[str, Any]) -> Mapping[str, Mean]:
        """Compute, in numpy, the metrics that no device computes.

        Args:
            predictions: Outputs of `predict`, in numpy.

        Returns:
            `{metric: Mean}`. Empty by default.
        """
        return {}

    def metric_units(self) -> Mapping[str, Unit]:
        """Declare what the numbers of the metrics mean, for tables and reports.

        Returns:
            `{metric: Unit(unit, better)}`, without the name of the evaluation. By
            default, those of the metrics of avjax for a task of avjax and its
            subclasses, and nothing for others. A metric that is absent is printed
            without a unit.
        """
        bases = type(self).__mro__[: -len(Task.__mro__)]
        is_ours = any(base.__module__.startswith("avjax.") for base in bases)
        return UNITS if is_ours else {}

    def export(self, params: Params, stats: Params) -> ReleasedWeights | None:
        """Select the weights that are released when the system is trained.

        Args:
            params: Parameters in numpy, `{part: tree}`.
            stats: Running statistics in numpy, `{part: tree}`.

        Returns:
            The weights to write, or None (the default) if nothing is released.
        """
        return None


def check_signatures(task: Task) -> None:
    """Check that the methods of a task take the arguments that the loop gives them.

    Args:
        task: The task.

    Raises:
        InputError: A method takes other arguments.
    """
    for name, method in vars(Task).items():
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        _, *expected = inspect.signature(method).parameters
        try:
            inspect.signature(getattr(task, name)).bind(*expected)
        except TypeError as error:
            arguments = ", ".join(expected)
            raise InputError(
                f"{type(task).__name__}.{name} must take the arguments ({arguments}): "
                f"{error}"
            ) from error
