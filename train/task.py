"""The contract between a system and the loop that trains it.

A system is *parts* (named parameter trees) and *objectives* (one loss each, naming the
parts it moves).  A part that no objective moves is frozen.  That covers a classifier, a
GAN with a frozen expert, a reprogrammed model and a bilevel meta-learner.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from avjax.metrics.base import Mean
from avjax.typing import Array, Batch, Key, Params


class Report(NamedTuple):
    """What a loss tells besides its value.

    logs    {name: scalar}, means over the batch
    stats   parts whose running statistics changed
    shows   {key: array [b ...]} that is added, gradient stopped, to the batch of the
            objectives after this one in the same step; every axis 0 is the batch
    """

    logs: Mapping[str, Array]
    stats: Mapping[str, Any] = {}
    shows: Mapping[str, Array] = {}


@dataclasses.dataclass(frozen=True)
class Objective:
    """One loss, and the parts of the parameters that it moves.

    loss(params, stats, batch, key) -> (scalar, Report).  A part that no objective moves
    is frozen: no gradient, no optimizer state.
    """

    name: str
    moves: tuple[str, ...]
    loss: Callable[[Params, Params, Batch, Key], tuple[Array, Report]]


class Published(NamedTuple):
    """What of a system is given away when it is trained: weights and their config."""

    system: str
    params: Params
    stats: Params
    config: Any


class Task(Protocol):
    """A system, as the loop sees it.  params and stats are {part: tree}.

    A task is a frozen dataclass of plain values.  It may also have
        picture(params, stats, batch) -> {name: u8 [t h w c]}    shown in the journal
        answer(params, stats, batch) -> {name: array [b ...]}    with
        score(answers) -> {name: Mean}                           in numpy, on the host:
            what an evaluation measures that no device computes
        published(params, stats) -> Published                    written beside the run
    """

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]: ...

    def objectives(self) -> tuple[Objective, ...]: ...

    def measure(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]: ...
