"""Checkpoints: state, place in the data, config; written beside the run's steps.

A run killed at any moment finds its latest whole checkpoint, on any number of devices.
"""

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, Self

import grain
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

from avjax.train.step import TrainState

Mode = Literal["min", "max"]


class Notes(NamedTuple):
    """What else a checkpoint holds: the config as JSON, and the best metric so far."""

    config: Mapping[str, Any]
    best: float | None


class Checkpoints:
    """The checkpoints of one run; `with` closes them after the last is on disk."""

    def __init__(self, folder: pathlib.Path, keep: int, mode: Mode | None = None):
        """Keeps the latest `keep` and, under a mode, the one whose metric is best."""
        kept: list[policies.PreservationPolicy] = [policies.LatestN(keep)]
        if mode:
            best = policies.BestN(
                get_metric_fn=_metric,
                reverse=mode == "min",  # the policy keeps the end of its order
                n=1,
                keep_checkpoints_without_metrics=False,
            )
            kept.append(best)
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policies.AnyPreservationPolicy(kept),
            best_fn=mode and _metric,  # without it no metric would be written
            best_mode=mode or "max",
            cleanup_tmp_directories=True,
        )
        self._manager = ocp.CheckpointManager(folder.absolute(), options=options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self._manager.close()  # waits for what is being written

    def latest(self) -> int | None:
        """The step of the latest whole checkpoint."""
        return self._manager.latest_step()

    def save(
        self,
        state: TrainState,
        data: Iterator,
        notes: Notes,
        metric: float | None = None,
    ) -> None:
        """Begins to write; returns when the state may be changed again."""
        parts = ocp.args.Composite(
            state=ocp.args.StandardSave(state),
            data=grain.checkpoint.CheckpointSave(data),
            notes=ocp.args.JsonSave(notes._asdict()),
        )
        metrics = None if metric is None else {"best": metric}
        self._manager.save(int(state.step), args=parts, metrics=metrics, force=True)

    def notes(self, step: int) -> Notes:
        """Config and best metric of a checkpoint, without its arrays."""
        wanted = ocp.args.Composite(notes=ocp.args.JsonRestore())
        return Notes(**self._manager.restore(step, args=wanted)["notes"])

    def restore(self, step: int, shapes: TrainState, data: Iterator) -> TrainState:
        """The state, in the places that `shapes` names; `data` is set to its place."""
        wanted = ocp.args.Composite(
            state=ocp.args.StandardRestore(shapes),
            data=grain.checkpoint.CheckpointRestore(data),
        )
        return self._manager.restore(step, args=wanted)["state"]


def read(
    folder: pathlib.Path, shapes: TrainState, mode: Mode | None
) -> TrainState | None:
    """The best state of a run under `mode`, or else its latest; None without any.

    Only looks: what another process writes there stays as it is.
    """
    options = ocp.CheckpointManagerOptions(
        read_only=True, best_fn=mode and _metric, best_mode=mode or "max"
    )
    with ocp.CheckpointManager(folder.absolute(), options=options) as manager:
        step = manager.best_step()
        step = manager.latest_step() if step is None else step
        if step is None:
            return None
        wanted = ocp.args.Composite(state=ocp.args.StandardRestore(shapes))
        return manager.restore(step, args=wanted)["state"]


def _metric(metrics: Mapping[str, float]) -> float:
    return metrics["best"]
