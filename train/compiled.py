"""The compiled functions of an experiment, and where their arrays live."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from avjax.compilation import cpu_options
from avjax.train import sharding
from avjax.train.experiment import Experiment
from avjax.train.optimizers import make_optimizer
from avjax.train.step import Logs, TrainState, make_state, make_step
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
    steps, optim = experiment.steps, experiment.optim
    optimizers = {name: make_optimizer(config, steps) for name, config in optim.items()}
    init_key, step_key = jax.random.split(jax.random.key(experiment.seed))
    numeric = sharding.drop_non_numeric(example)
    spec = {name: (array.shape, array.dtype) for name, array in numeric.items()}

    def init() -> TrainState:
        batch = {name: jnp.zeros(*shape) for name, shape in spec.items()}
        return make_state(task, optimizers, init_key, batch)

    shapes = jax.eval_shape(init)
    placement = sharding.state_shardings(mesh, shapes)
    replicated, batches = sharding.replicated(mesh), sharding.batch_sharded(mesh)

    def evaluate(
        params: Params, stats: Params, batch: Batch
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Run both in one program, in which a network that both need runs once."""
        metrics = task.evaluate(params, stats, batch)
        return metrics, task.predict(params, stats, batch)

    def compile_reader(function: Callable) -> Callable:
        """Compile a function of params, stats and a batch."""
        return jax.jit(
            function,
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
            make_step(task, optimizers, experiment.accumulate),
            donate_argnums=0,
            in_shardings=(placement, batches, replicated),
            out_shardings=(placement, replicated),
            compiler_options=cpu_options(),
        ),
        evaluate=compile_reader(evaluate),
        visualize=compile_reader(task.visualize),
    )


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
