"""The Viterbi search, compared with enumeration and with a loop in numpy."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from avjax.algorithms.viterbi import (
    segment_bounds,
    viterbi_padded,
    viterbi_windows,
)
from avjax.text.alignment_graph import AlignmentWord, build_alignment_graph
from avjax.text.phonemes import PHONEMES


def enumerate_paths(optional, num_frames):
    """Yield all paths through an alignment graph, as lists of states."""
    last = len(optional) - 1
    for path in itertools.combinations_with_replacement(range(last + 1), num_frames):
        pairs = zip((-1, *path), (*path, last + 1), strict=True)
        if all(optional[state] for a, b in pairs for state in range(a + 1, b)):
            yield list(path)


@pytest.mark.parametrize("optional", [[1, 0, 1], [1, 0, 0, 1], [1, 0, 1, 0, 0, 1]])
@pytest.mark.parametrize("num_frames", [3, 6])
def test_path_is_the_most_likely_of_all(optional, num_frames):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        log_likelihood = rng.normal(size=(num_frames, len(optional)))
        path, score = viterbi_padded(log_likelihood, np.array(optional))
        frames = np.arange(num_frames)
        best = max(
            enumerate_paths(optional, num_frames),
            key=lambda path: log_likelihood[frames, path].sum(),
        )
        assert path.tolist() == best
        assert score == pytest.approx(log_likelihood[frames, best].sum(), rel=1e-4)


def viterbi_reference(log_likelihood, optional):
    """Fill the Viterbi table in numpy, and trace the path back."""
    num_frames, num_states = log_likelihood.shape
    scores = np.full(num_states, -np.inf)
    steps = np.zeros((num_frames, num_states), int)
    scores[0] = 0
    for frame in range(num_frames):
        options = np.full((3, num_states), -np.inf)
        options[0], options[1, 1:] = scores, scores[:-1]
        options[2, 2:] = np.where(optional[1:-1], scores[:-2], -np.inf)
        steps[frame] = options.argmax(0)
        scores = options.max(0) + log_likelihood[frame]
    state, path = num_states - 1 - int(scores[-2] > scores[-1]), []
    for frame in reversed(range(num_frames)):
        path.append(state)
        state -= steps[frame, state]
    return path[::-1]


def test_long_path_equals_the_reference():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        words = [AlignmentWord("", ("a",) * rng.integers(1, 5)) for _ in range(10)]
        optional = build_alignment_graph(words).word < 0
        log_likelihood = rng.normal(size=(200, len(optional))).astype(np.float32)
        path, _ = viterbi_padded(log_likelihood, optional)
        assert path.tolist() == viterbi_reference(log_likelihood, optional)


def speak(rng, num_words, frames_per_state):
    """Log-probabilities of a text that is spoken clearly, and its graph."""
    words = [
        AlignmentWord("", tuple(rng.choice(list("abdefk"), rng.integers(1, 5))))
        for _ in range(num_words)
    ]
    graph = build_alignment_graph(words)
    spoken = (graph.word >= 0) | (rng.random(len(graph.word)) < 0.3)
    symbols = graph.phoneme_ids[spoken]
    symbols = symbols.repeat(rng.integers(1, 2 * frames_per_state, len(symbols)))
    logits = rng.normal(size=(len(symbols), len(PHONEMES)))
    logits[np.arange(len(symbols)), symbols] += 6
    log_probs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return log_probs, graph.phoneme_ids, graph.word < 0


def test_windows_find_the_path_of_the_whole_search():
    for seed in range(6):
        spoken = speak(np.random.default_rng(seed), 60, 4)
        log_probs, symbols, optional = spoken
        expected, _ = viterbi_padded(log_probs[:, symbols], optional)
        path = viterbi_windows(*spoken, window=300)
        assert len(log_probs) > 600  # more than two windows
        np.testing.assert_array_equal(path, expected)


def test_states_that_do_not_fit_into_windows_have_no_path():
    log_probs, symbols, optional = speak(np.random.default_rng(0), 60, 4)
    assert viterbi_windows(log_probs[:90], symbols, optional, window=60) is None
    assert viterbi_windows(log_probs[:90], symbols, optional, window=600) is None


def test_path_with_a_free_end_leaves_out_what_is_not_spoken():
    log_probs, symbols, optional = speak(np.random.default_rng(1), 30, 4)
    whole, _ = viterbi_padded(log_probs[:, symbols], optional)
    half = len(whole) // 2
    path, score = viterbi_padded(log_probs[:half, symbols], optional, free_end=True)
    np.testing.assert_array_equal(path, whole[:half])
    assert score == pytest.approx(
        log_probs[np.arange(half), symbols[path]].sum(), rel=1e-4
    )


def test_segment_bounds_of_a_path():
    starts, ends = segment_bounds(jnp.asarray([0, 0, 1, 3, 3, 3]), 5)
    assert starts.tolist() == [0, 2, 6, 3, 6] and ends.tolist() == [2, 3, 6, 6, 6]
