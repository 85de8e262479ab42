"""fit: restore, step, log, evaluate, save; nothing else."""

import dataclasses
import itertools
import json
import math
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from avjax.config import to_json
from avjax.errors import InputError
from avjax.train import loading, sharding
from avjax.train.checkpoint import Checkpoints, Notes
from avjax.train.compiled import Program, build, first_state
from avjax.train.evaluate import evaluate, pictures
from avjax.train.experiment import Experiment, check, check_same_run
from avjax.train.metric_writer import Journal
from avjax.train.release import card, publish
from avjax.train.step import TrainState
from avjax.train.task import Task

ASKED = "experiment.json"


def fit(
    experiment: Experiment, folder: pathlib.Path, asked: Sequence[str] = ()
) -> TrainState:
    """Trains to the end, from the start or from where a killed run stopped.

    folder gets checkpoints/, weights/, journal.jsonl, TensorBoard's events, and in
    experiment.json the config with the words (name, assignments) that asked for it.
    """
    check(experiment)
    mesh = sharding.make_mesh(experiment.mesh)
    data = loading.batches(experiment.train)
    example = loading.peek(data)
    sharding.check_batch(mesh, example, experiment.accumulate)
    check_weight(example)
    check_sides(experiment.task, experiment.train, example)
    program = build(experiment, mesh, example)
    check_evals(experiment, program)
    mode = experiment.best[1] if experiment.best else None
    make_folder(folder)
    with Checkpoints(folder / "checkpoints", experiment.keep, mode) as checkpoints:
        state, best = begin(experiment, program, checkpoints, data)
        write_asked(experiment, folder, asked)
        with Journal(folder, int(state.step), experiment.steps) as journal:
            run = Run(experiment, folder, program, checkpoints, journal, best)
            return run.go(state, data)


def check_weight(batch: Mapping) -> None:
    """Refuses a batch that teaches nothing: each of its examples weighs 0."""
    if not np.any(batch.get("weight", 1)):
        raise InputError(
            "the first batch holds nothing that this recipe can use: all of its "
            "examples weigh 0, as clips do whose phones are not known"
        )


def check_sides(task: Task, loader: Any, batch: Mapping) -> None:
    """Refuses faces of another size than the model's, where it has one."""
    wanted = getattr(getattr(task, "model", None), "size", None)
    for name in {"faces", "window"} & set(batch):
        found = batch[name].shape[-2]
        if wanted not in (None, found):
            told = f"faces are {found} pixels wide, and {wanted} what the model takes"
            remedy = f"give task.model.size={found}, or build one of --size {wanted}"
            raise InputError(f"{loader.root}: {told}; {remedy}")


def check_evals(experiment: Experiment, program: Program) -> None:
    """Refuses before the first step what would else fail at the first evaluation."""
    measured = []
    for name, loader in experiment.evals.items():
        batch = next(loading.one_pass(loader))
        sharding.check_batch(program.mesh, batch)
        check_sides(experiment.task, loader, batch)
        shapes = program.shapes.params, program.shapes.stats
        means = jax.eval_shape(
            experiment.task.measure, *shapes, sharding.numeric(batch)
        )
        measured += [f"{name}/{metric}" for metric in means]
    scored = program.score is not None  # what a host scores is not known before
    if experiment.best and experiment.best[0] not in measured and not scored:
        told = ", ".join(measured)
        raise InputError(f"best names '{experiment.best[0]}'; measured are {told}")


def begin(
    experiment: Experiment, program: Program, checkpoints: Checkpoints, data: Iterator
) -> tuple[TrainState, float | None]:
    """The state to go on from, and the best metric so far; sets `data` to its place."""
    latest = checkpoints.latest()
    if latest is None:
        return first_state(program, experiment.start), None
    notes = checkpoints.notes(latest)
    check_same_run(experiment, notes.config)
    return checkpoints.restore(latest, program.shapes, data), notes.best


def make_folder(folder: pathlib.Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write into {folder}: {error.strerror}") from error


def write_asked(
    experiment: Experiment, folder: pathlib.Path, asked: Sequence[str]
) -> None:
    """Keeps what was asked for beside the run, for `avjax evaluate` and for people."""
    if jax.process_index() == 0:
        kept = {"asked": list(asked), "config": to_json(experiment)}
        beside = folder / f"{ASKED}.tmp"
        beside.write_text(json.dumps(kept, indent=1) + "\n")
        os.replace(beside, folder / ASKED)


@dataclasses.dataclass
class Run:
    """A run under way; `best` is the best value so far of the metric that judges it."""

    experiment: Experiment
    folder: pathlib.Path
    program: Program
    checkpoints: Checkpoints
    journal: Journal
    best: float | None

    def go(self, state: TrainState, data: Iterator) -> TrainState:
        """Steps to the end."""
        on_cpu = jax.default_backend() == "cpu"
        for step in range(int(state.step) + 1, self.experiment.steps + 1):
            with self.journal.waiting():
                batch = sharding.to_global(self.program.mesh, next(data))
            state, logs = self.program.step(state, batch, self.program.key)
            if on_cpu:  # steps that pile up starve the devices of a CPU of threads
                jax.block_until_ready(state)
            self.journal.advance()
            self.look_up(step, state, logs, data)
        return state

    def look_up(
        self, step: int, state: TrainState, logs: Mapping, data: Iterator
    ) -> None:
        """Logs, evaluates and saves, where one of them is due."""
        log, judge, save = (
            step == self.experiment.steps or step % every == 0
            for every in (
                self.experiment.log_every,
                self.experiment.evaluate_every,
                self.experiment.save_every,
            )
        )
        if log or judge or save:
            self.log(step, logs)
        metrics = self.judge(step, state) if judge else {}
        metric, better = self.compare(metrics)
        if better or (step == self.experiment.steps and not self.experiment.best):
            # Before the checkpoint: a run killed in between does both again.
            about = card(self.experiment, step, metrics, self.journal.hours)
            publish(self.experiment.task, state, self.folder / "weights", about)
        if save or better:
            notes = Notes(to_json(self.experiment), self.best)
            self.checkpoints.save(state, data, notes, metric)

    def log(self, step: int, logs: Mapping) -> None:
        """Writes what the objectives reported; stops a run whose numbers broke down."""
        numbers = {
            f"train/{name}": float(x) for name, x in jax.device_get(logs).items()
        }
        self.journal.write(step, {**numbers, **self.journal.pace()})
        for name, number in numbers.items():
            # Other logs may have reasons of their own: the mean of nothing, say.
            if name.endswith(("/loss", "/gradient")) and not math.isfinite(number):
                raise InputError(
                    f"{name} is {number} at step {step}, so nothing was saved of it; "
                    "a new run with a lower rate or a clipped gradient may hold"
                )

    def judge(self, step: int, state: TrainState) -> dict[str, float]:
        """{eval/metric: value} over every eval, and a picture of each."""
        metrics = {}
        for name, loader in self.experiment.evals.items():
            batches = loading.one_pass(loader)
            first = next(batches)
            found = evaluate(self.program, state, itertools.chain([first], batches))
            metrics |= {f"{name}/{metric}": value for metric, value in found.items()}
            drawn = pictures(self.program, state, first)
            self.journal.show(
                step, {f"{name}_{key}": clip for key, clip in drawn.items()}
            )
        if metrics:
            self.journal.write(step, metrics)
        self.journal.pace()  # time spent here is no part of the pace of steps
        return metrics

    def compare(self, metrics: Mapping[str, float]) -> tuple[float | None, bool]:
        """The metric that the run is judged by, and whether it was never better."""
        if not self.experiment.best or not metrics:
            return None, False
        name, mode = self.experiment.best
        value = metrics[name]
        sign = 1.0 if mode == "max" else -1.0
        better = math.isfinite(value) and (
            self.best is None or sign * value > sign * self.best
        )
        self.best = value if better else self.best
        return (value if math.isfinite(value) else None), better
