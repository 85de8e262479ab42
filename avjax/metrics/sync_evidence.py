"""Evidence that lips and audio belong together, at each offset and at none."""

import jax
import jax.numpy as jnp
import numpy as np

from avjax.constants import NEG_INF
from avjax.metrics.sync import MAX_OFFSET_FRAMES
from avjax.typing import Array

# Frames by which the audio may be ahead of the lips, in the order of the arrays.
OFFSETS = np.arange(-MAX_OFFSET_FRAMES, MAX_OFFSET_FRAMES + 1)


def evidence_by_offset(
    lips: Array, audio: Array, lip_mask: Array, audio_mask: Array
) -> tuple[Array, Array]:
    """Compute the evidence of each frame for each offset.

    Args:
        lips: Embeddings of the lips in some frames of a clip, [t d].
        audio: Embeddings of the audio, from MAX_OFFSET_FRAMES before the first of these
            frames to as many after the last one, [t + 2 MAX_OFFSET_FRAMES, d].
        lip_mask: 1 for frames with lips, [t].
        audio_mask: 1 for frames with audio, [t + 2 MAX_OFFSET_FRAMES].

    Returns:
        Evidence, and 1 where both lips and audio exist, [t o] each; o as `OFFSETS`.
    """
    frames = len(lips)
    starts = MAX_OFFSET_FRAMES - OFFSETS
    shifted = jnp.stack([audio[start : start + frames] for start in starts], axis=1)
    masks = jnp.stack([audio_mask[start : start + frames] for start in starts], axis=1)
    masks = masks * lip_mask[:, None]
    evidence = jnp.einsum("t d, t o d -> t o", lips, shifted)  # sync_people (3)
    return masks * evidence * lips.shape[-1] ** -0.5, masks


def offset_log_probs(evidence: Array, pairs: Array) -> Array:
    """Compute how probable each offset is, and that none is right.

    All offsets together are as probable as none before anything is seen.

    Args:
        evidence: Summed evidence, [... o].
        pairs: Number of frames in the sum, [... o]; offsets without any are impossible.

    Returns:
        Logarithms of probabilities, of each offset and last of none, [... o+1].
    """
    known = jnp.where(pairs > 0, evidence, NEG_INF)
    none = jnp.full((*evidence.shape[:-1], 1), np.log(len(OFFSETS)))
    return jax.nn.log_softmax(
        jnp.concatenate([known, none], axis=-1)
    )  # sync_people (4)
