"""One training step: every objective in turn updates its parts."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from einops import rearrange

from avjax.train.averaging import init_average, update_average
from avjax.train.parallel.layout import Layout
from avjax.train.task import LossAux, Objective, Task
from avjax.typing import Array, Batch, Key, Params

Logs = Mapping[str, Array]
Optimizers = Mapping[str, optax.GradientTransformation]
NO_LAYOUT = Layout()
AVERAGE = "(average)"  # no name of an objective


class TrainState(NamedTuple):
    """All that a step changes.

    Attributes:
        step: Number of finished steps, i32 scalar.
        params: Parameters, `{part: tree}`.
        stats: Running statistics, `{part: tree}`.
        opt: Optimizer states, `{objective: tree}`, and averages of the weights under
            the key `AVERAGE`, if there are some.
    """

    step: Array
    params: Params
    stats: Params
    opt: Mapping[str, Any]

    def averaged(self) -> "TrainState":
        """Return the state to evaluate and to release: with averages, if any."""
        if AVERAGE not in self.opt:
            return self
        average = self.opt[AVERAGE]
        params: Any = {**self.params, **average["params"]}
        stats: Any = {**self.stats, **average["stats"]}
        return self._replace(params=params, stats=stats)

    def with_new_average(self) -> "TrainState":
        """Return the state with averages that start now, if there are some."""
        if AVERAGE not in self.opt:
            return self
        parts = set(self.opt[AVERAGE]["params"])
        average = init_average(self.params, self.stats, parts)
        return self._replace(opt={**self.opt, AVERAGE: average})


def make_state(
    task: Task, optimizers: Optimizers, key: Key, batch: Batch, ema: float = 0.0
) -> TrainState:
    """Make the state before the first step.

    Args:
        task: The task.
        optimizers: `{objective: optimizer}`.
        key: PRNG key of the initialisation.
        batch: A batch, of which only shapes and dtypes are used.
        ema: Decay of the averages; 0: none.

    Returns:
        The state. A frozen part has no optimizer state.
    """
    params, stats = task.init(key, batch)
    opt = {
        objective.name: optimizers[objective.name].init(
            trainable_params(params, objective)
        )
        for objective in task.objectives()
    }
    if ema:
        parts = {part for objective in task.objectives() for part in objective.parts}
        opt[AVERAGE] = init_average(params, stats, parts)
    return TrainState(jnp.zeros((), jnp.int32), params, stats, opt)


def make_step(
    task: Task,
    optimizers: Optimizers,
    accumulate: int = 1,
    layout: Layout = NO_LAYOUT,
    ema: float = 0.0,
) -> Callable[[TrainState, Batch, Key], tuple[TrainState, Logs]]:
    """Make the training step of a task, not yet compiled.

    Args:
        task: The task.
        optimizers: `{objective: optimizer}`.
        accumulate: Number of microbatches, to save memory. Each objective still makes
            one update, from the mean gradient.
        layout: Where arrays live.
        ema: Decay of the averages; 0: none.

    Returns:
        `(state, batch, key) -> (state, logs)`.
    """
    objectives = task.objectives()

    def step(state: TrainState, batch: Batch, key: Key) -> tuple[TrainState, Logs]:
        key = jax.random.fold_in(key, state.step)
        logs = {}
        for index, objective in enumerate(objectives):
            state, aux = update(
                state,
                objective,
                optimizers[objective.name],
                batch,
                jax.random.fold_in(key, index),
                accumulate,
                layout,
            )
            batch = {**batch, **jax.lax.stop_gradient(aux.extra_batch)}
            logs |= {f"{objective.name}/{name}": x for name, x in aux.logs.items()}
        opt = dict(state.opt)
        if ema:
            opt[AVERAGE] = update_average(
                opt[AVERAGE], state.params, state.stats, state.step, ema
            )
        return state._replace(step=state.step + 1, opt=opt), logs

    return step


def update(
    state: TrainState,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    batch: Batch,
    key: Key,
    accumulate: int,
    layout: Layout,
) -> tuple[TrainState, LossAux]:
    """Update the parts of one objective once.

    Args:
        state: The state.
        objective: The objective.
        optimizer: The optimizer of the objective.
        batch: The batch, with what earlier objectives added.
        key: PRNG key.
        accumulate: Number of microbatches.
        layout: Where arrays live.

    Returns:
        The new state, and the auxiliary outputs of the loss.
    """
    grads, aux = compute_gradient(state, objective, batch, key, accumulate, layout)
    parts = trainable_params(state.params, objective)
    opt = state.opt[objective.name]
    updates, opt = optimizer.update(grads, opt, parts)
    parts: Any = optax.apply_updates(parts, updates)
    state = state._replace(
        params={**state.params, **parts},
        stats={**state.stats, **aux.stats},
        opt={**state.opt, objective.name: opt},
    )
    return state, aux


def compute_gradient(
    state: TrainState,
    objective: Objective,
    batch: Batch,
    key: Key,
    accumulate: int,
    layout: Layout,
) -> tuple[Params, LossAux]:
    """Compute the mean gradient of an objective over all microbatches.

    Args:
        state: The state.
        objective: The objective.
        batch: The batch.
        key: PRNG key.
        accumulate: Number of microbatches.
        layout: Where arrays live.

    Returns:
        The gradient of the objective's parts, and the auxiliary outputs of the loss:
        running statistics pass from one microbatch to the next, logs are averaged, and
        `extra_batch` is joined in the order of the batch.
    """

    params = layout.gather(state.params)

    def gradient(stats: Params, batch: Batch, key: Key) -> tuple[Params, LossAux]:
        batch = layout.divide_batch(batch)
        grads, aux = microbatch_gradient(params, stats, objective, batch, key)
        grads = layout.divide(grads)
        return grads, aux._replace(
            logs={**aux.logs, "gradient": optax.tree.norm(grads)}
        )

    def accumulate_one(carry: Any, inputs: Any) -> Any:
        stats, total = carry
        microbatch, index = inputs
        grads, aux = gradient(stats, microbatch, jax.random.fold_in(key, index))
        total = jax.tree.map(jnp.add, total, (grads, aux.logs))
        return ({**stats, **aux.stats}, total), aux.extra_batch

    if accumulate == 1:
        return gradient(state.stats, batch, key)
    microbatches = jax.tree.map(lambda x: split(x, accumulate), batch)
    first = jax.tree.map(lambda x: x[0], microbatches)
    shapes, aux = jax.eval_shape(gradient, state.stats, first, key)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), (shapes, aux.logs))
    (stats, total), extra_batch = jax.lax.scan(
        accumulate_one,
        (state.stats, zeros),
        (microbatches, jnp.arange(accumulate)),
    )
    grads, logs = jax.tree.map(lambda x: x / accumulate, total)
    return grads, LossAux(logs, stats, jax.tree.map(join, extra_batch))


def microbatch_gradient(
    params: Params, stats: Params, objective: Objective, batch: Batch, key: Key
) -> tuple[Params, LossAux]:
    """Compute the gradient of an objective with respect to its parts.

    Args:
        params: Parameters, `{part: tree}`.
        stats: Running statistics, `{part: tree}`.
        objective: The objective.
        batch: A batch or microbatch.
        key: PRNG key.

    Returns:
        The gradient, and the auxiliary outputs with `loss` among the logs.
    """

    def loss(parts: Params) -> tuple[Array, LossAux]:
        return objective.loss({**params, **parts}, stats, batch, key)

    parts = trainable_params(params, objective)
    (value, aux), grads = jax.value_and_grad(loss, has_aux=True)(parts)
    return grads, aux._replace(logs={"loss": value, **aux.logs})


def trainable_params(params: Params, objective: Objective) -> Params:
    """Select the parts that an objective updates.

    Args:
        params: Parameters, `{part: tree}`.
        objective: The objective.

    Returns:
        `{part: tree}` of the objective's parts.
    """
    return {part: params[part] for part in objective.parts}


def split(array: Array, count: int) -> Array:
    """Split the batch axis so that each device keeps a part of every microbatch.

    Args:
        array: [b ...].
        count: Number of microbatches.

    Returns:
        [count b/count ...]; microbatch `i` has the examples `i`, `i + count`, ….
    """
    return rearrange(array, "(b n) ... -> n b ...", n=count)


def join(array: Array) -> Array:
    """Undo `split`.

    Args:
        array: [n b ...].

    Returns:
        [(b n) ...].
    """
    return rearrange(array, "n b ... -> (b n) ...")
