"""Phoneme durations: prediction, and expansion of phonemes to frames.

Edges f32 [b l + 1] are the times in seconds at which one phoneme gives way to the next.
Padding phonemes repeat the last edge.

Source   Ren et al., ICLR 2021 (FastSpeech 2), the duration predictor
"""

from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from avjax.constants import FPS
from avjax.nn.precision import dense_type, to_full_precision
from avjax.typing import Array

PREDICTOR_LAYERS = 2  # each sees one phoneme on both sides
INITIAL_LOG_DURATION = 2.2  # log(1 + 8): 0.08 s at 100 steps per second


class DurationPredictor(nn.Module):
    """Predict log-durations of phonemes, [b l d] -> [b l].

    Attributes:
        dropout: Dropout rate; the default is that of FastSpeech 2.
        dtype: Type of the products.
    """

    dropout: float = 0.5
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, mask: Array, train: bool) -> Array:
        """Predict log-durations from phoneme features.

        Args:
            x: Features of phonemes, [b l d].
            mask: 1 for phonemes that exist, [b l].
            train: Whether dropout is active; it needs a `dropout` key.

        Returns:
            Durations as `log_durations` defines them, [b l].
        """
        dropout = nn.Dropout(self.dropout, deterministic=not train)
        dtype = dense_type(self.dtype)
        for layer in range(PREDICTOR_LAYERS):
            neighbourhood = concat_neighbours(x * mask[..., None])
            conv = nn.Dense(x.shape[-1], dtype=dtype, name=f"conv_{layer}")
            x = nn.LayerNorm(name=f"norm_{layer}")(nn.relu(conv(neighbourhood)))
            x = dropout(x)
        bias_init = nn.initializers.constant(INITIAL_LOG_DURATION)
        out = nn.Dense(1, dtype=dtype, bias_init=bias_init, name="out")
        return to_full_precision(out(x)[..., 0])


class LengthRegulated(NamedTuple):
    """Features of phonemes, repeated for their durations.

    Attributes:
        features: Features of the phoneme of each step, [b n d].
        positions: Position of a step within its phoneme: fraction that has passed,
            seconds since its start, seconds until its end; each in [0, 1], [b n 3].
    """

    features: Array
    positions: Array


def length_regulate(
    features: Array, edges: Array, frames: int, rate: int
) -> LengthRegulated:
    """Repeat the features of each phoneme for its duration.

    Steps before the first edge get the first phoneme, steps after the last edge the
    last one.

    Args:
        features: Features of phonemes, [b l d].
        edges: Edges of the phonemes in seconds, [b l + 1].
        frames: Number of video frames.
        rate: Steps per second.

    Returns:
        Features and positions of n = frames * rate / FPS steps.
    """
    middle = ((jnp.arange(frames * rate // FPS) + 0.5) / rate)[None]
    has_ended = edges[:, None, 1:] <= middle[..., None]
    index = jnp.minimum(jnp.sum(has_ended, axis=-1), features.shape[1] - 1)
    start, end = (
        jnp.take_along_axis(edges[:, at:], index, axis=1) for at in (0, 1)
    )  # [b n]
    since, until = middle - start, end - middle
    fraction = since / jnp.maximum(end - start, 1e-3)
    positions = jnp.clip(jnp.stack([fraction, since, until], axis=-1), 0, 1)
    repeated = jnp.take_along_axis(features, index[..., None], axis=1)
    return LengthRegulated(repeated, positions)


def log_durations(edges: Array, rate: int) -> Array:
    """Compute the target of the duration predictor, log(1 + rate * duration).

    Args:
        edges: Edges of phonemes in seconds, [b l + 1].
        rate: Steps per second.

    Returns:
        Log-durations, [b l].
    """
    return jnp.log1p(rate * jnp.diff(edges, axis=1))


def to_seconds(durations: Array, rate: int) -> Array:
    """Convert predicted log-durations to seconds.

    Args:
        durations: Log-durations as `log_durations` defines them, [b l].
        rate: Steps per second.

    Returns:
        Durations in seconds, not negative, [b l].
    """
    return jnp.expm1(jnp.maximum(durations, 0)) / rate


def concat_neighbours(x: Array) -> Array:
    """Concatenate each vector with its two neighbours; zeros beyond the ends.

    Args:
        x: Vectors, [b l d].

    Returns:
        Previous, own and next vector, [b l 3d].
    """
    padded = jnp.pad(x, ((0, 0), (1, 1), (0, 0)))
    return jnp.concatenate([padded[:, :-2], x, padded[:, 2:]], axis=-1)
