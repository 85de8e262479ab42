"""Losses of what is read or heard: one word, or symbols in their order.  Per clip."""

import jax
import jax.numpy as jnp
import optax

from avjax.typing import Array

BLANK = 0  # the symbol of CTC that says nothing
NEVER = -1e5  # logarithm of what cannot be
LOST = -1e9  # the same in a chain, which may be of many columns


def word_error(logits: Array, word: Array) -> Array:
    """Cross entropy of one word.  logits [b v], word i32 [b] -> [b]."""
    # bridging (6)
    return optax.softmax_cross_entropy_with_integer_labels(logits, word)


def transcript_error(
    logits: Array, exists: Array, symbols: Array, spoken: Array, allowed: Array
) -> Array:
    """Connectionist temporal classification: -log of all ways to say the symbols.

    A way that names a symbol where it is not allowed does not count: CTC alone lets a
    network that sees a whole clip name a word anywhere in it.

    logits [b t v], exists [b t], symbols i32 [b l], spoken [b l], allowed [b t v], 1 or
    0 -> [b].  Symbols that do not fit give zero: nothing can be learnt from them.
    Source  Graves et al., ICML 2006; the constraint: Senior et al., ASRU 2015
    """
    # bridging (6)
    likely = jnp.where(allowed > 0, jax.nn.log_softmax(logits), NEVER)
    anywhere = -jax.nn.logsumexp(likely, axis=-1)  # of what is allowed in a frame
    given = likely, 1 - exists, symbols, 1 - spoken  # made to sum to one again
    error = optax.ctc_loss(*given, blank_id=BLANK, log_epsilon=NEVER)
    error += jnp.sum(anywhere * exists, axis=1)
    return jnp.where(error < -NEVER / 2, error, 0.0)


def chain_error(likely: Array, exists: Array, optional: Array, length: Array) -> Array:
    """-log of all ways through a chain of places, from its first to its last.

    Every column is of one place, and a place lasts one column or more; an optional one
    may be left out.  The first and the last are optional, and no two on end.

    likely [b f l], the logarithm of how well a place goes with a column, LOST where it
    cannot be; exists [b f]; optional [b l]; length i32 [b], places of the chain, beyond
    which nothing counts -> [b].  A chain that does not fit gives zero.
    """

    def column(before: Array, now: tuple[Array, Array]) -> tuple[Array, None]:
        row, here = now
        after = jax.nn.logsumexp(ways(before, optional), axis=0) + row
        return jnp.where(here[:, None] > 0, after, before), None

    along = jnp.moveaxis(likely, 1, 0), jnp.moveaxis(exists, 1, 0)
    last, _ = jax.lax.scan(column, at_first(optional), along)
    places = jnp.arange(likely.shape[2])[None]
    whole = (places < length[:, None]) & (places >= length[:, None] - 2)
    error = -jax.nn.logsumexp(jnp.where(whole, last, LOST), axis=-1)
    return jnp.where(error < -LOST / 2, error, 0.0)


def at_first(optional: Array) -> Array:
    """Where a way is before the first column, as logarithms: [... l] -> [... l]."""
    places = jnp.arange(optional.shape[-1])
    return jnp.broadcast_to(jnp.where(places, LOST, 0.0), optional.shape)


def ways(before: Array, optional: Array) -> Array:
    """How likely a place is come to: by staying, by a step, past an optional one.

    before, optional [... l] -> [3 ... l], logarithms
    """
    around = [(0, 0)] * (before.ndim - 1)
    one, two, past = (
        jnp.pad(array, (*around, (steps, 0)), constant_values=lost)[
            ..., : before.shape[-1]
        ]
        for array, steps, lost in (
            (before, 1, LOST),
            (before, 2, LOST),
            (optional, 1, 0),
        )
    )
    return jnp.stack([before, one, jnp.where(past > 0, two, LOST)])
