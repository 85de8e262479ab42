"""Variants of an ablation: each is trained once per seed, and its metrics are kept.

A folder OUT holds, for each variant and seed, the weights OUT/VARIANT-SEED and the
metrics OUT/VARIANT-SEED.json.
"""

import collections
import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from avjax import weights
from avjax.compilation import cpu_options
from avjax.data.loader import Loader
from avjax.errors import InputError
from avjax.metrics.base import Mean
from avjax.train.experiment import Experiment
from avjax.train.init_from import resolve_part, tree_get, tree_set
from avjax.train.optimizers import OptimizerConfig, make_optimizer
from avjax.train.step import TrainState, make_state, make_step
from avjax.train.task import Task
from avjax.train.tasks.parts import variables_of
from avjax.typing import Params, PathLike

SHARED_PART = "module"  # the only part of weights that several variants start from

T = TypeVar("T", bound=Task)


def run_variant(
    folder: pathlib.Path,
    train: Callable[[], tuple[Task, TrainState]],
    evaluate: Callable[[Any, TrainState], dict[str, float]],
) -> None:
    """Train and evaluate a variant, unless its metrics exist already.

    Args:
        folder: Where the weights are written; the metrics are written to the JSON file
            of the same name.
        train: Returns the task and its trained state.
        evaluate: Computes `{metric: value}` from both.
    """
    file = folder.with_name(f"{folder.name}.json")
    if file.is_file():
        return
    task, state = train()
    released = task.export(*jax.device_get((state.params, state.stats)))
    if released is None:
        raise TypeError(f"{type(task).__name__} releases no weights")
    weights.save(
        folder,
        released.params,
        released.stats,
        released.config,
        system=released.system,
        card="A variant of an ablation.\n",
    )
    metrics = evaluate(task, state)
    file.write_text(json.dumps(metrics), encoding="utf-8")
    print(folder.name, metrics, flush=True)


def load_metrics(out: PathLike) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Iterate over the variants that were evaluated.

    Args:
        out: The folder of the variants.

    Yields:
        Variant, seed and `{metric: value}`.
    """
    for file in sorted(pathlib.Path(out).glob("*.json")):
        variant, _, seed = file.stem.rpartition("-")
        yield variant, seed, json.loads(file.read_text(encoding="utf-8"))


def format_means(values: Sequence[Sequence[float] | np.ndarray]) -> list[str]:
    """Format mean and standard deviation over seeds, without NaN.

    Args:
        values: One row of metrics per seed.

    Returns:
        One cell per metric; "-" if no seed has it.
    """
    rows = np.stack([np.asarray(row, float) for row in values])
    cells = []
    for column in rows.T:
        known = column[np.isfinite(column)]
        mean_std = f"{known.mean():.3f} ± {known.std():.3f}" if len(known) else "-"
        cells.append(mean_std)
    return cells


def average(batches: Iterable[Mapping[str, Mean]]) -> dict[str, float]:
    """Average metrics over batches.

    Args:
        batches: `{metric: Mean}` of each batch.

    Returns:
        `{metric: value}`.
    """
    totals = collections.defaultdict(Mean.empty)
    for metrics in batches:
        for name, mean in metrics.items():
            totals[name] = totals[name].merge(mean)
    return {name: mean.compute() for name, mean in totals.items()}


def convert_task(task_class: type[T], task: Task) -> T:
    """Convert a task to a subclass of its class with the same fields.

    Args:
        task_class: The subclass.
        task: The task.

    Returns:
        The converted task.
    """
    fields = dataclasses.fields(task)  # pyright: ignore[reportArgumentType]  # a Task
    return task_class(**{field.name: getattr(task, field.name) for field in fields})


def training_corpus(experiment: Experiment) -> Loader:
    """Return the loader of an experiment's training batches.

    Args:
        experiment: An experiment that trains on one corpus.

    Returns:
        The loader.

    Raises:
        InputError: The experiment trains on something else.
    """
    if not isinstance(experiment.train, Loader):
        raise InputError("the experiment does not train on a single corpus")
    return experiment.train


def load_part(source: PathLike, *path: str) -> dict[str, Params]:
    """Load the variables of one part, or of one module in it.

    Args:
        source: Bundled name, or folder, of weights.
        *path: Name of the part and of the module; empty: the only part.

    Returns:
        The variables, as Flax takes them.
    """
    loaded = weights.load(source)
    part = resolve_part("".join(path[:1]), loaded.params, str(source))
    branches = {
        "params": tree_get(loaded.params, (part, *path[1:])),
        "batch_stats": tree_get(loaded.stats, (part, *path[1:])),
    }
    return jax.tree.map(
        jnp.asarray, {collection: x for collection, x in branches.items() if x}
    )


def load_or_train(
    folder: pathlib.Path, train: Callable[[], Mapping[str, Params]]
) -> dict[str, Params]:
    """Load the variables of a module; train and save them first if they are missing.

    Args:
        folder: Folder of the variables.
        train: Returns the trained variables.

    Returns:
        The variables.
    """
    if not folder.is_dir():
        variables = jax.device_get(train())
        weights.save(
            folder,
            {SHARED_PART: variables["params"]},
            {SHARED_PART: variables["batch_stats"]},
            {},
            system="ablation",
            card="Variables that the variants of one seed start from.\n",
        )
    return load_part(folder)


def part_of_state(state: TrainState, part: str) -> dict[str, Params]:
    """Return the variables of one part of a state."""
    return variables_of(state.params, state.stats, part)


def replace_parts(
    state: TrainState, variables: Mapping[str, Mapping[str, Params]]
) -> TrainState:
    """Replace some parts of a state, or some modules in them.

    Args:
        state: The state.
        variables: `{path: variables}`; a path is a part, or "part/module".

    Returns:
        The new state.
    """
    params, stats = state.params, state.stats
    for name, tree in variables.items():
        params = tree_set(params, name.split("/"), tree["params"])
        if "batch_stats" in tree:
            stats = tree_set(stats, name.split("/"), tree["batch_stats"])
    return state._replace(params=params, stats=stats)


def train(
    task: Task,
    optim: Mapping[str, OptimizerConfig],
    steps: int,
    seed: int,
    initial: Mapping[str, Mapping[str, Params]],
    batches: Iterator[Mapping[str, Any]],
) -> TrainState:
    """Train a task.

    Args:
        task: The task.
        optim: `{objective: optimizer}`.
        steps: Number of steps.
        seed: Seed of the initialisation and of the randomness of the steps.
        initial: `{path: variables}` of the parts, or modules, to start from.
        batches: The batches.

    Returns:
        The last state.
    """
    optimizers = {name: make_optimizer(config, steps) for name, config in optim.items()}
    key, logs = jax.random.key(seed), {}
    state = replace_parts(make_state(task, optimizers, key, {}), initial)
    step = jax.jit(make_step(task, optimizers), compiler_options=cpu_options())
    for _ in range(steps):
        state, logs = step(state, next(batches), key)
    print({name: round(float(x), 5) for name, x in logs.items()}, flush=True)
    return state
