"""Losses of recognised words and symbol sequences, per clip.

The alignment loss and the Viterbi search (`avjax.algorithms.viterbi`) share the two
functions that describe an alignment graph: `initial_scores` and `transition_scores`.
"""

import jax
import jax.numpy as jnp
import optax

from avjax.constants import NEG_INF
from avjax.typing import Array

BLANK = 0  # number of the CTC blank, as in avjax.text.tokenizer
CTC_LOG_ZERO = -1e5  # log-probability of a symbol that is not allowed


def word_cross_entropy(logits: Array, word: Array) -> Array:
    """Compute the cross-entropy of a word classifier.

    Args:
        logits: Logits over the vocabulary, [b v].
        word: True word, i32 [b].

    Returns:
        One loss per clip in nats, [b].
    """
    # bridging (6)
    return optax.softmax_cross_entropy_with_integer_labels(logits, word)


def ctc_loss(
    logits: Array,
    frame_mask: Array,
    labels: Array,
    label_mask: Array,
    allowed: Array,
) -> Array:
    """Compute the CTC loss (connectionist temporal classification) with known times.

    Alignments that emit a symbol in a frame where it is not allowed do not count.
    Plain CTC lets a network that sees the whole clip emit a word at any time.

    Args:
        logits: Logits over the symbols, symbol 0 is the blank, [b t v].
        frame_mask: 1 for frames that exist, [b t].
        labels: True symbols, i32 [b l].
        label_mask: 1 for labels that exist, [b l].
        allowed: 1 where a symbol is allowed in a frame, [b t v].

    Returns:
        One loss per clip in nats, [b]. Zero if the labels do not fit into the frames.

    Source:
        Graves et al., ICML 2006; the constraint: Senior et al., ASRU 2015.
    """
    # bridging (6)
    log_probs = jnp.where(allowed > 0, jax.nn.log_softmax(logits), CTC_LOG_ZERO)
    normalizer = -jax.nn.logsumexp(log_probs, axis=-1)  # optax normalises once more
    loss = optax.ctc_loss(
        log_probs,
        1 - frame_mask,
        labels,
        1 - label_mask,
        blank_id=BLANK,
        log_epsilon=CTC_LOG_ZERO,
    )
    loss += jnp.sum(normalizer * frame_mask, axis=1)
    return jnp.where(loss < -CTC_LOG_ZERO / 2, loss, 0.0)


def alignment_nll(
    log_likelihood: Array, frame_mask: Array, optional: Array, length: Array
) -> Array:
    """Compute the negative log-likelihood of all paths through an alignment graph.

    A graph is a sequence of states. Each mel frame belongs to one state, and a state
    lasts one mel frame or more. An optional state may be skipped. The first and the
    last state are optional, and no two consecutive states are.

    Args:
        log_likelihood: Log-likelihood of each state in each frame, `NEG_INF` where a
            state is not allowed, [b f l].
        frame_mask: 1 for frames that exist, [b f].
        optional: 1 for states that may be skipped, [b l].
        length: Number of states of each graph, i32 [b].

    Returns:
        One loss per clip in nats, [b]. Zero if the graph does not fit into the frames.
    """

    def add_frame(scores: Array, inputs: tuple[Array, Array]) -> tuple[Array, None]:
        row, exists = inputs
        updated = jax.nn.logsumexp(transition_scores(scores, optional), axis=0) + row
        return jnp.where(exists[:, None] > 0, updated, scores), None

    rows = jnp.moveaxis(log_likelihood, 1, 0), jnp.moveaxis(frame_mask, 1, 0)
    scores, _ = jax.lax.scan(add_frame, initial_scores(optional), rows)
    states = jnp.arange(log_likelihood.shape[2])[None]
    final = (states < length[:, None]) & (states >= length[:, None] - 2)
    # aligner (2)
    nll = -jax.nn.logsumexp(jnp.where(final, scores, NEG_INF), axis=-1)
    return jnp.where(nll < -NEG_INF / 2, nll, 0.0)


def initial_scores(optional: Array) -> Array:
    """Return the log-probability of each state before the first frame.

    Args:
        optional: States that may be skipped, [... l].

    Returns:
        Zero for the first state and `NEG_INF` for all others, [... l].
    """
    states = jnp.arange(optional.shape[-1])
    return jnp.broadcast_to(jnp.where(states, NEG_INF, 0.0), optional.shape)


def transition_scores(scores: Array, optional: Array) -> Array:
    """Return the scores with which each state can be reached in the next frame.

    Args:
        scores: Log-probability of each state in the current frame, [... l].
        optional: States that may be skipped, [... l].

    Returns:
        Scores by staying, by one step, and by skipping an optional state, [3 ... l].
    """
    no_padding = [(0, 0)] * (scores.ndim - 1)
    one_step, two_steps, skipped = (
        jnp.pad(array, (*no_padding, (steps, 0)), constant_values=fill)[
            ..., : scores.shape[-1]
        ]
        for array, steps, fill in (
            (scores, 1, NEG_INF),
            (scores, 2, NEG_INF),
            (optional, 1, 0),
        )
    )
    return jnp.stack([scores, one_step, jnp.where(skipped > 0, two_steps, NEG_INF)])
