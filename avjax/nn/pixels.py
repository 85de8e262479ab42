"""Conversion between uint8 pixels and the values that networks use."""

from typing import Literal

import jax.numpy as jnp
import numpy as np

from avjax.typing import Array

PixelRange = Literal["[-1,1]", "[0,1]"]

MOUTH_MEAN, MOUTH_STD = 0.4136, 0.1700  # grey values of the mouth crops of LRW
LUMA_CHROMA = np.array(  # columns: luma, and two of chroma; orthonormal
    [[2, 3, 1], [2, 0, -2], [2, -3, 1]] / np.sqrt([12, 18, 6]), np.float32
)


def normalize_pixels(pixels: Array, pixel_range: PixelRange) -> Array:
    """Convert uint8 pixels to floats in the range that a model uses.

    Args:
        pixels: Pixel values, u8 [...].
        pixel_range: The range to convert to.

    Returns:
        The same pixels, f32 [...].
    """
    unit = pixels.astype(jnp.float32) / 255
    return 2 * unit - 1 if pixel_range == "[-1,1]" else unit


def denormalize(frames: Array, pixel_range: PixelRange) -> Array:
    """Convert frames from the range that a model uses to [0, 1].

    Args:
        frames: Pixel values in `pixel_range`, [...].
        pixel_range: The range of `frames`.

    Returns:
        Pixel values in [0, 1], [...].
    """
    return (frames + 1) / 2 if pixel_range == "[-1,1]" else frames


def to_uint8(frames: Array, pixel_range: PixelRange) -> Array:
    """Convert frames from the range that a model uses to uint8.

    Args:
        frames: Pixel values in `pixel_range`, [...]; values outside are clipped.
        pixel_range: The range of `frames`.

    Returns:
        Pixel values, u8 [...].
    """
    unit = jnp.clip(denormalize(frames, pixel_range), 0, 1)
    return jnp.round(255 * unit).astype(jnp.uint8)


def mask_lower_face(target: Array, reference: Array) -> Array:
    """Build the input of the identity encoder.

    The lower half of the target is set to zero, so that the network cannot copy the
    mouth. The reference shows what the person looks like.

    Args:
        target: Face crops, [b t h w c=3].
        reference: Other crops of the same person, [b t h w c=3].

    Returns:
        Both crops, concatenated along the channels, [b t h w c=6].
    """
    masked = target.at[..., target.shape[-3] // 2 :, :, :].set(0)
    return jnp.concatenate([masked, reference], axis=-1)


def normalize_mouth(mouths: Array) -> Array:
    """Standardise grey mouth crops with the mean and standard deviation of LRW.

    Args:
        mouths: Grey values, u8 [...].

    Returns:
        Standardised values, f32 [...].
    """
    return (mouths.astype(jnp.float32) / 255 - MOUTH_MEAN) / MOUTH_STD


def scale_luma_chroma(residual: Array, log_gains: Array) -> Array:
    """Multiply luma and chroma of a residual [... h w c=3] by exp(log_gains [2])."""
    factors = jnp.exp(log_gains)[None, jnp.array([0, 1, 1])]
    return residual @ (LUMA_CHROMA * factors @ LUMA_CHROMA.T)
