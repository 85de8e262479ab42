"""How like two pictures are, as numbers that people report."""

import dm_pix
import jax.numpy as jnp

from avjax.typing import Array


def psnr(picture: Array, truth: Array) -> Array:
    """Peak signal to noise, dB.  [... h w c] in [0, 1] -> [...]; 100 where equal.

    Source: 10 log10(1 / mean square error), over all channels at once.
    """
    error = jnp.mean(jnp.square(picture - truth), axis=(-3, -2, -1))
    return -10 * jnp.log10(jnp.maximum(error, 1e-10))


def ssim(picture: Array, truth: Array) -> Array:
    """Structural similarity, mean over channels.  [... h w c] in [0, 1] -> [...].

    Source: Wang et al., 2004, their Gaussian window of 11 x 11 pixels, sigma 1.5; sides
    are of 11 pixels or more, and windows lie wholly inside.
    """
    lead = picture.shape[:-3]
    flat = (-1, *picture.shape[-3:])
    values = dm_pix.ssim(picture.reshape(flat), truth.reshape(flat), max_val=1.0)
    return values.reshape(lead)
