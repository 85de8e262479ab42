"""What a run gives away: the weights of its best or last state, without optimizer."""

import pathlib
from collections.abc import Mapping
from typing import Any

import jax

from avjax.inference import weights
from avjax.train import sharding
from avjax.train.experiment import Experiment
from avjax.train.step import TrainState


def publish(
    experiment: Experiment,
    state: TrainState,
    metrics: Mapping[str, float],
    folder: pathlib.Path,
) -> None:
    """Writes the weights that the task publishes; process 0 alone writes."""
    published = getattr(experiment.task, "published", None)
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
            card=card(experiment, int(state.step), metrics),
        )


def gathered(tree: Any) -> Any:
    """Arrays divided over devices -> the same, whole on every device."""
    place = jax.tree.leaves(tree)[0].sharding
    return jax.jit(lambda tree: tree, out_shardings=sharding.everywhere(place.mesh))(
        tree
    )


def card(experiment: Experiment, step: int, metrics: Mapping[str, float]) -> str:
    """For people: what was trained, how long, how well; no path of this machine."""
    lines = [experiment.doc] if experiment.doc else []
    lines += [f"Trained for {step} steps, seed {experiment.seed}."]
    lines += [f"{name}: {value:.5g}" for name, value in metrics.items()]
    return "\n".join(lines) + "\n"
