"""The mean latent and the mean duration of each phoneme: the baseline of TAEM."""

import jax
import jax.numpy as jnp
from einops import einsum

from avjax.typing import Array, Batch, Params

MIN_COUNT = 1e-6  # avoids a division by zero


def init_phoneme_means(num_phonemes: int, latent_dim: int) -> Params:
    """Initialise the means, before any data.

    Args:
        num_phonemes: Number of phonemes, v.
        latent_dim: Length of a latent, d.

    Returns:
        `latents` [v d] with their weight `frames` [v], and `seconds` [v] with their
        weight `phonemes` [v].
    """
    zeros = jnp.zeros(num_phonemes)
    latents = jnp.zeros((num_phonemes, latent_dim))
    return {"latents": latents, "frames": zeros, "seconds": zeros, "phonemes": zeros}


def update_means(
    means: Params, fractions: Array, latents: Array, batch: Batch, frame_weight: Array
) -> Params:
    """Update the means with a batch.

    Args:
        means: The means so far.
        fractions: Fraction of a frame that each phoneme lasts, [b t v].
        latents: Latents of the frames, [b t d].
        batch: `phoneme_ids` [b l], `phoneme_edges` [b l+1] and `weight` [b].
        frame_weight: Weights of the frames, [b t].

    Returns:
        The new means.
    """
    fractions = fractions * frame_weight[..., None]
    latent_sum = einsum(fractions, latents, "b t v, b t d -> v d")
    new_latents, new_frames = running_mean(
        means["latents"],
        means["frames"],
        latent_sum,
        jnp.sum(fractions, axis=(0, 1)),
    )
    one_hot = jax.nn.one_hot(batch["phoneme_ids"], len(new_frames))
    one_hot = one_hot * batch["weight"][:, None, None]
    durations = jnp.diff(batch["phoneme_edges"], axis=1)
    new_seconds, new_phonemes = running_mean(
        means["seconds"],
        means["phonemes"],
        einsum(durations, one_hot, "b l, b l v -> v"),
        jnp.sum(one_hot, axis=(0, 1)),
    )
    return {
        "latents": new_latents,
        "frames": new_frames,
        "seconds": new_seconds,
        "phonemes": new_phonemes,
    }


def running_mean(
    mean: Array, count: Array, total: Array, added: Array
) -> tuple[Array, Array]:
    """Update a mean with the sum of more values.

    Args:
        mean: The mean so far, [v ...].
        count: Its weight, [v].
        total: Weighted sum of the new values, [v ...].
        added: Their weight, [v].

    Returns:
        The new mean and its weight.
    """
    new_count = count + added
    shape = (-1,) + (1,) * (mean.ndim - 1)
    change = total - added.reshape(shape) * mean
    return mean + change / jnp.maximum(new_count, MIN_COUNT).reshape(shape), new_count
