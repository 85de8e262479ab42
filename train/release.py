"""What a run gives away: the weights of its best or last state, without optimizer."""

import math
import pathlib
from collections.abc import Mapping
from typing import Any

import jax

from avjax import weights
from avjax.config import to_json
from avjax.train import sharding
from avjax.train.experiment import Experiment
from avjax.train.step import TrainState
from avjax.train.task import Task


def publish(task: Task, state: TrainState, folder: pathlib.Path, about: str) -> None:
    """Writes the weights that the task publishes; process 0 alone writes."""
    published = getattr(task, "published", None)
    if published is None:
        return
    params, stats = jax.device_get(gathered((state.params, state.stats)))
    if jax.process_index() == 0:
        given = published(params, stats)
        weights.save(
            folder,
            given.params,
            given.stats,
            given.config,
            system=given.system,
            card=about,
        )


def gathered(tree: Any) -> Any:
    """Arrays divided over devices -> the same, whole on every device."""
    place = jax.tree.leaves(tree)[0].sharding
    return jax.jit(lambda tree: tree, out_shardings=sharding.everywhere(place.mesh))(
        tree
    )


def card(
    experiment: Experiment, step: int, metrics: Mapping[str, float], hours: float
) -> str:
    """For people: what was trained, on what, how long, how well.

    Of what the data does not tell, such as when which sound is said, it is silent.
    """
    train = to_json(experiment.train)
    data = ", ".join(f"{key} {train[key]}" for key in ("root", "split") if key in train)
    lines = [experiment.doc] if experiment.doc else []
    lines += [f"Data: {data}."] if data else []
    lines += [f"Seed {experiment.seed}, {step} steps, {hours:.2f} hours."]
    known = {name: value for name, value in metrics.items() if math.isfinite(value)}
    lines += [f"{name}: {value:.5g}" for name, value in known.items()]
    return "\n".join(lines) + "\n"
