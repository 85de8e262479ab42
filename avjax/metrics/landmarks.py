"""Distances between lip landmarks, points 48 to 67 of the 68-point scheme."""

import jax.numpy as jnp

from avjax.typing import Array


def landmark_distance(pred: Array, target: Array) -> Array:
    """Compute the landmark distance (LMD) of the lips, independent of their position.

    The mean of the points is subtracted from both. There is no scaling: pixels are
    those of the crop, whose size must be reported with the number.

    Args:
        pred: Predicted lip points, [... p=20 2].
        target: True lip points, [... p=20 2].

    Returns:
        Mean distance in the unit of the points, [...].

    Source:
        Chen et al., CVPR 2019 (ATVGnet). Their code sums over the points; this function
        averages, which is what the numbers of SyncTalkFace agree with.
    """
    pred = pred - jnp.mean(pred, axis=-2, keepdims=True)
    target = target - jnp.mean(target, axis=-2, keepdims=True)
    return jnp.mean(jnp.linalg.norm(pred - target, axis=-1), axis=-1)


def lip_gap(lips: Array) -> Array:
    """Compute the mean distance between the upper and the lower inner lip.

    Args:
        lips: Lip points, [... p=20 2].

    Returns:
        The distance in the unit of the points, [...].
    """
    upper, lower = lips[..., 13:16, :], lips[..., jnp.array([19, 18, 17]), :]
    return jnp.mean(jnp.linalg.norm(upper - lower, axis=-1), axis=-1)
