"""`fit`: restore, step, log, evaluate, save."""

import dataclasses
import itertools
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from avjax.config import to_json
from avjax.data.train_batches import TrainBatches
from avjax.errors import Interrupted
from avjax.media.paths import as_path
from avjax.train.checks import (
    check_evals,
    check_finite,
    check_step,
    explain_failure,
    validate_batch,
)
from avjax.train.compiled import CompiledExperiment, build
from avjax.train.evaluation import evaluate, local_eval_batches, visualize
from avjax.train.experiment import Experiment, check, check_same_run
from avjax.train.init_from import init_from_weights
from avjax.train.monitor.metric_writer import MetricWriter
from avjax.train.monitor.profiling import Profiler
from avjax.train.parallel import hosts, sharding
from avjax.train.parallel.scaling import fit_to_devices, scaling_note
from avjax.train.release import model_card, release
from avjax.train.run.checkpoint import Checkpoints, Notes
from avjax.train.run.files import METRICS_FILE
from avjax.train.run.folder import (
    check_folder,
    check_progress,
    locked_folder,
    save_config,
    write_errors,
)
from avjax.train.run.interruption import InterruptWatch
from avjax.train.run.mirror import Mirror, mirrored
from avjax.train.step import TrainState


def fit(
    experiment: Experiment,
    folder: str | os.PathLike[str],
    arguments: Sequence[str] = (),
) -> TrainState:
    """Train to the last step, from the start or from the latest checkpoint.

    Args:
        experiment: The experiment.
        folder: Folder of the run. It gets checkpoints/, weights/ (the released weights
            with their model card), metrics.jsonl, TensorBoard's events, images/ and
            experiment.json with the config.
        arguments: Name and assignments that `avjax train` was called with, which
            `avjax evaluate` reads from experiment.json.

    Returns:
        The state after the last step.

    Raises:
        InputError: The experiment, its data or the folder cannot be used, or a loss or
            a gradient is not finite.
        Interrupted: Ctrl-C or SIGTERM stopped the run, after its state was saved.
    """
    check(experiment)
    folder = as_path(folder)
    check_folder(folder)
    mesh = sharding.make_mesh(experiment.mesh)
    configured = experiment
    experiment = fit_to_devices(configured, mesh.size)
    batches = TrainBatches(experiment.train, jax.process_index(), jax.process_count())
    example = batches.peek()
    sharding.check_batch(mesh, example, experiment.accumulate)
    validate_batch(experiment.task, experiment.train, example)
    with explain_failure(arguments[1:]):
        program = build(experiment, mesh, example)
        check_step(program, example, arguments[1:])
        check_evals(experiment, program)
    hosts.check_same_config({**to_json(experiment), "out": str(folder)})
    mode = experiment.select_by[1] if experiment.select_by else None
    keep = experiment.keep_checkpoints
    with (
        InterruptWatch() as watch,
        write_errors(folder),
        locked_folder(folder),
        mirrored(folder, [METRICS_FILE]) as mirror,
        Checkpoints(folder / "checkpoints", keep, mode) as checkpoints,
    ):
        state, best = restore_or_init(experiment, program, checkpoints, batches)
        first, last = int(state.step), experiment.steps
        check_progress(first, last, folder)
        save_config(experiment, folder, arguments)
        if first == last:
            return state
        with MetricWriter(mirror.local, first, last, program) as writer:
            writer.print(scaling_note(configured, experiment, mesh.size))
            parts = mirror, program, checkpoints, writer, watch, best
            return TrainLoop(experiment, *parts).run(state, batches)


def restore_or_init(
    experiment: Experiment,
    program: CompiledExperiment,
    checkpoints: Checkpoints,
    batches: TrainBatches,
) -> tuple[TrainState, float | None]:
    """Restore the latest checkpoint, or make the state before the first step.

    Args:
        experiment: The experiment.
        program: The compiled experiment.
        checkpoints: Checkpoints of the run.
        batches: Training batches, which are set to the restored position.

    Returns:
        The state, and the best value so far of the metric of `select_by`.

    Raises:
        InputError: The run was started with another config.
    """
    latest = checkpoints.latest()
    if latest is None:
        return init_from_weights(program, experiment.init_from), None
    notes = checkpoints.notes(latest)
    check_same_run(experiment, notes.config)
    batches.seek(latest if notes.next_batch is None else notes.next_batch)
    return checkpoints.restore(latest, program.shapes), notes.best


@dataclasses.dataclass
class TrainLoop:
    """The loop of one run.

    Attributes:
        experiment: The experiment.
        mirror: Files of the run.
        program: The compiled experiment.
        checkpoints: Checkpoints of the run.
        writer: Writer of metrics and images.
        watch: Tells if a signal asks to stop.
        best: Best value so far of the metric of `select_by`.
    """

    experiment: Experiment
    mirror: Mirror
    program: CompiledExperiment
    checkpoints: Checkpoints
    writer: MetricWriter
    watch: InterruptWatch
    best: float | None

    def run(self, state: TrainState, batches: TrainBatches) -> TrainState:
        """Run all remaining steps.

        Args:
            state: The state to start from.
            batches: Training batches.

        Returns:
            The state after the last step.

        Raises:
            InputError: A loss or a gradient is not finite.
            Interrupted: A signal stopped the run, after its state was saved.
        """
        profiler = Profiler(self.mirror.local, self.experiment.profile)
        for step in range(int(state.step) + 1, self.experiment.steps + 1):
            with self.writer.waiting():
                batch = sharding.to_global(self.program.mesh, next(batches))
            with self.writer.stepping(batch), profiler.tracing(step):
                state, logs = self.program.step(state, batch, self.program.key)
            if jax.default_backend() == "cpu":
                # Queued steps would leave the CPU's devices without threads.
                jax.block_until_ready(state)
            self.writer.advance(batch)
            saved = self.log_eval_save(step, state, logs, batches)
            stop = self.watch.requested(step)
            if stop and step < self.experiment.steps:
                if not saved:
                    self.log(step, logs)
                    self.save(state, batches)
                raise Interrupted(
                    f"saved {self.mirror.folder} at step {step}; the same command "
                    "continues the run",
                    stop,
                )
        return state

    def log_eval_save(
        self,
        step: int,
        state: TrainState,
        logs: Mapping[str, Any],
        batches: TrainBatches,
    ) -> bool:
        """Log, evaluate, release and save, if one of them is due at this step.

        Args:
            step: The step that is finished.
            state: The state after the step.
            logs: Logs of the step.
            batches: Training batches, whose position is saved.

        Returns:
            True if the state was saved.
        """
        last = step == self.experiment.steps
        log_due = last or step % self.experiment.log_every == 0
        eval_due = last or step % self.experiment.evaluate_every == 0
        save_due = last or step % self.experiment.save_every == 0
        if log_due or eval_due or save_due:
            self.log(step, logs)
        metrics = self.evaluate(step, state) if eval_due else {}
        value, is_best = self.is_best(metrics)
        if is_best or (last and not self.experiment.select_by):
            # Before the checkpoint: a run killed between the two repeats both.
            card = model_card(self.experiment, step, metrics, self.writer.hours)
            release(self.experiment, state, self.mirror.local / "weights", card)
        # Before the checkpoint, for the same reason.
        self.mirror.upload(now=eval_due or save_due or is_best)
        if save_due or is_best:
            self.save(state, batches, value)
        return save_due or is_best

    def save(
        self, state: TrainState, batches: TrainBatches, metric: float | None = None
    ) -> None:
        """Save a checkpoint.

        Args:
            state: The state.
            batches: Training batches, whose position is saved.
            metric: Value of the metric of `select_by`, if it was evaluated.
        """
        notes = Notes(to_json(self.experiment), self.best, batches.position)
        self.checkpoints.save(state, notes, metric)

    def log(self, step: int, logs: Mapping[str, Any]) -> None:
        """Write the logs of a step, and stop the run if they are not finite.

        Args:
            step: The step.
            logs: Logs of the step.

        Raises:
            InputError: A loss or a gradient is not finite.
        """
        numbers = {
            f"train/{name}": float(x) for name, x in jax.device_get(logs).items()
        }
        self.writer.write(step, {**numbers, **self.writer.pace()})
        check_finite(step, logs)

    def evaluate(self, step: int, state: TrainState) -> dict[str, float]:
        """Run every evaluation, and write its metrics and images.

        Args:
            step: The step.
            state: The state after the step.

        Returns:
            `{eval/metric: value}`.
        """
        metrics, state = {}, state.averaged()
        for name, loader in self.experiment.evals.items():
            batches = local_eval_batches(loader)
            first = next(batches)
            values = evaluate(self.program, state, itertools.chain([first], batches))
            metrics |= {f"{name}/{metric}": value for metric, value in values.items()}
            images = visualize(self.program, state, first)
            named = {f"{name}_{key}": clip for key, clip in images.items()}
            self.writer.write_images(step, named)
        if metrics:
            self.writer.write(step, metrics)
        self.writer.pace()  # the time spent here does not count for the pace of steps
        return metrics

    def is_best(self, metrics: Mapping[str, float]) -> tuple[float | None, bool]:
        """Compare the metric of `select_by` with its best value so far.

        Args:
            metrics: `{eval/metric: value}`, empty without an evaluation.

        Returns:
            The value, or None if there is no finite one; and True if it is the best.
        """
        if not self.experiment.select_by or not metrics:
            return None, False
        name, mode = self.experiment.select_by
        value = metrics[name]
        if not math.isfinite(value):
            return None, False
        sign = 1.0 if mode == "max" else -1.0
        is_best = self.best is None or sign * value > sign * self.best
        self.best = value if is_best else self.best
        return value, is_best
