"""Evaluate the best state of a training run."""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from jax.experimental import multihost_utils

from avjax.config import differences, leaves, to_json
from avjax.console import format_count, status
from avjax.data.loader import DataLoader
from avjax.errors import InputError
from avjax.train.checks import explain_failure, validate_batch
from avjax.train.compiled import CompiledExperiment, build
from avjax.train.evaluation import evaluate, local_eval_batches
from avjax.train.experiment import Experiment
from avjax.train.init_from import init_from_weights
from avjax.train.parallel import sharding
from avjax.train.parallel.scaling import fit_to_devices
from avjax.train.run.checkpoint import read
from avjax.train.run.folder import EXPERIMENT_FILE
from avjax.train.step import TrainState


class RunEvaluation(NamedTuple):
    """The evaluation of one state of a run.

    Attributes:
        metrics: `{"set/metric": value}`.
        step: Number of finished steps of the state.
        state: Which state it is, in words.
        data: What was measured on, in words; one line for each evaluation set.
    """

    metrics: dict[str, float]
    step: int
    state: str
    data: list[str]


def evaluate_run(experiment: Experiment, folder: pathlib.Path) -> RunEvaluation:
    """Evaluate the best state of a run on all evaluation sets.

    Args:
        experiment: The experiment of the run.
        folder: Folder of the run.

    Returns:
        The metrics, and which state was measured.

    Raises:
        InputError: There is nothing to evaluate, or the data does not fit.
    """
    if not experiment.evals:
        raise InputError("this experiment has no evals, so it cannot be evaluated")
    mesh = sharding.make_mesh(experiment.mesh)
    experiment = fit_to_devices(experiment, mesh.size)
    loader = next(iter(experiment.evals.values()))
    example = next(local_eval_batches(loader))
    with explain_failure(task_changes(experiment, folder)):
        validate_batch(experiment.task, loader, example)
        program = build(experiment, mesh, example)
        state = load_state(experiment, folder, program)
        state = state.averaged()
        metrics, data = evaluate_sets(experiment, program, state)
        step = int(state.step)
        words = describe_state(experiment, folder, step)
        return RunEvaluation(metrics, step, words, data)


def describe_state(experiment: Experiment, folder: pathlib.Path, step: int) -> str:
    """Say in words which state of a run `load_state` has loaded.

    Args:
        experiment: The experiment.
        folder: Folder of the run.
        step: Number of finished steps of the state.
    """
    if not step:
        return "initial weights, without a training step"
    if not (folder / "weights").is_dir():  # written at the first or last evaluation
        return f"step {step}, the latest checkpoint; the run has no weights/ yet"
    if experiment.select_by:
        return f"step {step}, the best by {experiment.select_by[0]}"
    return f"step {step}, the latest checkpoint"


def check_effect(before: Experiment, after: Experiment, folder: pathlib.Path) -> None:
    """Check that changes of the config matter to an evaluation.

    Args:
        before: The experiment of the run.
        after: The changed experiment.
        folder: Folder of the run. With a checkpoint there, initial weights do not
            matter.

    Raises:
        InputError: A changed field does not matter.
    """
    fields = ["task", "evals", "select_by", "mesh", "dtype"]
    if not (folder / "checkpoints").is_dir():
        fields.append("init_from")
    for path in differences(to_json(before), to_json(after)):
        if path.partition(".")[0] not in fields:
            raise InputError(
                f"{path} has no effect on an evaluation; only changes of "
                f"{', '.join(fields)} have"
            )


def on_split(experiment: Experiment, split: str) -> Experiment:
    """Let an experiment evaluate another split of the same corpora.

    Args:
        experiment: The experiment.
        split: The split, such as "test". A slice of the split before it is kept:
            "val[:40]" becomes "test[:40]".

    Returns:
        The experiment. A single evaluation set has the name of the split.

    Raises:
        InputError: A loader has no field `split`, or there are no evaluations.
    """
    evals = {}
    loaders: Mapping[str, Any] = experiment.evals
    for name, loader in loaders.items():
        if not hasattr(loader, "split"):
            raise InputError(f"the loader evals.{name} reads no split of a corpus")
        part = "" if "[" in split else "".join(loader.split.partition("[")[1:])
        key = split.partition("[")[0] if len(experiment.evals) == 1 else name
        evals[key] = dataclasses.replace(loader, split=split + part)
    return dataclasses.replace(experiment, evals=evals)


def evaluate_sets(
    experiment: Experiment, program: CompiledExperiment, state: TrainState
) -> tuple[dict[str, float], list[str]]:
    """Evaluate a state on all evaluation sets.

    Args:
        experiment: The experiment.
        program: The compiled experiment.
        state: The state.

    Returns:
        {"set/metric": value}, and what was measured on, in words.
    """
    metrics, data = {}, []
    with status("evaluating"):
        for name, loader in experiment.evals.items():
            batches = CountedBatches(local_eval_batches(loader))
            values = evaluate(program, state, batches)
            metrics |= {f"{name}/{key}": value for key, value in values.items()}
            data.append(describe_set(name, loader, batches.total()))
    return metrics, data


class CountedBatches:
    """Batches of this process, which counts their examples."""

    def __init__(self, batches: Iterable[Mapping[str, Any]]):
        """Keep the batches.

        Args:
            batches: The batches, in numpy. Examples of weight 0 are padding.
        """
        self._batches, self._count = batches, 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for batch in self._batches:
            weights = batch.get("weight", np.ones(len(next(iter(batch.values())))))
            self._count += int(np.count_nonzero(weights))
            yield batch

    def total(self) -> int:
        """Return the number of examples so far, over all processes."""
        return int(np.sum(multihost_utils.process_allgather(np.array(self._count))))


def describe_set(name: str, loader: DataLoader, examples: int) -> str:
    """Say in words what an evaluation set was measured on.

    Args:
        name: Name of the set.
        loader: Its loader.
        examples: Number of examples.
    """
    split, root = getattr(loader, "split", ""), getattr(loader, "root", "")
    count = format_count(examples, "example")
    if not split or not root:
        return f"set {name}: {count}"
    is_same = split.partition("[")[0] == name
    place = f"split {split}" if is_same else f"set {name}, read from split {split}"
    return f"{place} of {root}: {count}"


def task_changes(experiment: Experiment, folder: pathlib.Path) -> list[str]:
    """List the fields of the task that differ from those of a run.

    Args:
        experiment: The experiment.
        folder: Folder of the run, which may not exist.

    Returns:
        Texts "path=value (the run has value)".
    """
    file = folder / EXPERIMENT_FILE
    if not file.is_file():
        return []
    stored, current = json.loads(file.read_text())["config"], to_json(experiment)
    before, after = dict(leaves(stored)), dict(leaves(current))
    return [
        f"{path}={after.get(path)} (the run has {before.get(path)})"
        for path in differences(stored, current)
        if path.startswith("task.")
    ]


def load_state(
    experiment: Experiment, folder: pathlib.Path, program: CompiledExperiment
) -> TrainState:
    """Load the state to evaluate: the best checkpoint, or the initial weights.

    Args:
        experiment: The experiment of the run.
        folder: Folder of the run.
        program: The compiled experiment.

    Returns:
        The state.

    Raises:
        InputError: There is no checkpoint, and not all initial weights are given.
    """
    checkpoints = folder / "checkpoints"
    mode = experiment.select_by[1] if experiment.select_by else None
    if checkpoints.is_dir():
        state = read(checkpoints, program.shapes, mode)
        if state is not None:
            return state
    # The first objective trains the system itself; later ones may train discriminators.
    parts = set(experiment.task.objectives()[0].parts)
    if not parts <= set(experiment.init_from):
        if (folder / EXPERIMENT_FILE).is_file():
            raise InputError(
                f"{folder} has no checkpoint yet: continue the run with avjax train"
            )
        missing = ", ".join(sorted(parts - set(experiment.init_from)))
        raise InputError(f"no checkpoint in {folder}, and no init_from for {missing}")
    return init_from_weights(program, experiment.init_from)
