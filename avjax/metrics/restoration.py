"""How like a restored picture is to its truth, by the names that tables use.

PSNR is metrics.image.psnr.  Two measures are called SSIM in tables of denoisers: of the
same pictures of SIDD one is .925 where the other is .961.  Both are named here.
"""

import jax
import jax.numpy as jnp
import numpy as np

from avjax.metrics.image import ssim
from avjax.typing import Array

WINDOW, DEVIATION = 11, 1.5  # of a Gaussian, in pixels


def ssim2d(picture: Array, truth: Array) -> Array:
    """The mean of the three channels' own.  [... h w c] in [0, 1] -> [...].

    Source: Wang et al., 2004; as scikit-image with gaussian_weights computes it.
    """
    return ssim(picture, truth)


def ssim3d(picture: Array, truth: Array) -> Array:
    """The picture as a block of h x w x c.  [... h w c] in [0, 1] -> [...].

    What MATLAB's ssim makes of a picture of three channels, and tables of SIDD hold:
    windows of 11 x 11 x 11 pixels, edges continued.
    """
    products = picture * picture, truth * truth, picture * truth
    blurred = (smoothed(x) for x in (picture, truth, *products))
    ours, theirs, ours_squared, theirs_squared, crossed = blurred
    variance = ours_squared - ours**2, theirs_squared - theirs**2
    covariance = crossed - ours * theirs
    light, contrast = 0.01**2, 0.03**2
    alike = (2 * ours * theirs + light) * (2 * covariance + contrast)
    most = (ours**2 + theirs**2 + light) * (sum(variance) + contrast)
    return jnp.mean(alike / most, axis=(-3, -2, -1))


def smoothed(block: Array) -> Array:
    """Gaussian means over the last three axes, edges continued.  [... h w c]."""
    reach = WINDOW // 2
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / DEVIATION) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in range(block.ndim - 3, block.ndim):
        around = [(0, 0)] * block.ndim
        around[axis] = (reach, reach)
        wide, size = jnp.pad(block, around, "edge"), block.shape[axis]
        block = sum(
            tap * jax.lax.slice_in_dim(wide, start, start + size, axis=axis)
            for start, tap in enumerate(taps)
        )
    return block
