"""One pass over a loader: metrics as weighted means, and images."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from avjax.data.loader import DataLoader
from avjax.train.compiled import CompiledExperiment
from avjax.train.parallel import sharding
from avjax.train.step import TrainState


def local_eval_batches(loader: DataLoader) -> Iterator[Mapping[str, Any]]:
    """Iterate once over this process's part of the evaluation batches.

    Args:
        loader: The loader.

    Returns:
        An iterator over batches in numpy.
    """
    return loader.eval_batches(jax.process_index(), jax.process_count())


def evaluate(
    program: CompiledExperiment,
    state: TrainState,
    batches: Iterable[Mapping[str, Any]],
) -> dict[str, float]:
    """Evaluate a state on all batches of a loader.

    Args:
        program: The compiled experiment.
        state: The state to evaluate.
        batches: Batches of this process, in numpy.

    Returns:
        `{metric: weighted mean over all examples}`. Padding has weight 0; a metric
        without any weight is NaN.
    """
    totals: dict[str, np.ndarray] = {}
    for host_batch in batches:
        sharding.check_batch(program.mesh, host_batch)
        batch = sharding.to_global(program.mesh, host_batch)
        metrics, predictions = jax.device_get(
            program.evaluate(state.params, state.stats, batch)
        )
        if predictions:
            metrics |= program.task.score(predictions)
        for name, mean in metrics.items():
            pair = np.array([mean.total, mean.weight], np.float64)
            totals[name] = totals.get(name, 0.0) + pair
    return {
        name: float(total / weight) if weight else float("nan")
        for name, (total, weight) in totals.items()
    }


def split_missing(metrics: Mapping[str, float]) -> tuple[dict[str, float], list[str]]:
    """Separate the metrics that have a value from those that are NaN.

    Args:
        metrics: `{metric: value}`.

    Returns:
        The metrics with a value; and the names of the others: no example counts for
        them, or their value is not a number.
    """
    missing = [name for name, value in metrics.items() if math.isnan(value)]
    return {name: metrics[name] for name in metrics if name not in missing}, missing


def visualize(
    program: CompiledExperiment, state: TrainState, host_batch: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Create the images of one batch.

    Args:
        program: The compiled experiment.
        state: The state of the run.
        host_batch: A batch of this process, in numpy.

    Returns:
        `{name: u8 [t h w c]}`. Empty if the task has no images.
    """
    batch = sharding.to_global(program.mesh, host_batch)
    return dict(jax.device_get(program.visualize(state.params, state.stats, batch)))
