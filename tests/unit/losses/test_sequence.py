"""Losses of what is read and said: one word, symbols in their order, a mel."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.losses.reconstruction import mel_error
from avjax.losses.sequence import (
    LOST,
    chain_error,
    transcript_error,
    word_error,
)


def draw(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def log_softmax(logits):
    logits = np.asarray(logits, float)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def test_a_word_s_error_is_minus_the_log_of_its_probability():
    """bridging (6)"""
    logits, words = draw(0, 3, 4), [2, 0, 3]
    found = word_error(logits, jnp.asarray(words))
    expected = [
        -log_softmax(row)[word] for row, word in zip(logits, words, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def said(path):
    """What a path through the frames says: lasting symbols once, without blanks."""
    return [symbol for symbol, _ in itertools.groupby(path) if symbol != 0]


def by_brute_force(logits, symbols, allowed):
    """-log of the summed probability of all allowed paths that say the symbols."""
    log_probs = log_softmax(logits)
    paths = itertools.product(range(logits.shape[-1]), repeat=len(logits))
    likely = [
        np.exp(sum(row[symbol] for row, symbol in zip(log_probs, path, strict=True)))
        for path in paths
        if said(path) == symbols
        and all(row[symbol] for row, symbol in zip(allowed, path, strict=True))
    ]
    return -np.log(sum(likely))


SENTENCES = [([1, 2], 4), ([2, 2], 4), ([], 3), ([1], 1), ([2, 2], 3), ([1, 2, 1], 3)]


@pytest.fixture
def clips():
    """logits, exists, symbols, spoken, allowed of SENTENCES, where all is allowed."""
    symbols, spoken = np.zeros((2, len(SENTENCES), 3), int)
    exists = np.zeros((len(SENTENCES), 4))
    for clip, (sentence, frames) in enumerate(SENTENCES):
        symbols[clip, : len(sentence)] = sentence
        spoken[clip, : len(sentence)] = 1
        exists[clip, :frames] = 1
    logits = draw(0, len(SENTENCES), 4, 3)
    rest = exists, symbols, spoken.astype(np.float32), np.ones(logits.shape)
    return logits, *map(jnp.asarray, rest)


def test_the_error_of_a_transcript_counts_all_ways_to_say_it(clips):
    """bridging (6): frames that do not exist say nothing."""
    found = jax.jit(transcript_error)(*clips)
    for clip, (sentence, frames) in enumerate(SENTENCES):
        given = np.asarray(clips[0][clip, :frames]), sentence, np.ones((frames, 3))
        expected = by_brute_force(*given)
        np.testing.assert_allclose(found[clip], expected, rtol=1e-4, atol=1e-5)


def test_a_way_that_says_a_symbol_too_early_does_not_count(clips):
    *given, allowed = clips
    allowed = allowed.at[:, 0, 1].set(0).at[:, 2, 2].set(0)
    found = jax.jit(transcript_error)(*given, allowed)
    for clip in (0, 1, 2):
        sentence, frames = SENTENCES[clip]
        here = np.asarray(allowed[clip, :frames])
        expected = by_brute_force(np.asarray(given[0][clip, :frames]), sentence, here)
        np.testing.assert_allclose(found[clip], expected, rtol=1e-4, atol=1e-5)
    assert found[3] == 0  # its one frame may not say its one symbol


def test_a_transcript_that_does_not_fit_gives_no_error_and_no_gradient(clips):
    """A blank must part equal symbols: two of them take three frames."""
    logits, exists, *rest = clips
    too_short = exists.at[:, :].set(0).at[:, :2].set(1)

    def total(logits):
        errors = transcript_error(logits, too_short, *rest)
        return errors.sum(), errors

    (_, errors), slopes = jax.jit(jax.value_and_grad(total, has_aux=True))(logits)
    fits = np.array([True, False, True, True, False, False])
    np.testing.assert_array_equal(errors != 0, fits)
    np.testing.assert_array_equal(np.any(slopes, axis=(1, 2)), fits)
    assert np.isfinite(slopes).all()


def test_the_error_of_a_mel_is_the_mean_difference_of_each_column():
    """bridging (7)"""
    made, truth = draw(0, 2, 3, 4), draw(1, 2, 3, 4)
    found = mel_error(made, truth)
    assert found.shape == (2, 3)
    for place in np.ndindex(2, 3):
        expected = np.mean([abs(made[place][k] - truth[place][k]) for k in range(4)])
        np.testing.assert_allclose(found[place], expected, rtol=1e-5)


CHAINS = [  # optional, columns
    ([1, 0, 0, 1, 0, 1], 5),
    ([1, 0, 1], 4),
    ([1, 0, 0, 1], 2),
    ([1, 0, 0, 0, 1], 5),
]


def ways_through(optional, columns):
    """All ways, as the places of columns; only what is optional is left out."""
    last = len(optional) - 1
    starts = [[0], [1]]
    for _ in range(columns - 1):
        starts = [
            [*way, place]
            for way in starts
            for place in range(way[-1], last + 1)
            if all(optional[between] for between in range(way[-1] + 1, place))
        ]
    return [way for way in starts if way[-1] >= last - 1]


@pytest.fixture
def chains():
    """likely, exists, optional, length of CHAINS; padding would be very likely."""
    count, columns, places = len(CHAINS), 5, 6
    likely = np.array(draw(3, count, columns, places)) - 1
    exists, optional = np.zeros((count, columns)), np.ones((count, places))
    for clip, (own, long) in enumerate(CHAINS):
        exists[clip, :long] = 1
        optional[clip, : len(own)] = own
        likely[clip, long:] = likely[clip, :, len(own) :] = 50
    length = np.array([len(own) for own, _ in CHAINS])
    return tuple(map(jnp.asarray, (likely, exists, optional, length)))


def test_the_error_of_a_chain_sums_all_ways_through_it(chains):
    found = jax.jit(chain_error)(*chains)
    for clip, (optional, columns) in enumerate(CHAINS):
        rows = np.asarray(chains[0][clip], float)
        likely = [
            sum(rows[column, place] for column, place in enumerate(way))
            for way in ways_through(optional, columns)
        ]
        expected = -np.log(np.sum(np.exp(likely)))
        np.testing.assert_allclose(found[clip], expected, rtol=1e-5)


def test_a_chain_that_does_not_fit_teaches_nothing(chains):
    likely, exists, optional, length = chains
    short = exists.at[3, 2:].set(0)  # three places that must be, in two columns
    never = likely.at[1, :, 1].set(LOST)  # the one word is not allowed
    for given in ((likely, short), (never, exists)):
        error, slope = jax.jit(
            jax.value_and_grad(lambda x, y: chain_error(x, y, optional, length).sum())
        )(*given)
        assert np.isfinite(error) and np.isfinite(slope).all()
    clip = 3
    assert chain_error(likely, short, optional, length)[clip] == 0
    assert chain_error(never, exists, optional, length)[1] == 0
