"""How well lips and sound keep time, by the codes that a sync network gives them.

Published figures (LSE-D, LSE-C) are those of one certain network.  Over codes of our
own expert the same sums are called lse_d_expert and lse_c_expert: they compare systems
with each other, and with nothing outside.
"""

from typing import NamedTuple

import jax.numpy as jnp

from avjax.typing import Array

REACH = 15  # frames to either side


class Synchrony(NamedTuple):
    distance: Array  # LSE-D, at the best offset; less is better
    confidence: Array  # LSE-C, median minus best; more is better
    offset: Array  # i32, frames that the sound is ahead of the lips


def distances_by_offset(seen: Array, heard: Array, exists: Array) -> Array:
    """Mean distance of lips to the sound some frames earlier and later.

    seen, heard [t d], one code a frame; exists [t], 1 up to the end of the clip and 0
    behind it -> [2 REACH + 1].  Only pairs that exist count.  (The published program
    continues the sound by zeros; codes of length one are nearer to zero than to any
    other sound, so that the ends would win.)
    """
    padded = jnp.pad(heard, ((REACH, REACH), (0, 0)))
    shifted = jnp.stack([padded[s : s + len(seen)] for s in range(2 * REACH + 1)])
    there = jnp.pad(exists, REACH)
    both = jnp.stack([there[s : s + len(seen)] for s in range(2 * REACH + 1)])
    both = both * exists[None]
    apart = jnp.linalg.norm(seen[None] - shifted, axis=-1)
    mean = jnp.sum(apart * both, axis=-1) / jnp.maximum(jnp.sum(both, axis=-1), 1)
    return jnp.where(jnp.sum(both, axis=-1) > 0, mean, jnp.inf)


def synchrony(seen: Array, heard: Array, exists: Array) -> Synchrony:
    """Offset, distance and confidence of one clip.  seen, heard [t d], exists [t].

    Source: Chung and Zisserman, 2016; Prajwal et al., 2020 (LSE).
    """
    distances = distances_by_offset(seen, heard, exists)
    best = jnp.min(distances)
    offset = REACH - jnp.argmin(distances)
    usual = jnp.nanmedian(jnp.where(jnp.isfinite(distances), distances, jnp.nan))
    return Synchrony(best, usual - best, offset)
