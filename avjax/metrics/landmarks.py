"""How far the lips of two faces are from each other, and from themselves."""

import jax.numpy as jnp

from avjax.typing import Array


def landmark_distance(found: Array, truth: Array) -> Array:
    """LMD: mean distance of the lip points, wherever the mouth as a whole is.

    [... p=20 2], [... p=20 2] -> [...], in the units of the points.  Both have their
    mean taken away first.  There is no scaling: pixels are those of the crop, whose
    size is to be told with the figure.

    Source: Chen et al., CVPR 2019 (ATVGnet), whose program sums where we average; the
    figures of SyncTalkFace fit an average.
    """
    here = found - jnp.mean(found, axis=-2, keepdims=True)
    there = truth - jnp.mean(truth, axis=-2, keepdims=True)
    return jnp.mean(jnp.linalg.norm(here - there, axis=-1), axis=-1)


def gap(lips: Array) -> Array:
    """Mean distance of the inner lips.  Points 48-67 [... p=20 2] -> [...]."""
    upper, lower = lips[..., 13:16, :], lips[..., jnp.array([19, 18, 17]), :]
    return jnp.mean(jnp.linalg.norm(upper - lower, axis=-1), axis=-1)
