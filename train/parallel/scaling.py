"""The experiment that a number of devices runs: its types, batches, learning rates."""

import dataclasses
import math
from typing import Any

from avjax.config import replace_all
from avjax.console import format_count
from avjax.errors import InputError
from avjax.train.experiment import Experiment


def fit_to_devices(experiment: Experiment, devices: int) -> Experiment:
    """Derive what an experiment leaves to the number of devices.

    The result is the same if it is derived again.

    Args:
        experiment: The experiment as it was configured.
        devices: Number of devices of the mesh.

    Returns:
        The experiment with `dtype` in the configs of its models, with a global batch
        and learning rates by `min_batch_per_device`, and with evaluation batches that
        are a multiple of the devices; padding has weight 0.

    Raises:
        InputError: The loader has no batch size that could be changed.
    """
    if experiment.dtype is not None:
        task = replace_all(experiment.task, dtype=experiment.dtype)
        experiment = dataclasses.replace(experiment, task=task)
    evals = {
        name: with_batch_size(loader, round_up(batch_size_of(loader), devices))
        for name, loader in experiment.evals.items()
        if batch_size_of(loader)
    }
    experiment = dataclasses.replace(experiment, evals={**experiment.evals, **evals})
    return with_global_batch(experiment, devices)


def with_global_batch(experiment: Experiment, devices: int) -> Experiment:
    """Enlarge the global batch until each device has its smallest share.

    Args:
        experiment: The experiment.
        devices: Number of devices of the mesh.

    Returns:
        The experiment with the batch, and with learning rates by `scale_rate`.

    Raises:
        InputError: The loader has no batch size that could be changed.
    """
    if not experiment.min_batch_per_device:
        return experiment
    batch = batch_size_of(experiment.train)
    if not batch:
        raise InputError(
            "min_batch_per_device needs a loader with the field batch_size, and "
            f"{type(experiment.train).__name__} has none"
        )
    shares = devices * experiment.accumulate
    size = round_up(max(batch, experiment.min_batch_per_device * shares), shares)
    return dataclasses.replace(
        experiment,
        train=with_batch_size(experiment.train, size),
        optim={
            name: scale_rate(optimizer, size / batch)
            for name, optimizer in experiment.optim.items()
        },
    )


def scale_rate(optimizer: Any, factor: float) -> Any:
    """Scale a learning rate for a larger batch, by the rule of the optimizer.

    Args:
        optimizer: Config of the optimizer, see `OptimizerConfig.batch_exponent`.
        factor: Size of the batch over the size that the learning rate was chosen for.

    Returns:
        The config with another learning rate.
    """
    rate = optimizer.learning_rate * factor**optimizer.batch_exponent
    return dataclasses.replace(optimizer, learning_rate=rate)


def scaling_note(before: Experiment, after: Experiment, devices: int) -> str:
    """Say how the batch and the learning rates of an experiment were derived.

    Args:
        before: The experiment as it was configured.
        after: The derived experiment.
        devices: Number of devices of the mesh.

    Returns:
        One sentence; empty if the batch is as configured.
    """
    sizes = batch_size_of(before.train), batch_size_of(after.train)
    if sizes[0] == sizes[1]:
        return ""
    factors = {
        f"{optimizer.learning_rate / before.optim[name].learning_rate:.3g}"
        for name, optimizer in after.optim.items()
        if before.optim[name].learning_rate
    }
    return (
        f"batch {sizes[1]} instead of {sizes[0]}, for "
        f"{format_count(devices, 'device')} "
        f"(min_batch_per_device={before.min_batch_per_device}); learning rates "
        f"x {', '.join(sorted(factors))}; min_batch_per_device=0 keeps {sizes[0]}"
    )


def batch_size_of(loader: Any) -> int:
    """Return the field `batch_size` of a loader, or 0 if it has none."""
    if not dataclasses.is_dataclass(loader):
        return 0
    return getattr(loader, "batch_size", 0)


def with_batch_size(loader: Any, size: int) -> Any:
    """Return a loader with another `batch_size`."""
    return dataclasses.replace(loader, batch_size=size)


def round_up(number: int, multiple: int) -> int:
    """Round a number up to a multiple."""
    return math.ceil(number / multiple) * multiple
