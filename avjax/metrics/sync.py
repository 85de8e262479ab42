"""Lip synchronisation (LSE) from the embeddings of a sync network.

Published numbers (LSE-D, LSE-C) are those of one particular network, SyncNet. The same
sums over embeddings of the sync expert are called lse_d_expert and lse_c_expert. They
can only be compared between systems of this library.
"""

from typing import NamedTuple

import jax.numpy as jnp

from avjax.typing import Array

MAX_OFFSET_FRAMES = 15  # largest offset between lips and audio, in either direction
DISTANCE_EPSILON = 1e-6  # added to each difference, as in the published code


class SyncScore(NamedTuple):
    """Synchronisation of one clip.

    Attributes:
        distance: LSE-D: distance at the best offset; less is better.
        confidence: LSE-C: median distance minus best distance; more is better.
        offset: Frames by which the audio is ahead of the lips, i32.
    """

    distance: Array
    confidence: Array
    offset: Array


class OffsetDistances(NamedTuple):
    """Summed distances between lips and audio at every offset.

    Attributes:
        total: Sum of the distances, [2 MAX_OFFSET_FRAMES + 1].
        pairs: Number of distances in the sum, [2 MAX_OFFSET_FRAMES + 1].
    """

    total: Array
    pairs: Array

    def merge(self, other: "OffsetDistances") -> "OffsetDistances":
        """Add the distances of another part of the clip.

        Args:
            other: Distances at the same offsets.

        Returns:
            The sum of both.
        """
        return OffsetDistances(self.total + other.total, self.pairs + other.pairs)


def distances_by_offset(
    visual: Array, audio: Array, visual_mask: Array, audio_mask: Array
) -> OffsetDistances:
    """Sum the distances between lips and audio at every offset.

    Only pairs count in which both exist.

    Args:
        visual: Embeddings of the lips in some frames of a clip, [t d].
        audio: Embeddings of the audio, from MAX_OFFSET_FRAMES before the first of these
            frames on, [t + 2 MAX_OFFSET_FRAMES, d].
        visual_mask: 1 for frames with lips, [t].
        audio_mask: 1 for frames with audio, [t + 2 MAX_OFFSET_FRAMES].

    Returns:
        The sums.
    """
    frames, offsets = len(visual), range(2 * MAX_OFFSET_FRAMES + 1)
    shifted = jnp.stack([audio[start : start + frames] for start in offsets])
    mask = jnp.stack([audio_mask[start : start + frames] for start in offsets])
    mask = mask * visual_mask[None]
    distance = jnp.linalg.norm(visual[None] - shifted + DISTANCE_EPSILON, axis=-1)
    return OffsetDistances(jnp.sum(distance * mask, axis=-1), jnp.sum(mask, axis=-1))


def sync_score(distances: OffsetDistances) -> SyncScore:
    """Compute offset, distance and confidence from the mean distances.

    Args:
        distances: Sums over a whole clip.

    Returns:
        The score.

    Source:
        Chung and Zisserman, 2016; Prajwal et al., 2020 (LSE).
    """
    mean = distances.total / jnp.maximum(distances.pairs, 1)
    mean = jnp.where(distances.pairs > 0, mean, jnp.inf)
    best = jnp.min(mean)
    offset = MAX_OFFSET_FRAMES - jnp.argmin(mean)
    median = jnp.nanmedian(jnp.where(jnp.isfinite(mean), mean, jnp.nan))
    return SyncScore(best, median - best, offset)


def clip_sync_score(visual: Array, audio: Array, frame_mask: Array) -> SyncScore:
    """Compute the synchronisation of one clip.

    Audio beyond the ends of the clip does not count. The published code pads it with
    zeros; embeddings of unit length are closer to zero than to any other audio, so that
    the largest offsets would win.

    Args:
        visual: Embeddings of the lips, one per frame, [t d].
        audio: Embeddings of the audio, one per frame, [t d].
        frame_mask: 1 up to the end of the clip and 0 after it, [t].

    Returns:
        The score.
    """
    padding = MAX_OFFSET_FRAMES, MAX_OFFSET_FRAMES
    padded_audio = jnp.pad(audio, (padding, (0, 0)))
    audio_mask = jnp.pad(frame_mask, MAX_OFFSET_FRAMES)
    return sync_score(distances_by_offset(visual, padded_audio, frame_mask, audio_mask))
