"""The released weights of a run: those of its best or last state, without optimizer."""

import math
import pathlib
from collections.abc import Mapping
from typing import Any

import jax

from avjax import weights
from avjax.config import replace_all, to_json
from avjax.train.experiment import Experiment
from avjax.train.parallel import sharding
from avjax.train.step import TrainState
from avjax.weights_folders import describe_bases


def release(
    experiment: Experiment, state: TrainState, folder: pathlib.Path, card: str
) -> None:
    """Write the weights that a task exports. Only process 0 writes.

    They are averages if the run has some. Their config has products in float32 and
    keeps activations: how they were trained does not bind those who use them.

    Args:
        experiment: The experiment.
        state: The state whose weights are released.
        folder: Folder to write.
        card: Text of the model card. It is continued by the weights that the released
            parts started from, and their licences.
    """
    state = state.averaged()
    params, stats = jax.device_get(gather((state.params, state.stats)))
    if jax.process_index() != 0:
        return
    released = experiment.task.export(params, stats)
    if released is not None:
        bases = [
            source
            for name, source in experiment.init_from.items()
            if name.partition("/")[0] in released.params
        ]
        weights.save(
            folder,
            released.params,
            released.stats,
            replace_all(released.config, dtype="float32", remat=()),
            system=released.system,
            card="\n".join([*card.splitlines(), *describe_bases(bases)]) + "\n",
        )


def gather(tree: Any) -> Any:
    """Replicate arrays that are divided over devices.

    Args:
        tree: Arrays on the devices of one mesh.

    Returns:
        The same arrays, each whole on every device.
    """
    mesh = jax.tree.leaves(tree)[0].sharding.mesh
    replicate = jax.jit(lambda tree: tree, out_shardings=sharding.replicated(mesh))
    return replicate(tree)


def model_card(
    experiment: Experiment, step: int, metrics: Mapping[str, float], hours: float
) -> str:
    """Write the model card: description, data, seed, duration, metrics and score.

    Args:
        experiment: The experiment.
        step: Number of steps that the weights were trained for.
        metrics: `{eval/metric: value}`. Non-finite metrics are omitted.
        hours: Duration of the run.

    Returns:
        The text, one fact a line.
    """
    train = to_json(experiment.train)
    data = ", ".join(f"{key} {train[key]}" for key in ("root", "split") if key in train)
    lines = [experiment.description] if experiment.description else []
    lines += [f"Data: {data}."] if data else []
    lines += [f"Seed {experiment.seed}, {step} steps, {hours:.2f} hours."]
    finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
    lines += [f"{name}: {value:.5g}" for name, value in finite.items()]
    corpus = pathlib.PurePath(str(train.get("root", ""))).name
    lines += [f"Trained on: {corpus}."] if corpus else []
    best = experiment.select_by[0] if experiment.select_by else ""
    lines += [f"Score: {best} {finite[best]:.5g}."] if best in finite else []
    return "\n".join(lines) + "\n"
