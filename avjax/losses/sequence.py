"""Losses of what is read: one word a clip, or symbols in their order.  Per clip."""

import jax
import jax.numpy as jnp
import optax

from avjax.typing import Array

BLANK = 0  # the symbol of CTC that says nothing
NEVER = -1e5  # logarithm of what cannot be


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
