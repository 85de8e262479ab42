"""How far lips and sound, or lips and lips, are from each other.  Per clip."""

import jax
import jax.numpy as jnp

from avjax.typing import Array

NEVER = -1e9  # logit of what does not exist


def synchrony_error(
    heard: Array, seen: Array, match: Array, doubt: float = 1e-7
) -> Array:
    """Cross entropy of the cosine of two codes, read as a probability of being in sync.

    heard, seen [... d] of length one and not negative; match [...], 1 in sync, 0 out of
    sync -> [...].  doubt is added to the probability: it bounds the slope, 1 / doubt.
    """
    together = jnp.sum(heard.astype(jnp.float32) * seen.astype(jnp.float32), axis=-1)
    together = jnp.clip(together, 0.0, 1.0)  # rounding may leave it
    # synctalkface (8), cals (7)
    hit = match * jnp.log(together + doubt)
    return -hit - (1 - match) * jnp.log(1 - together + doubt)


def lip_distance(generated: Array, real: Array) -> Array:
    """How differently two mouths move.  Lip codes [... d], [... d] -> [...]."""
    return jnp.mean(jnp.abs(generated - real), axis=-1)  # synctalkface (9)


def unit_error(made: Array, truth: Array) -> Array:
    """One less the cosine of two codes of length one.  [... d], [... d] -> [...].

    The truth is taken as given.
    """
    goal = jax.lax.stop_gradient(truth)
    return 1 - jnp.sum(made * goal, axis=-1)  # cals (4)


def lip_confusion(
    generated: Array, real: Array, match: int, exists: Array, temperature: float = 0.07
) -> Array:
    """How hard a generated mouth is to tell from those of other moments of its clip.

    generated [b d], real [b t d], of length one: the codes of moments in a row, of
    which the match-th is the right one, exists [b t] -> [b]: the cross entropy of the
    cosines.
    """
    cosine = jnp.sum(generated[:, None] * real, axis=-1)
    logits = jnp.where(exists > 0, cosine / temperature, NEVER)
    return -jax.nn.log_softmax(logits)[:, match]  # cals (8)
