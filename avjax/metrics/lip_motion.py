"""Motion of the lips, and lip distance by phoneme class.

Names of the metrics:

    speed, jerk        of the lip points, in pixels per frame, and per frame cubed
    velocity_error     distance between their velocity and that of the true lips
    bilabials_shut     fraction of the phonemes p, b and m at which the lips close
    lmd_bilabial, ...  distance to the true lips in frames with a phoneme of that class

Phonemes count where the data have their times.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from avjax.metrics.base import Mean
from avjax.metrics.landmarks import landmark_distance, lip_gap
from avjax.typing import Array, Batch

BILABIAL = 1  # phoneme class of p, b and m


def lip_motion_metrics(
    pred: Array, target: Array, batch: Batch, max_gap: float
) -> dict[str, Mean]:
    """Measure the motion of lips that were detected in generated frames.

    Args:
        pred: Lip points of the generated frames in pixels, [b t p 2].
        target: Lip points of the real frames in pixels, [b t p 2].
        batch: `weight` [b], `frame_mask` [b t] and `phoneme_class` i32 [b t].
        max_gap: Distance between the lips in pixels up to which they count as closed.

    Returns:
        Means of speed, velocity_error, jerk and bilabials_shut.
    """
    values = {
        "speed": mean_norm(finite_difference(pred, 1)),
        "velocity_error": mean_norm(
            finite_difference(pred, 1) - finite_difference(target, 1)
        ),
        "jerk": mean_norm(finite_difference(pred, 3)),
    }
    weight = batch["weight"][:, None] * batch["frame_mask"]
    means = {
        name: Mean.from_values(value, weight[:, -value.shape[1] :])
        for name, value in values.items()
    }
    is_bilabial = (batch["phoneme_class"] == BILABIAL) & (weight > 0)
    closed, starts = jax.vmap(closures, in_axes=(0, 0, None))(
        lip_gap(pred), is_bilabial, max_gap
    )
    closure_weight = starts * batch["weight"][:, None]
    return means | {"bilabials_shut": Mean.from_values(closed, closure_weight)}


def lmd_by_class(
    pred: Array, target: Array, batch: Batch, classes: Sequence[str]
) -> dict[str, Mean]:
    """Compute the landmark distance separately for each phoneme class.

    Args:
        pred: Lip points of the generated frames in pixels, [b t p 2].
        target: Lip points of the real frames in pixels, [b t p 2].
        batch: `weight` [b], `frame_mask` [b t] and `phoneme_class` i32 [b t].
        classes: Names of the phoneme classes; the first has number 1.

    Returns:
        {lmd_CLASS: mean distance in pixels}.
    """
    distance = landmark_distance(pred, target)
    weight = batch["weight"][:, None] * batch["frame_mask"]
    return {
        f"lmd_{name}": Mean.from_values(
            distance, weight * (batch["phoneme_class"] == number)
        )
        for number, name in enumerate(classes, start=1)
    }


def finite_difference(points: Array, order: int) -> Array:
    """Compute differences between consecutive frames.

    Args:
        points: Points, [b t p 2].
        order: Order of the difference.

    Returns:
        The differences, [b t-order p 2].
    """
    return jnp.diff(points, order, axis=1)


def mean_norm(vectors: Array) -> Array:
    """Compute the mean length of vectors over the points.

    Args:
        vectors: Vectors, [... p 2].

    Returns:
        Mean length, [...].
    """
    return jnp.mean(jnp.linalg.norm(vectors, axis=-1), axis=-1)


def closures(gap: Array, is_bilabial: Array, max_gap: float) -> tuple[Array, Array]:
    """Detect lip closures at the bilabial phonemes of a clip.

    Consecutive bilabial frames are one phoneme, which counts once.

    Args:
        gap: Distance between the lips, [t].
        is_bilabial: Frames with a bilabial phoneme, bool [t].
        max_gap: Gap up to which the lips count as closed.

    Returns:
        - closed: 1 if the lips close during the phoneme of a frame, else 0, [t].
        - starts: 1 for the first frame of each bilabial phoneme, else 0, [t].
    """
    starts = is_bilabial & ~jnp.pad(is_bilabial, (1, 0))[:-1]
    phoneme = jnp.cumsum(starts)
    bilabial_gap = jnp.where(is_bilabial, gap, jnp.inf)
    smallest = jax.ops.segment_min(
        bilabial_gap, phoneme, num_segments=len(is_bilabial) + 1
    )[phoneme]
    return (smallest <= max_gap).astype(jnp.float32), starts.astype(jnp.float32)
