"""Checks of the data of an experiment, before anything is written."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from avjax.data.loader import DataLoader
from avjax.errors import InputError
from avjax.train import sharding
from avjax.train.compiled import CompiledExperiment
from avjax.train.evaluation import local_eval_batches
from avjax.train.experiment import Experiment
from avjax.train.task import Task


def check_weight(batch: Mapping[str, Any]) -> None:
    """Check that at least one example of a batch has a weight.

    Args:
        batch: The first batch, in numpy.

    Raises:
        InputError: All examples have weight 0.
    """
    if not np.any(batch.get("weight", 1)):
        raise InputError(
            "all examples of the first batch have weight 0, so there is nothing to "
            "train on; examples of clips whose phones are unknown have weight 0"
        )


def validate_batch(task: Task, loader: DataLoader, batch: Mapping[str, Any]) -> None:
    """Check that a batch fits the task, and name the corpus if it does not.

    Args:
        task: The task.
        loader: The loader that the batch is from.
        batch: The first batch of the loader, in numpy.

    Raises:
        InputError: The batch does not fit.
    """
    try:
        task.validate(batch)
    except InputError as error:
        root = getattr(loader, "root", type(loader).__name__)
        raise InputError(f"{root}: {error}") from error


def check_evals(experiment: Experiment, program: CompiledExperiment) -> None:
    """Check, before the first step, that the evaluations will not fail.

    Args:
        experiment: The experiment.
        program: The compiled experiment.

    Raises:
        InputError: A batch does not fit, or `select_by` names an unknown metric.
    """
    metrics, scored_on_host = [], False
    params, stats = program.shapes.params, program.shapes.stats
    for name, loader in experiment.evals.items():
        batch = next(local_eval_batches(loader))
        sharding.check_batch(program.mesh, batch)
        validate_batch(experiment.task, loader, batch)
        numeric = sharding.drop_non_numeric(batch)
        means = jax.eval_shape(experiment.task.evaluate, params, stats, numeric)
        metrics += [f"{name}/{metric}" for metric in means]
        predictions = jax.eval_shape(experiment.task.predict, params, stats, numeric)
        scored_on_host |= bool(predictions)  # the names of its metrics are not known
    selection = experiment.select_by
    if selection and selection[0] not in metrics and not scored_on_host:
        raise InputError(
            f"select_by names '{selection[0]}'; the metrics are {', '.join(metrics)}"
        )
