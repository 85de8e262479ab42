"""Mouths of network-sized frames, and lip codes between frames, on the device."""

import jax.numpy as jnp
import numpy as np

from avjax.faces.editing import (
    GREY_WEIGHTS,
    LOWER_FACE_SIZE,
    MOUTH_CENTER,
    MOUTH_SHAPE,
    MOUTH_STEP,
)
from avjax.typing import Array


def crop_mouths(images: Array) -> Array:
    """Crop mouths as `avjax.faces.editing.crop_encoder_mouth` does.

    Args:
        images: Aligned lower faces in [0, 1], f32 [b s s 3].

    Returns:
        Grey mouths in [0, 1], f32 [b h=40 w=56 1].
    """
    grey = images @ jnp.asarray(GREY_WEIGHTS)
    height, width = MOUTH_SHAPE
    rows = interpolation(height, MOUTH_CENTER[1], images.shape[1])
    columns = interpolation(width, MOUTH_CENTER[0], images.shape[1])
    return jnp.einsum("h r, b r c, w c -> b h w", rows, grey, columns)[..., None]


def interpolation(count: int, center: float, size: int) -> Array:
    """Compute how pixels of a mouth are interpolated along one axis.

    Args:
        count: Pixels of the mouth.
        center: Its middle, in pixels of the stored lower face.
        size: Side of the lower face that is given.

    Returns:
        Weights, f32 [count size].
    """
    places = center + (np.arange(count) - (count - 1) / 2) * MOUTH_STEP
    places = (places + 0.5) * size / LOWER_FACE_SIZE - 0.5
    places = np.clip(places, 0, size - 1)
    distance = np.abs(places[:, None] - np.arange(size))
    return jnp.asarray(np.maximum(1 - distance, 0), jnp.float32)


def interpolate_frames(values: Array, positions: Array) -> Array:
    """Interpolate between frames.

    Args:
        values: [b m d].
        positions: Frame numbers with fractions, from 0 to m - 1, f32 [b t].

    Returns:
        [b t d].
    """
    before = jnp.floor(positions).astype(jnp.int32)
    after = jnp.minimum(before + 1, values.shape[1] - 1)
    share = (positions - before)[..., None]
    first, second = (
        jnp.take_along_axis(values, index[..., None], axis=1)
        for index in (before, after)
    )
    return (1 - share) * first + share * second
