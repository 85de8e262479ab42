"""Losses of what is read: one word a clip, or symbols in their order.  Per clip."""

import jax
import jax.numpy as jnp
import optax

from avjax.typing import Array

BLANK = 0  # the symbol of CTC that says nothing


def word_error(logits: Array, word: Array) -> Array:
    """Cross entropy of one word.  logits [b v], word i32 [b] -> [b]."""
    # bridging (6)
    return optax.softmax_cross_entropy_with_integer_labels(logits, word)


def transcript_error(
    logits: Array, exists: Array, symbols: Array, spoken: Array
) -> Array:
    """Connectionist temporal classification: -log of all ways to say the symbols.

    logits [b t v], exists [b t], symbols i32 [b l], spoken [b l] -> [b].  Symbols that
    do not fit into their frames give zero: nothing can be learnt from them.
    Source  Graves et al., ICML 2006
    """
    # bridging (6)
    error = optax.ctc_loss(logits, 1 - exists, symbols, 1 - spoken, blank_id=BLANK)
    twice = (symbols[:, 1:] == symbols[:, :-1]) * spoken[:, 1:]
    fits = jnp.sum(spoken, 1) + jnp.sum(twice, 1) <= jnp.sum(exists, 1)
    return jnp.where(fits, error, 0.0)


def timing_error(logits: Array, allowed: Array) -> Array:
    """-log of how likely it is that only what may be said is named.

    logits [b t v], allowed [b t v], 1 or 0 -> [b t].  CTC alone lets a network that
    sees a whole clip name a word anywhere in it.
    """
    likely = jax.nn.log_softmax(logits)
    return -jax.nn.logsumexp(likely, axis=-1, where=allowed > 0)
