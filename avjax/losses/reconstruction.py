"""Losses between predictions and targets: pixels, landmarks, mels and latents."""

import jax
import jax.numpy as jnp

from avjax.typing import Array


def pixel_loss(pred: Array, target: Array, l2: bool = False) -> Array:
    """Compute the absolute or squared error of each pixel.

    Args:
        pred: Generated pixels, [...].
        target: True pixels, [...].
        l2: Square the errors instead of taking their absolute value.

    Returns:
        One loss per pixel, [...].
    """
    error = jnp.square if l2 else jnp.abs
    return error(pred - target)  # synctalkface (7), cals (6)


def landmark_l1(pred: Array, target: Array) -> Array:
    """Compute the mean L1 distance |dx| + |dy| of landmarks.

    Args:
        pred: Predicted landmarks, [... p 2].
        target: True landmarks, [... p 2].

    Returns:
        One loss per face in the unit of the landmarks, [...].
    """
    # lip_landmarks (3)
    return jnp.mean(jnp.sum(jnp.abs(pred - target), axis=-1), axis=-1)


def mel_l1(pred: Array, target: Array) -> Array:
    """Compute the mean absolute error of each mel frame.

    Args:
        pred: Predicted log-mel spectrogram, [... f k].
        target: True log-mel spectrogram, [... f k].

    Returns:
        One loss per mel frame, [... f].
    """
    return jnp.mean(jnp.abs(pred - target), axis=-1)  # bridging (7)


def latent_loss(pred: Array, target: Array, l2: bool = False) -> Array:
    """Compute the mean absolute or squared error of each latent vector.

    No gradient reaches the target.

    Args:
        pred: Predicted latents, [... d].
        target: True latents, [... d].
        l2: Square the errors instead of taking their absolute value.

    Returns:
        One loss per frame, [...].
    """
    error = pixel_loss(pred, jax.lax.stop_gradient(target), l2)
    return jnp.mean(error, axis=-1)  # taem (7)


def gamma_deviance(pred: Array, target: Array) -> Array:
    """Compute the unit deviance of a gamma distribution from log-durations.

    Close to the target it equals the squared difference. Its minimiser is the logarithm
    of the mean duration; a squared error of logarithms would predict shorter durations.

    Args:
        pred: Predicted log-durations, [...].
        target: True log-durations, [...].

    Returns:
        One loss per duration, [...].
    """
    log_ratio = target - pred
    return 2 * (jnp.expm1(log_ratio) - log_ratio)  # taem (8)
