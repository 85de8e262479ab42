"""One step: every objective in turn moves its parts."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from einops import rearrange

from avjax.train.task import Objective, Report, Task
from avjax.typing import Array, Batch, Key, Params

Logs = Mapping[str, Array]
Optimizers = Mapping[str, optax.GradientTransformation]


class TrainState(NamedTuple):
    """All that a step changes.  params, stats: {part: tree}; opt: {objective: tree}."""

    step: Array
    params: Params
    stats: Params
    opt: Mapping[str, Any]


def make_state(
    task: Task, optimizers: Optimizers, key: Key, batch: Batch
) -> TrainState:
    """The state before the first step; a frozen part gets no optimizer state."""
    params, stats = task.init(key, batch)
    opt = {
        objective.name: optimizers[objective.name].init(moving(params, objective))
        for objective in task.objectives()
    }
    return TrainState(jnp.zeros((), jnp.int32), params, stats, opt)


def make_step(
    task: Task, optimizers: Optimizers, accumulate: int = 1
) -> Callable[[TrainState, Batch, Key], tuple[TrainState, Logs]]:
    """The function (state, batch, key) -> (state, logs), not yet compiled.

    The batch goes through in `accumulate` pieces, to save memory; each objective still
    makes one update, from the mean gradient.
    """
    objectives = task.objectives()

    def step(state: TrainState, batch: Batch, key: Key) -> tuple[TrainState, Logs]:
        key = jax.random.fold_in(key, state.step)
        logs = {}
        for index, objective in enumerate(objectives):
            optimizer = optimizers[objective.name]
            own_key = jax.random.fold_in(key, index)
            state, report = move(
                state, objective, optimizer, batch, own_key, accumulate
            )
            batch = {**batch, **jax.lax.stop_gradient(report.shows)}
            logs |= {f"{objective.name}/{name}": x for name, x in report.logs.items()}
        return state._replace(step=state.step + 1), logs

    return step


def move(
    state: TrainState,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    batch: Batch,
    key: Key,
    accumulate: int,
) -> tuple[TrainState, Report]:
    """One update of the parts that an objective moves."""
    grads, report = gradient(state, objective, batch, key, accumulate)
    parts = moving(state.params, objective)
    opt = state.opt[objective.name]
    updates, opt = optimizer.update(grads, opt, parts)
    parts = optax.apply_updates(parts, updates)
    state = state._replace(
        params={**state.params, **parts},
        stats={**state.stats, **report.stats},
        opt={**state.opt, objective.name: opt},
    )
    return state, report


def gradient(
    state: TrainState, objective: Objective, batch: Batch, key: Key, accumulate: int
) -> tuple[Params, Report]:
    """The mean gradient of an objective over its pieces, and what the loss reported.

    Running statistics go from piece to piece; logs are averaged; shows are put together
    again in the order of the batch.
    """

    def whole(stats, batch, key):
        return gradient_of_piece(state.params, stats, objective, batch, key)

    def piece(carry, pieces):
        stats, total = carry
        batch, index = pieces
        grads, report = whole(stats, batch, jax.random.fold_in(key, index))
        total = jax.tree.map(jnp.add, total, (grads, report.logs))
        return ({**stats, **report.stats}, total), report.shows

    if accumulate == 1:
        return whole(state.stats, batch, key)
    batches = jax.tree.map(lambda x: split(x, accumulate), batch)
    first = jax.tree.map(lambda x: x[0], batches)
    shapes, report = jax.eval_shape(whole, state.stats, first, key)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), (shapes, report.logs))
    start = (state.stats, zeros)
    (stats, total), shows = jax.lax.scan(
        piece, start, (batches, jnp.arange(accumulate))
    )
    grads, logs = jax.tree.map(lambda x: x / accumulate, total)
    return grads, Report(logs, stats, jax.tree.map(join, shows))


def gradient_of_piece(
    params: Params, stats: Params, objective: Objective, batch: Batch, key: Key
) -> tuple[Params, Report]:
    """Gradient over the moving parts alone; the report, with the loss in its logs."""

    def loss(parts: Params) -> tuple[Array, Report]:
        return objective.loss({**params, **parts}, stats, batch, key)

    parts = moving(params, objective)
    (value, report), grads = jax.value_and_grad(loss, has_aux=True)(parts)
    logs = {"loss": value, "gradient": optax.tree.norm(grads), **report.logs}
    return grads, report._replace(logs=logs)


def moving(params: Params, objective: Objective) -> Params:
    return {part: params[part] for part in objective.moves}


def split(array: Array, pieces: int) -> Array:
    """Every n-th example makes a piece, so that each device has its share of each."""
    return rearrange(array, "(b n) ... -> n b ...", n=pieces)


def join(array: Array) -> Array:
    return rearrange(array, "n b ... -> (b n) ...")
