"""Losses of image restoration, per image."""

import jax.numpy as jnp

from avjax.typing import Array


def restoration_l1(pred: Array, target: Array) -> Array:
    """Compute the mean absolute error of restored images.

    Args:
        pred: Restored images, [b h w c].
        target: Clean images, [b h w c].

    Returns:
        One loss per image, [b].
    """
    # denoiser (5)
    return jnp.mean(jnp.abs(pred - target), axis=(1, 2, 3))


def masked_l1(pred: Array, target: Array, mask: Array) -> Array:
    """Compute the mean absolute error, weighted by a mask.

    The mean is over all pixels, not over the mask: a mask of zeros gives zero.

    Args:
        pred: Predicted images, [b h w c].
        target: Target images, [b h w c].
        mask: Weight of each pixel in [0, 1], [b h w 1].

    Returns:
        One loss per image, [b].
    """
    # denoiser (4)
    return jnp.mean(jnp.abs(pred - target) * mask, axis=(1, 2, 3))


def mask_edge_loss(mask: Array, noisy: Array) -> Array:
    """Compare the gradient magnitudes of a mask with those of its image.

    Args:
        mask: Mask in [0, 1], [b h w 1].
        noisy: The image that the mask belongs to, [b h w c].

    Returns:
        Sum over both axes of the mean absolute difference, [b].
    """
    # denoiser (7)
    losses = (
        jnp.mean(
            jnp.abs(gradient_magnitude(mask, axis) - gradient_magnitude(noisy, axis)),
            axis=(1, 2, 3),
        )
        for axis in (1, 2)
    )
    return sum(losses, start=jnp.zeros(()))


def gradient_magnitude(image: Array, axis: int) -> Array:
    """Compute absolute differences of neighbouring pixels.

    Args:
        image: An image or a batch of images.
        axis: Axis along which neighbours are compared.

    Returns:
        The differences; the axis is one shorter.
    """
    return jnp.abs(jnp.diff(image, axis=axis))
