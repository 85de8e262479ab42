"""Untrained weights of talking-face systems, in folders."""

import os
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from random_variables import untrained

from avjax import weights
from avjax.models.registry import get_system
from avjax.models.taem import TEXT_PART, TaemConfig


def untrained_parts(config, seed: int = 0) -> dict[str, Any]:
    """Sample variables of any system, {part: variables}."""
    system = get_system(config.system)
    shapes = jax.eval_shape(lambda: system.init_variables(config, jax.random.key(0)))
    return untrained(shapes, seed=seed)


def untrained_taem(config: TaemConfig, variance: float = 1.0) -> dict[str, Any]:
    """Sample variables of TAEM, and set the variance of latents."""
    variables = untrained_parts(config)
    statistics = variables[TEXT_PART]["batch_stats"]["normalizer"]
    statistics["square"] = np.full_like(statistics["square"], variance)
    return variables


def save_parts(
    folder: str | os.PathLike,
    variables: Mapping[str, Mapping[str, Any]],
    config: Any,
    system: str | None = None,
) -> None:
    """Save {part: variables} as a folder of weights."""
    params, stats = (
        {
            part: tree[collection]
            for part, tree in variables.items()
            if collection in tree
        }
        for collection in ("params", "batch_stats")
    )
    system = system or config.system
    weights.save(folder, params, stats, config, system=system, card="")
