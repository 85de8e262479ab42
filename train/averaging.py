"""Averages of the weights over the last steps (EMA), for evaluation and release.

Source: Polyak and Juditsky, 1992; the short average of the first steps is that of
TensorFlow's `ExponentialMovingAverage`.
"""

import jax
import jax.numpy as jnp

from avjax.typing import Array, Params


def update_average(
    average: Params, params: Params, stats: Params, step: Array, decay: float
) -> Params:
    """Move the averages towards the weights after a step.

    The decay is (1 + step) / (10 + step) until that is larger than `decay`, so that the
    initial weights are forgotten soon.

    Args:
        average: `{"params": {part: tree}, "stats": {part: tree}}`.
        params: Parameters after the step, `{part: tree}`.
        stats: Running statistics after the step, `{part: tree}`.
        step: Number of steps before this one, i32 scalar.
        decay: Decay of the average, in [0, 1).

    Returns:
        The new averages.
    """
    decay_now = jnp.minimum(decay, (1 + step) / (10 + step))

    def move(old: Array, new: Array) -> Array:
        if not jnp.issubdtype(new.dtype, jnp.floating):
            return new
        return (old + (1 - decay_now) * (new - old)).astype(new.dtype)

    current = {"params": params, "stats": stats}
    return {
        kind: {
            part: jax.tree.map(move, tree, current[kind][part])
            for part, tree in parts.items()
        }
        for kind, parts in average.items()
    }


def init_average(params: Params, stats: Params, parts: set[str]) -> Params:
    """Start the averages of some parts.

    Args:
        params: Parameters, `{part: tree}`.
        stats: Running statistics, `{part: tree}`.
        parts: The parts that are trained.

    Returns:
        `{"params": {part: tree}, "stats": {part: tree}}`; copies, since a step gives
        the memory of its state away.
    """
    trees = {"params": params, "stats": stats}
    return {
        kind: {
            part: jax.tree.map(jnp.copy, tree)
            for part, tree in by_part.items()
            if part in parts
        }
        for kind, by_part in trees.items()
    }
