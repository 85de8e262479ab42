"""Losses of a lip editor, and of the lip codes that audio predicts."""

import jax
import jax.numpy as jnp

from avjax.nn.lip_editor import EditMaps, mouth_mask
from avjax.typing import Array

# How much an error counts: far from the mouth, and at its centre in addition.
FAR, NEAR = 0.3, 4.0
NEAR_CENTER, NEAR_RADIUS = 0.5, (0.24, 0.16)  # x, y, in sides of the lower face
SQUARED, GRADIENT = 5.0, 0.5  # weights of the terms of the pixel loss
FLOW_CHANGE, FLOW_LENGTH, NEW_PIXELS = 3e-4, 1e-4, 2e-3  # at 96 pixels
FLOW_SIZE = 96
VELOCITY, COMPONENTS, SIZE = 0.5, 0.3, 1e-3  # weights of the terms of the code loss
NUM_COMPONENTS = 3


def mouth_weight(size: int) -> Array:
    """Compute how much the error of each pixel counts.

    Args:
        size: Side of the lower face in pixels.

    Returns:
        f32 [s s 1].
    """
    offset = (jnp.arange(size) + 0.5) / size - NEAR_CENTER
    x, y = ((offset / radius) ** 2 for radius in NEAR_RADIUS)
    return (FAR + NEAR * jnp.exp(-(y[:, None] + x[None])))[..., None]


def editing_loss(pred: Array, target: Array, maps: EditMaps) -> Array:
    """Compute the loss of edited frames.

    Pixels and their gradients shall be those of the target, mostly at the mouth. The
    flow shall be smooth, and short away from the mouth. The frame's own pixels shall be
    used where they can.

    Args:
        pred: Edited frames in [0, 1], [b s s 3].
        target: True frames in [0, 1], [b s s 3].
        maps: How the frames were edited.

    Returns:
        One loss per frame, [b].
    """
    size, axes = pred.shape[1], (1, 2, 3)
    weight = mouth_weight(size)[None]
    error = pred - target
    loss = jnp.mean(weight * (jnp.abs(error) + SQUARED * error**2), axes)
    for axis, shorter in ((1, weight[:, 1:]), (2, weight[:, :, 1:])):
        change = jnp.abs(jnp.diff(error, axis=axis))
        loss += GRADIENT * jnp.mean(shorter * change, axes)  # lipwarp (6)
    scale = FLOW_SIZE / size
    for flow in (maps.frame_flow, maps.reference_flow):
        for axis in (1, 2):
            change = jnp.diff(flow, axis=axis)
            loss += FLOW_CHANGE * scale**2 * jnp.mean(change**2, axes)
    outside = 1 - mouth_mask(size)[None]
    loss += FLOW_LENGTH * scale * jnp.mean(jnp.abs(maps.frame_flow) * outside, axes)
    return loss + NEW_PIXELS * jnp.mean(maps.weights[..., 1:], axes)


def mouth_l1(pred: Array, target: Array) -> Array:
    """Compute the mean absolute error at the mouth.

    Args:
        pred: Frames in [0, 1], f32 [b s s 3].
        target: True frames, f32 [b s s 3].

    Returns:
        f32 [b].
    """
    mask = mouth_mask(pred.shape[1])[None]
    error = jnp.sum(mask * jnp.abs(pred - target), axis=(1, 2, 3))
    return error / (pred.shape[-1] * jnp.sum(mask))


def center_clips(values: Array, frame_mask: Array) -> Array:
    """Subtract from each clip its mean.

    Args:
        values: [b t d].
        frame_mask: 1 where a frame exists, f32 [b t].

    Returns:
        [b t d]; zero where there is no frame.
    """
    mask = frame_mask[..., None]
    count = jnp.maximum(mask.sum(1, keepdims=True), 1)
    return mask * (values - (mask * values).sum(1, keepdims=True) / count)


def code_loss(
    pred: Array, target: Array, frame_mask: Array, components: Array
) -> Array:
    """Compare lip codes, but for a constant per clip.

    Errors of the velocity count in addition, and errors along the main directions in
    which lips move. No gradient reaches the target.

    Args:
        pred: Predicted codes, [b t d].
        target: True codes, each dimension divided by its standard deviation, [b t d].
        frame_mask: 1 where a frame exists, f32 [b t].
        components: Orthonormal main directions of the targets, [d c].

    Returns:
        One loss per frame, [b t].
    """
    error = center_clips(pred - jax.lax.stop_gradient(target), frame_mask)
    loss = jnp.mean(error**2, axis=-1)  # lipwarp (7)
    loss += COMPONENTS * jnp.sum((error @ components) ** 2, axis=-1)
    both = frame_mask[:, 1:] * frame_mask[:, :-1]
    velocity = both * jnp.mean(jnp.diff(error, axis=1) ** 2, axis=-1)
    loss += VELOCITY * jnp.pad(velocity, ((0, 0), (1, 0)))
    return loss + SIZE * jnp.mean(pred**2, axis=-1)  # the free constant stays small


def main_directions(covariance: Array) -> Array:
    """Find the directions in which standardised codes vary most.

    Args:
        covariance: Covariance of codes, [d d].

    Returns:
        Eigenvectors of their correlations, the largest first, [d c=3].
    """
    std = jnp.sqrt(jnp.diagonal(covariance))
    vectors = jnp.linalg.eigh(covariance / (std[:, None] * std[None]))[1]
    return vectors[:, ::-1][:, :NUM_COMPONENTS]
