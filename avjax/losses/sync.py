"""Losses of lip synchronisation and of lip motion, per clip."""

import jax
import jax.numpy as jnp
import numpy as np

from avjax.constants import NEG_INF
from avjax.typing import Array

MAX_SILENCE = -3.9  # log-mel values up to this are silent; digital silence is -4


def sync_loss(
    audio: Array, video: Array, match: Array, prob_floor: float = 1e-7
) -> Array:
    """Compute the cross-entropy of the cosine similarity of two embeddings.

    The cosine is read as the probability that audio and video are in sync.

    Args:
        audio: Audio embeddings of unit length, not negative, [... d].
        video: Video embeddings of unit length, not negative, [... d].
        match: 1 for pairs in sync, 0 for pairs out of sync, [...].
        prob_floor: Added to the probability; it limits the gradient to 1 / prob_floor.

    Returns:
        One loss per pair in nats, [...].

    Source:
        SyncTalkFace (8), CALS (7).
    """
    cosine = jnp.sum(audio.astype(jnp.float32) * video.astype(jnp.float32), axis=-1)
    prob = jnp.clip(cosine, 0.0, 1.0)  # rounding may leave the range
    # synctalkface (8), cals (7), sync_expert (2)
    log_prob = match * jnp.log(prob + prob_floor)
    return -log_prob - (1 - match) * jnp.log(1 - prob + prob_floor)


def lip_l1(pred: Array, target: Array) -> Array:
    """Compute the mean absolute difference of two lip embeddings.

    Args:
        pred: Embeddings of generated mouths, [... d].
        target: Embeddings of real mouths, [... d].

    Returns:
        One loss per embedding, [...].
    """
    return jnp.mean(jnp.abs(pred - target), axis=-1)  # synctalkface (9)


def cosine_distance(pred: Array, target: Array) -> Array:
    """Compute one minus the cosine similarity.

    No gradient reaches the target.

    Args:
        pred: Predicted vectors of unit length, [... d].
        target: True vectors of unit length, [... d].

    Returns:
        One loss per vector, [...].
    """
    target = jax.lax.stop_gradient(target)
    return 1 - jnp.sum(pred * target, axis=-1)  # cals (4)


def lip_infonce(
    pred: Array,
    real: Array,
    match: int,
    mask: Array,
    temperature: float = 0.07,
    margin: int = 0,
) -> Array:
    """Compute the InfoNCE loss of a generated lip embedding.

    The positive is the true embedding of the same frame; the negatives are the true
    embeddings of the other frames of the clip, without those close to it.

    Args:
        pred: Embeddings of generated mouths, unit length, [b d].
        real: Embeddings of consecutive real frames, unit length, [b t d].
        match: Index in time of the positive.
        mask: 1 for candidates that exist, [b t].
        temperature: Divides the cosine similarities.
        margin: Frames on either side of the positive that are no negatives.

    Returns:
        One loss per clip in nats, [b].
    """
    cosine = jnp.sum(pred[:, None] * real, axis=-1)
    distance = np.abs(np.arange(real.shape[1]) - match)
    far = (distance == 0) | (distance > margin)
    logits = jnp.where((mask > 0) & far[None], cosine / temperature, NEG_INF)
    return -jax.nn.log_softmax(logits)[:, match]  # cals (8)


def speech_mask(mel: Array) -> Array:
    """Find the log-mel windows that are mostly not digital silence.

    The sync expert is not trained on silence, so its output there must not train a
    talker.

    Args:
        mel: Log-mel windows, f32 [b f k].

    Returns:
        1 where at least half of the mel frames are not silent, f32 [b].
    """
    audible = jnp.max(mel, axis=-1) > MAX_SILENCE
    return (jnp.mean(audible, axis=-1) >= 0.5).astype(jnp.float32)
