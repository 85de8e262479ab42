"""Image quality: PSNR and SSIM."""

import dm_pix
import jax.numpy as jnp

from avjax.typing import Array


def psnr(image: Array, target: Array) -> Array:
    """Compute the peak signal-to-noise ratio, 10 log10(1 / mean squared error).

    The error is averaged over all channels.

    Args:
        image: Images in [0, 1], [... h w c].
        target: True images in [0, 1], [... h w c].

    Returns:
        One value per image in dB, [...]; 100 for equal images.
    """
    error = jnp.mean(jnp.square(image - target), axis=(-3, -2, -1))
    return -10 * jnp.log10(jnp.maximum(error, 1e-10))


def ssim(image: Array, target: Array) -> Array:
    """Compute the structural similarity, averaged over the channels.

    Windows lie completely inside the image.

    Args:
        image: Images in [0, 1] with sides of at least 11 pixels, [... h w c].
        target: True images in [0, 1], [... h w c].

    Returns:
        One value per image, at most 1, [...].

    Source:
        Wang et al., 2004, with a Gaussian window of 11 x 11 pixels, sigma 1.5.
    """
    batch_shape = image.shape[:-3]
    flat_shape = (-1, *image.shape[-3:])
    values = dm_pix.ssim(
        image.reshape(flat_shape), target.reshape(flat_shape), max_val=1.0
    )
    return jnp.reshape(jnp.asarray(values), batch_shape)
