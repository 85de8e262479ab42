"""Random masks of training: spans of frames, and the lookahead of each clip."""

import jax
import jax.numpy as jnp

from avjax.typing import Array, Key


def sample_masked_spans(
    key: Key, shape: tuple[int, int], fraction: float, span: int
) -> Array:
    """Sample which audio features to mask, as spans of consecutive frames.

    Args:
        key: A PRNG key.
        shape: (b, t).
        fraction: Expected fraction of masked frames.
        span: Length of a span in frames.

    Returns:
        True where a feature is masked, bool [b t].
    """
    start_prob = 1 - (1 - fraction) ** (1 / span)
    batch, frames = shape
    starts = jax.random.bernoulli(key, start_prob, (batch, frames + span - 1))
    return jnp.any(
        jnp.stack([starts[:, i : i + frames] for i in range(span)]), axis=0
    )  # cals (2)


def sample_lookahead(key: Key, count: int, maximum: int, fraction: float) -> Array:
    """Sample the lookahead of each training clip.

    Args:
        key: A PRNG key.
        count: Number of clips, b.
        maximum: The largest lookahead in frames.
        fraction: Fraction of the clips whose lookahead is uniform in 0..maximum; the
            others have the largest.

    Returns:
        Lookaheads in frames, i32 [b].
    """
    which_key, value_key = jax.random.split(key)
    shorter = jax.random.randint(value_key, (count,), 0, maximum + 1)
    shorten = jax.random.bernoulli(which_key, fraction, (count,))
    return jnp.where(shorten, shorter, maximum)
