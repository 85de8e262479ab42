"""Checkpoints: the state, the position in the data, and the config.

A run killed at any moment finds its latest complete checkpoint and can continue on any
number of devices and processes: arrays are stored whole, and the position in the data
is a number of batches.
"""

import logging
import pathlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Self

import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

from avjax.media.paths import is_remote
from avjax.train.step import TrainState

Mode = Literal["min", "max"]

# Orbax warns about each checkpoint between two evaluations, which has no metric.
logging.getLogger("absl").addFilter(
    lambda record: "`tracked_metric`" not in record.getMessage()
)


class Notes(NamedTuple):
    """Plain values that a checkpoint holds in addition to its arrays.

    Attributes:
        config: Config of the experiment, as `to_json` wrote it.
        best: Best value so far of the metric of `select_by`.
        next_batch: Number of training batches before the next one. None: the
            checkpoint is of an older version, which had one batch for each step.
    """

    config: Mapping[str, Any]
    best: float | None = None
    next_batch: int | None = None


class Checkpoints:
    """The checkpoints of one run, as a context manager.

    Leaving the context waits until the last checkpoint is on disk.
    """

    def __init__(self, folder: pathlib.Path, keep: int, mode: Mode | None = None):
        """Open the folder of checkpoints.

        Args:
            folder: The folder.
            keep: Number of latest checkpoints that are kept.
            mode: Direction of the metric; the checkpoint with its best value is kept in
                addition. None: there is no metric.
        """
        kept_policies: list[policies.PreservationPolicy] = [policies.LatestN(keep)]
        if mode:
            best = policies.BestN(
                get_metric_fn=_metric,
                reverse=mode == "min",  # the policy keeps the end of its order
                n=1,
                keep_checkpoints_without_metrics=False,
            )
            kept_policies.append(best)
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policies.AnyPreservationPolicy(kept_policies),
            best_fn=_metric if mode else None,  # without it no metric would be written
            best_mode=mode or "max",
            cleanup_tmp_directories=True,
        )
        self._manager = ocp.CheckpointManager(absolute(folder), options=options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self._manager.close()  # waits for a checkpoint that is being written

    def latest(self) -> int | None:
        """Find the latest complete checkpoint.

        Returns:
            Its step, or None if there is none.
        """
        return self._manager.latest_step()

    def save(
        self,
        state: TrainState,
        notes: Notes,
        metric: float | None = None,
    ) -> None:
        """Start to write a checkpoint.

        The call returns when the state may be changed again.

        Args:
            state: The state.
            notes: Config, best metric and position in the data.
            metric: Value of the metric at this step, if it was evaluated.
        """
        items = ocp.args.Composite(
            state=ocp.args.StandardSave(state),
            notes=ocp.args.JsonSave(notes._asdict()),
        )
        metrics = None if metric is None else {"best": metric}
        self._manager.save(int(state.step), args=items, metrics=metrics, force=True)

    def notes(self, step: int) -> Notes:
        """Read the notes of a checkpoint, without its arrays.

        Args:
            step: Step of the checkpoint.

        Returns:
            The notes.
        """
        items = ocp.args.Composite(notes=ocp.args.JsonRestore())
        return Notes(**self._manager.restore(step, args=items)["notes"])

    def restore(self, step: int, shapes: TrainState) -> TrainState:
        """Restore a checkpoint.

        Args:
            step: Step of the checkpoint.
            shapes: Shapes of the state, with the sharding to restore to.

        Returns:
            The state.
        """
        items = ocp.args.Composite(state=ocp.args.StandardRestore(shapes))
        return self._manager.restore(step, args=items)["state"]


def read(
    folder: pathlib.Path, shapes: TrainState, mode: Mode | None
) -> TrainState | None:
    """Read the best state of a run, without changing anything in its folder.

    Args:
        folder: Folder of the checkpoints.
        shapes: Shapes of the state, with the sharding to restore to.
        mode: Direction of the metric; None reads the latest state.

    Returns:
        The state, or None if there is no checkpoint.
    """
    options = ocp.CheckpointManagerOptions(
        read_only=True,
        best_fn=_metric if mode else None,
        best_mode=mode or "max",
    )
    with ocp.CheckpointManager(absolute(folder), options=options) as manager:
        step = manager.best_step()
        step = manager.latest_step() if step is None else step
        if step is None:
            return None
        items = ocp.args.Composite(state=ocp.args.StandardRestore(shapes))
        return manager.restore(step, args=items)["state"]


def absolute(folder: pathlib.Path) -> pathlib.Path:
    """Make a folder absolute, as Orbax wants it; a URL is.

    Args:
        folder: The folder.
    """
    return folder if is_remote(folder) else folder.absolute()


def _metric(metrics: Mapping[str, float]) -> float:
    return metrics["best"]
