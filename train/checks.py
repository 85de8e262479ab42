"""Checks of the data of an experiment, before anything is written."""

import contextlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax

from avjax.data.loader import DataLoader
from avjax.errors import InputError
from avjax.train.compiled import CompiledExperiment
from avjax.train.evaluation import local_eval_batches
from avjax.train.experiment import Experiment
from avjax.train.parallel import sharding
from avjax.train.task import Task


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


@contextlib.contextmanager
def explain_failure(assignments: Sequence[str]) -> Iterator[None]:
    """Name the changes of the config when a network cannot be built with them.

    Args:
        assignments: Changes of the config, "path=value". Without any of the task or of
            the data, an error is a defect, and it keeps its traceback.

    Yields:
        Nothing.

    Raises:
        InputError: The block failed.
    """
    changes = network_changes(assignments)
    try:
        yield
    except InputError:
        raise
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as e:
        if not changes:
            raise
        reason = re.split(r"\.\s|\n", str(e).strip())[0] or type(e).__name__
        raise InputError(
            f"the experiment cannot be used with {' '.join(changes)}: {reason}"
        ) from e


def network_changes(assignments: Sequence[str]) -> list[str]:
    """Return the changes of the config that a network may not be built with.

    Args:
        assignments: Changes of the config, "path=value".

    Returns:
        Those of the task and of the data.
    """
    return [x for x in assignments if x.startswith(("task.", "train.", "evals."))]


def check_step(
    program: CompiledExperiment, example: Mapping[str, Any], assignments: Sequence[str]
) -> None:
    """Trace the training step of a changed experiment, before anything is written.

    Args:
        program: The compiled experiment.
        example: A batch, of which only shapes and dtypes are used.
        assignments: Changes of the config, "path=value".
    """
    if not network_changes(assignments):
        return
    numeric = sharding.drop_non_numeric(example)
    jax.eval_shape(program.step, program.shapes, numeric, program.key)


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


def check_finite(step: int, logs: Mapping[str, Any]) -> None:
    """Check the losses and gradients of a step.

    Args:
        step: The step.
        logs: Logs of the step.

    Raises:
        InputError: A loss or a gradient is not finite.
    """
    for name, number in logs.items():
        # Other logs may be NaN for a reason, for instance the mean of nothing.
        if name.endswith(("/loss", "/gradient")) and not math.isfinite(number):
            raise InputError(
                f"{name} is {number} at step {step}, so this state was not saved; "
                "try a new run with a lower learning_rate or with max_grad_norm"
            )
