"""How a mouth moves, and by which sounds it errs.

    speed, jerk       of the lip points, in pixels a frame, and a frame cubed
    velocity_error    how far their velocity is from that of the true lips
    bilabials_shut    share of the sounds p, b and m at which the lips come together
    lmd_bilabial, ... distance to the true lips where a sound of that class is said
Sounds count as far as it is known when they are said.
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp

from avjax.metrics.base import Mean
from avjax.metrics.landmarks import gap, landmark_distance
from avjax.typing import Array, Batch

BILABIAL = 1  # the class of sounds that shut the lips


def movement(
    found: Array, lips: Array, batch: Batch, least: float
) -> Mapping[str, Mean]:
    """Figures of lip points found in frames.  found, the true lips [b t p 2], pixels.

    batch  weight [b], mask [b t], sounds i32 [b t]
    least  pixels: a smaller gap between the lips is none
    """
    figures = {
        "speed": length(motion(found, 1)),
        "velocity_error": length(motion(found, 1) - motion(lips, 1)),
        "jerk": length(motion(found, 3)),
    }
    exists = batch["weight"][:, None] * batch["mask"]
    means = {
        name: Mean.of(value, exists[:, -value.shape[1] :])
        for name, value in figures.items()
    }
    asked = (batch["sounds"] == BILABIAL) & (exists > 0)
    closed, begins = jax.vmap(shut, in_axes=(0, 0, None))(gap(found), asked, least)
    counted = begins * batch["weight"][:, None]
    return means | {"bilabials_shut": Mean.of(closed, counted)}


def distance_by_class(
    found: Array, lips: Array, batch: Batch, classes: Sequence[str]
) -> Mapping[str, Mean]:
    """LMD of points [b t p 2] by the class of the sound; the first is number 1."""
    distance = landmark_distance(found, lips)
    exists = batch["weight"][:, None] * batch["mask"]
    return {
        f"lmd_{name}": Mean.of(distance, exists * (batch["sounds"] == number))
        for number, name in enumerate(classes, start=1)
    }


def motion(points: Array, order: int) -> Array:
    """Differences from frame to frame, so many times.  [b t p 2] -> [b t-order p 2]."""
    return jnp.diff(points, order, axis=1)


def length(vectors: Array) -> Array:
    """Mean length over the points.  [... p 2] -> [...]."""
    return jnp.mean(jnp.linalg.norm(vectors, axis=-1), axis=-1)


def shut(opening: Array, asked: Array, least: float) -> tuple[Array, Array]:
    """Whether lips shut where they should: 1 or 0, and where that counts, [t] each.

    opening [t], the gap of the lips; asked bool [t], the frames of sounds that shut
    them.  Such frames on end are one sound, which counts once, in its first frame.
    """
    begins = asked & ~jnp.pad(asked, (1, 0))[:-1]
    sound = jnp.cumsum(begins)
    here = jnp.where(asked, opening, jnp.inf)
    smallest = jax.ops.segment_min(here, sound, num_segments=len(asked) + 1)[sound]
    return (smallest <= least).astype(jnp.float32), begins.astype(jnp.float32)
