"""SSIM of restored images, by the two definitions that papers use.

PSNR is `avjax.metrics.image.psnr`. Papers on denoising call two different numbers SSIM:
on the same images of SIDD one is 0.925 where the other is 0.961.
"""

import jax
import jax.numpy as jnp
import numpy as np

from avjax.metrics.image import ssim
from avjax.typing import Array

WINDOW_SIZE, WINDOW_SIGMA = 11, 1.5  # of the Gaussian window, in pixels
LUMINANCE_CONSTANT, CONTRAST_CONSTANT = 0.01**2, 0.03**2  # C1 and C2


def ssim2d(image: Array, target: Array) -> Array:
    """Compute the mean of the SSIM of the three colour channels.

    Args:
        image: Images in [0, 1], [... h w c].
        target: True images in [0, 1], [... h w c].

    Returns:
        One value per image, [...].

    Source:
        Wang et al., 2004; equals scikit-image with `gaussian_weights=True`.
    """
    return ssim(image, target)


def ssim3d(image: Array, target: Array) -> Array:
    """Compute the SSIM of an image as a volume of h x w x c pixels.

    This is MATLAB's `ssim` of an image with three channels, which the tables of SIDD
    contain: windows of 11 x 11 x 11 pixels, edges replicated.

    Args:
        image: Images in [0, 1], [... h w c].
        target: True images in [0, 1], [... h w c].

    Returns:
        One value per image, [...].
    """
    products = image * image, target * target, image * target
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = (
        gaussian_blur3d(volume) for volume in (image, target, *products)
    )
    variance_x, variance_y = mean_xx - mean_x**2, mean_yy - mean_y**2
    covariance = mean_xy - mean_x * mean_y
    numerator = (2 * mean_x * mean_y + LUMINANCE_CONSTANT) * (
        2 * covariance + CONTRAST_CONSTANT
    )
    denominator = (mean_x**2 + mean_y**2 + LUMINANCE_CONSTANT) * (
        variance_x + variance_y + CONTRAST_CONSTANT
    )
    return jnp.mean(numerator / denominator, axis=(-3, -2, -1))


def gaussian_blur3d(volume: Array) -> Array:
    """Blur the last three axes with a Gaussian window; edges are replicated.

    Args:
        volume: The volume, [... h w c].

    Returns:
        The blurred volume, [... h w c].
    """
    radius = WINDOW_SIZE // 2
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / WINDOW_SIGMA) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in range(volume.ndim - 3, volume.ndim):
        padding = [(0, 0)] * volume.ndim
        padding[axis] = (radius, radius)
        padded, size = jnp.pad(volume, padding, "edge"), volume.shape[axis]
        volume = sum(
            (
                tap * jax.lax.slice_in_dim(padded, start, start + size, axis=axis)
                for start, tap in enumerate(taps)
            ),
            start=jnp.zeros(()),
        )
    return volume
