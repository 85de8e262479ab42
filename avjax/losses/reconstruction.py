"""How far what was made is from what was there."""

import jax
import jax.numpy as jnp

from avjax.typing import Array


def pixel_error(made: Array, truth: Array, squared: bool = False) -> Array:
    """Absolute difference, pixel by pixel, or its square.  [...], [...] -> [...]."""
    how = jnp.square if squared else jnp.abs
    return how(made - truth)  # synctalkface (7), cals (6)


def landmark_error(found: Array, truth: Array) -> Array:
    """Mean distance of landmarks, |dx| + |dy|.  [... p 2], [... p 2] -> [...]."""
    return jnp.mean(jnp.sum(jnp.abs(found - truth), axis=-1), axis=-1)


def mel_error(made: Array, truth: Array) -> Array:
    """Absolute difference of log-mel columns.  [... f k], [... f k] -> [... f]."""
    return jnp.mean(jnp.abs(made - truth), axis=-1)  # bridging (7)


def latent_error(made: Array, truth: Array, squared: bool = False) -> Array:
    """Difference of what is heard in a frame, as pixel_error.  [... d] -> [...].

    The truth is taken as given.
    """
    apart = pixel_error(made, jax.lax.stop_gradient(truth), squared)
    return jnp.mean(apart, axis=-1)  # taem (7)


def duration_error(told: Array, truth: Array) -> Array:
    """Deviance of a gamma distribution, of logarithms.  [...], [...] -> [...].

    Near the truth it is the squared difference; but what is told best is the mean of
    lengths, where a square's is that of their logarithms, which is shorter.
    """
    apart = truth - told
    return 2 * (jnp.expm1(apart) - apart)  # taem (8)
