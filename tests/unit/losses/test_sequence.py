"""Losses of words and symbol sequences, against enumeration."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.constants import NEG_INF
from avjax.losses.reconstruction import mel_l1
from avjax.losses.sequence import (
    alignment_nll,
    ctc_loss,
    word_cross_entropy,
)


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def log_softmax(logits):
    logits = np.asarray(logits, float)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def test_word_cross_entropy():
    """bridging (6)"""
    logits, words = normal(0, 3, 4), [2, 0, 3]
    actual = word_cross_entropy(logits, jnp.asarray(words))
    expected = [
        -log_softmax(row)[word] for row, word in zip(logits, words, strict=True)
    ]
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def collapse(path):
    """Collapse a path: merge repeated symbols and drop blanks."""
    return [symbol for symbol, _ in itertools.groupby(path) if symbol != 0]


def by_brute_force(logits, symbols, allowed):
    """Sum the probability of all allowed paths that collapse to the symbols."""
    log_probs = log_softmax(logits)
    paths = itertools.product(range(logits.shape[-1]), repeat=len(logits))
    log_likelihood = [
        np.exp(sum(row[symbol] for row, symbol in zip(log_probs, path, strict=True)))
        for path in paths
        if collapse(path) == symbols
        and all(row[symbol] for row, symbol in zip(allowed, path, strict=True))
    ]
    return -np.log(sum(log_likelihood))


SENTENCES = [([1, 2], 4), ([2, 2], 4), ([], 3), ([1], 1), ([2, 2], 3), ([1, 2, 1], 3)]


@pytest.fixture
def clips():
    """Arguments of ctc_loss for SENTENCES, with all symbols allowed."""
    symbols, label_mask = np.zeros((2, len(SENTENCES), 3), int)
    frame_mask = np.zeros((len(SENTENCES), 4))
    for clip, (sentence, frames) in enumerate(SENTENCES):
        symbols[clip, : len(sentence)] = sentence
        label_mask[clip, : len(sentence)] = 1
        frame_mask[clip, :frames] = 1
    logits = normal(0, len(SENTENCES), 4, 3)
    arguments = (
        frame_mask,
        symbols,
        label_mask.astype(np.float32),
        np.ones(logits.shape),
    )
    return logits, *map(jnp.asarray, arguments)


def test_ctc_loss_sums_over_all_alignments(clips):
    """bridging (6): frames that do not exist are ignored."""
    actual = jax.jit(ctc_loss)(*clips)
    for clip, (sentence, frames) in enumerate(SENTENCES):
        logits = np.asarray(clips[0][clip, :frames])
        expected = by_brute_force(logits, sentence, np.ones((frames, 3)))
        np.testing.assert_allclose(actual[clip], expected, rtol=1e-4, atol=1e-5)


def test_ctc_loss_ignores_alignments_that_are_not_allowed(clips):
    *inputs, allowed = clips
    allowed = allowed.at[:, 0, 1].set(0).at[:, 2, 2].set(0)
    actual = jax.jit(ctc_loss)(*inputs, allowed)
    for clip in (0, 1, 2):
        sentence, frames = SENTENCES[clip]
        allowed_frames = np.asarray(allowed[clip, :frames])
        expected = by_brute_force(
            np.asarray(inputs[0][clip, :frames]), sentence, allowed_frames
        )
        np.testing.assert_allclose(actual[clip], expected, rtol=1e-4, atol=1e-5)
    assert actual[3] == 0  # its only symbol is not allowed in its only frame


def test_ctc_loss_is_zero_if_labels_do_not_fit(clips):
    """A blank must separate equal symbols: two of them take three frames."""
    logits, frame_mask, *rest = clips
    too_short = frame_mask.at[:, :].set(0).at[:, :2].set(1)

    def total(logits):
        loss = ctc_loss(logits, too_short, *rest)
        return loss.sum(), loss

    (_, loss), grads = jax.jit(jax.value_and_grad(total, has_aux=True))(logits)
    fits = np.array([True, False, True, True, False, False])
    np.testing.assert_array_equal(loss != 0, fits)
    np.testing.assert_array_equal(np.any(grads, axis=(1, 2)), fits)
    assert np.isfinite(grads).all()


def test_mel_l1_is_the_mean_per_mel_frame():
    """bridging (7)"""
    pred, target = normal(0, 2, 3, 4), normal(1, 2, 3, 4)
    actual = mel_l1(pred, target)
    assert actual.shape == (2, 3)
    for index in np.ndindex(2, 3):
        expected = np.mean([abs(pred[index][k] - target[index][k]) for k in range(4)])
        np.testing.assert_allclose(actual[index], expected, rtol=1e-5)


GRAPHS = [  # optional states, number of frames
    ([1, 0, 0, 1, 0, 1], 5),
    ([1, 0, 1], 4),
    ([1, 0, 0, 1], 2),
    ([1, 0, 0, 0, 1], 5),
]


def all_paths(optional, frames):
    """List all paths as states of frames; only optional states are skipped."""
    last = len(optional) - 1
    paths = [[0], [1]]
    for _ in range(frames - 1):
        paths = [
            [*path, state]
            for path in paths
            for state in range(path[-1], last + 1)
            if all(optional[between] for between in range(path[-1] + 1, state))
        ]
    return [path for path in paths if path[-1] >= last - 1]


@pytest.fixture
def graphs():
    """Arguments of alignment_nll for GRAPHS; padding has a high likelihood."""
    count, frames, num_states = len(GRAPHS), 5, 6
    log_likelihood = np.array(normal(3, count, frames, num_states)) - 1
    frame_mask, optional = np.zeros((count, frames)), np.ones((count, num_states))
    for clip, (states, frames) in enumerate(GRAPHS):
        frame_mask[clip, :frames] = 1
        optional[clip, : len(states)] = states
        log_likelihood[clip, frames:] = log_likelihood[clip, :, len(states) :] = 50
    length = np.array([len(states) for states, _ in GRAPHS])
    return tuple(map(jnp.asarray, (log_likelihood, frame_mask, optional, length)))


def test_alignment_nll_sums_over_all_paths(graphs):
    actual = jax.jit(alignment_nll)(*graphs)
    for clip, (optional, frames) in enumerate(GRAPHS):
        rows = np.asarray(graphs[0][clip], float)
        log_likelihood = [
            sum(rows[frame, state] for frame, state in enumerate(path))
            for path in all_paths(optional, frames)
        ]
        expected = -np.log(np.sum(np.exp(log_likelihood)))
        np.testing.assert_allclose(actual[clip], expected, rtol=1e-5)


def test_alignment_nll_is_zero_if_the_graph_does_not_fit(graphs):
    log_likelihood, frame_mask, optional, length = graphs
    few_frames = frame_mask.at[3, 2:].set(0)  # three required states in two frames
    forbidden = log_likelihood.at[1, :, 1].set(NEG_INF)  # the only word is not allowed
    for inputs in ((log_likelihood, few_frames), (forbidden, frame_mask)):
        loss, grads = jax.jit(
            jax.value_and_grad(lambda x, y: alignment_nll(x, y, optional, length).sum())
        )(*inputs)
        assert np.isfinite(loss) and np.isfinite(grads).all()
    clip = 3
    assert alignment_nll(log_likelihood, few_frames, optional, length)[clip] == 0
    assert alignment_nll(forbidden, frame_mask, optional, length)[1] == 0
