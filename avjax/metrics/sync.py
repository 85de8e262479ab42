"""How well lips and sound keep time, by the codes that a sync network gives them.

Published figures (LSE-D, LSE-C) are those of one certain network.  Over codes of our
own expert the same sums are called lse_d_expert and lse_c_expert: they compare systems
with each other, and with nothing outside.
"""

from typing import NamedTuple

import jax.numpy as jnp

from avjax.typing import Array

REACH = 15  # frames to either side
NEVER_ZERO = 1e-6  # added to each difference, as published


class Synchrony(NamedTuple):
    distance: Array  # LSE-D, at the best offset; less is better
    confidence: Array  # LSE-C, median minus best; more is better
    offset: Array  # i32, frames that the sound is ahead of the lips


class Distances(NamedTuple):
    """Lips to the sound some frames earlier and later; parts of a clip add up."""

    total: Array  # [2 REACH + 1]
    pairs: Array  # [2 REACH + 1], how many were summed

    def merge(self, other: "Distances") -> "Distances":
        return Distances(self.total + other.total, self.pairs + other.pairs)


def distances_by_offset(
    seen: Array, around: Array, exists: Array, there: Array
) -> Distances:
    """Distances of some frames of a clip to the sound at every offset.

    seen [t d]              codes of the lips
    around [t + 2 REACH d]  codes of the sound, from REACH frames before the first
    exists [t], there       1 for lips and for sound that count, else 0

    Only pairs of both count.
    """
    offsets = range(2 * REACH + 1)
    shifted = jnp.stack([around[s : s + len(seen)] for s in offsets])
    both = jnp.stack([there[s : s + len(seen)] for s in offsets]) * exists[None]
    apart = jnp.linalg.norm(seen[None] - shifted + NEVER_ZERO, axis=-1)
    return Distances(jnp.sum(apart * both, axis=-1), jnp.sum(both, axis=-1))


def verdict(distances: Distances) -> Synchrony:
    """Offset, distance and confidence by the mean distance at every offset.

    Source: Chung and Zisserman, 2016; Prajwal et al., 2020 (LSE).
    """
    mean = distances.total / jnp.maximum(distances.pairs, 1)
    mean = jnp.where(distances.pairs > 0, mean, jnp.inf)
    best = jnp.min(mean)
    offset = REACH - jnp.argmin(mean)
    usual = jnp.nanmedian(jnp.where(jnp.isfinite(mean), mean, jnp.nan))
    return Synchrony(best, usual - best, offset)


def synchrony(seen: Array, heard: Array, exists: Array) -> Synchrony:
    """The verdict on one clip.  seen, heard [t d], one code a frame.

    exists [t]  1 up to the end of the clip and 0 behind it

    Sound beyond the ends does not count.  (The published program continues it by zeros;
    codes of length one are nearer to zero than to any other sound, so that the ends
    would win.)
    """
    around = jnp.pad(heard, ((REACH, REACH), (0, 0)))
    there = jnp.pad(exists, REACH)
    return verdict(distances_by_offset(seen, around, exists, there))
