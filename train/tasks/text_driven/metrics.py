"""Metrics of text-driven talking: of latents, and of durations."""

from collections.abc import Mapping

import jax.numpy as jnp

from avjax.metrics.base import Mean
from avjax.nn.memory import l2_normalize
from avjax.typing import Array, Batch

MILLISECONDS = 1000
MIN_SECONDS = 1e-3  # smallest length of a clip that a relative error is computed of


def cosine_similarity(pred: Array, target: Array, weight: Array) -> Mean:
    """Average the cosine similarity of vectors.

    Args:
        pred: [b t d].
        target: [b t d].
        weight: Weights of the frames, [b t].

    Returns:
        The mean.
    """
    cosine = jnp.sum(l2_normalize(pred) * l2_normalize(target), axis=-1)
    return Mean.from_values(cosine, weight)


def explained_variance(pred: Array, target: Array, weight: Array) -> Mean:
    """Compute r2: the explained fraction of the targets' variance around zero.

    Args:
        pred: Normalised vectors, [b t d].
        target: Normalised vectors, [b t d].
        weight: Weights of the frames, [b t].

    Returns:
        The fraction, as a mean that can be merged with that of other batches.
    """
    squared_error = jnp.sum(jnp.square(pred - target), axis=-1)
    residual = Mean.from_values(squared_error, weight).total
    total = Mean.from_values(jnp.sum(jnp.square(target), axis=-1), weight).total
    return Mean(total - residual, total)


def duration_metrics(
    predictions: Mapping[str, Array],
    target: Array,
    phoneme_weight: Array,
    clip_weight: Array,
) -> dict[str, Mean]:
    """Compare durations of phonemes with the true ones.

    Args:
        predictions: `{prefix: durations in seconds [b l]}`.
        target: True durations in seconds, [b l].
        phoneme_weight: Weights of the phonemes, [b l].
        clip_weight: Weights of the clips, [b].

    Returns:
        For each prefix, `duration_ms`, the mean absolute error of a phoneme; and
        `length_error`, the error of the sum over a clip, as a fraction of it.
    """
    length = jnp.sum(target * phoneme_weight, axis=1)
    metrics = {}
    for prefix, seconds in predictions.items():
        error = jnp.abs(jnp.sum((seconds - target) * phoneme_weight, axis=1))
        relative = error / jnp.maximum(length, MIN_SECONDS)
        milliseconds = MILLISECONDS * jnp.abs(seconds - target)
        metrics |= {
            f"{prefix}duration_ms": Mean.from_values(milliseconds, phoneme_weight),
            f"{prefix}length_error": Mean.from_values(relative, clip_weight),
        }
    return metrics


def roll_portrait(batch: Batch) -> Batch:
    """Give each clip the portrait of the next one.

    Args:
        batch: A batch.

    Returns:
        The batch with other portraits.
    """
    return {**batch, "portrait": jnp.roll(batch["portrait"], 1, axis=0)}
