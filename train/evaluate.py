"""A pass over a loader: metrics that add."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

from avjax.train import sharding
from avjax.train.compiled import Program
from avjax.train.step import TrainState


def evaluate(
    program: Program, state: TrainState, batches: Iterable[Mapping[str, Any]]
) -> dict[str, float]:
    """{metric: weighted mean over all examples}; padding counts for nothing."""
    totals: dict[str, np.ndarray] = {}
    for host_batch in batches:
        sharding.check_batch(program.mesh, host_batch)
        batch = sharding.to_global(program.mesh, host_batch)
        given = state.params, state.stats, batch
        means, answer = jax.device_get(program.measure(*given))
        if answer:
            means |= program.score(answer)
        for name, mean in means.items():
            pair = np.array([mean.total, mean.weight], np.float64)
            totals[name] = totals.get(name, 0.0) + pair
    return {
        name: float(total / weight) if weight else float("nan")
        for name, (total, weight) in totals.items()
    }


def pictures(
    program: Program, state: TrainState, host_batch: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """{name: u8 [t h w c]} of a batch; nothing if the task draws nothing."""
    if program.picture is None:
        return {}
    batch = sharding.to_global(program.mesh, host_batch)
    return jax.device_get(program.picture(state.params, state.stats, batch))
