"""The compiled functions of an experiment, and where their arrays live."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from avjax.compilation import cpu_options
from avjax.train.experiment import Experiment
from avjax.train.optimizers import make_optimizer
from avjax.train.parallel import sharding
from avjax.train.parallel.layout import Layout
from avjax.train.step import Logs, Optimizers, TrainState, make_state, make_step
from avjax.train.task import Task
from avjax.typing import Batch, Key, Params


@dataclasses.dataclass(frozen=True)
class CompiledExperiment:
    """An experiment, compiled for a mesh.

    Attributes:
        task: The task of the experiment.
        mesh: The devices.
        key: PRNG key that the randomness of every step is derived from.
        shapes: The state as `ShapeDtypeStruct`s with sharding.
        init: `() -> state` before the first step.
        step: `(state, batch, key) -> (state, logs)`; the old state is donated.
        evaluate: `(params, stats, batch) -> ({metric: Mean}, predictions)`, where the
            predictions are those of `Task.predict`.
        visualize: `(params, stats, batch) -> {name: u8 [t h w c]}`.
    """

    task: Task
    mesh: Mesh
    key: Key
    shapes: TrainState
    init: Callable[[], TrainState]
    step: Callable[[TrainState, Batch, Key], tuple[TrainState, Logs]]
    evaluate: Callable[
        [Params, Params, Batch], tuple[Mapping[str, Any], Mapping[str, Any]]
    ]
    visualize: Callable[[Params, Params, Batch], Mapping[str, Any]]


def build(
    experiment: Experiment, mesh: Mesh, example: Mapping[str, Any]
) -> CompiledExperiment:
    """Make the functions of an experiment, for batches of one shape.

    Args:
        experiment: The experiment.
        mesh: The devices.
        example: A batch, of which only shapes and dtypes are used.

    Returns:
        The functions; each is compiled when it is first called.
    """
    task = experiment.task
    layout = Layout(mesh if mesh.size > 1 else None)
    optimizers = make_optimizers(experiment, layout)
    init_key, step_key = jax.random.split(jax.random.key(experiment.seed))
    numeric = sharding.drop_non_numeric(example)
    spec = {name: (array.shape, array.dtype) for name, array in numeric.items()}

    def init() -> TrainState:
        batch = {name: jnp.zeros(*shape) for name, shape in spec.items()}
        return make_state(task, optimizers, init_key, batch, experiment.ema)

    shapes = jax.eval_shape(init)
    placement = sharding.state_shardings(mesh, shapes)
    replicated, batches = sharding.replicated(mesh), sharding.batch_sharded(mesh)

    def compile_reader(function: Callable) -> Callable:
        """Compile a function of params, stats and a batch."""
        return jax.jit(
            lambda params, stats, batch: function(
                *layout.gather((params, stats)), batch
            ),
            in_shardings=(placement.params, placement.stats, batches),
            out_shardings=replicated,
            compiler_options=cpu_options(),
        )

    return CompiledExperiment(
        task=task,
        mesh=mesh,
        key=step_key,
        shapes=jax.tree.map(with_sharding, shapes, placement),
        init=jax.jit(init, out_shardings=placement),
        step=jax.jit(
            make_step(task, optimizers, experiment.accumulate, layout, experiment.ema),
            donate_argnums=0,
            in_shardings=(placement, batches, replicated),
            out_shardings=(placement, replicated),
            compiler_options=cpu_options(),
        ),
        evaluate=compile_reader(functools.partial(evaluate, task)),
        visualize=compile_reader(task.visualize),
    )


def evaluate(
    task: Task, params: Params, stats: Params, batch: Batch
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Evaluate and predict in one program, in which shared networks run once.

    Args:
        task: The task.
        params: Parameters, `{part: tree}`.
        stats: Running statistics, `{part: tree}`.
        batch: A batch of an evaluation.

    Returns:
        The metrics and the predictions; see `Task.evaluate` and `Task.predict`.
    """
    metrics = task.evaluate(params, stats, batch)
    return metrics, task.predict(params, stats, batch)


def make_optimizers(experiment: Experiment, layout: Layout) -> Optimizers:
    """Make the optimizers of an experiment.

    Args:
        experiment: The experiment.
        layout: Where arrays live.

    Returns:
        `{objective: optimizer}`.
    """
    optimizers = {}
    for name, config in experiment.optim.items():
        optimizer = make_optimizer(config, experiment.steps)
        elementwise = config.elementwise
        optimizers[name] = optimizer if elementwise else layout.gather_for(optimizer)
    return optimizers


def with_sharding(
    shape: jax.ShapeDtypeStruct, placement: jax.sharding.Sharding
) -> jax.ShapeDtypeStruct:
    """Add a sharding to the shape of an array.

    Args:
        shape: Shape and dtype.
        placement: Where the array lives.

    Returns:
        Shape, dtype and sharding.
    """
    return jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=placement)
