"""The Viterbi search, compared with enumeration and with a loop in numpy."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from avjax.algorithms.viterbi import (
    segment_bounds,
    viterbi_blocks,
    viterbi_padded,
)
from avjax.constants import NEG_INF
from avjax.text.alignment_graph import AlignmentWord, build_alignment_graph


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


@pytest.mark.parametrize("num_frames", [64, 65, 200])
def test_search_in_blocks_finds_the_same_path(num_frames):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        words = [AlignmentWord("", ("a",) * rng.integers(1, 4)) for _ in range(10)]
        optional = build_alignment_graph(words).word < 0
        values = rng.normal(size=(num_frames, len(optional))).astype(np.float32)
        expected, expected_score = viterbi_padded(values, optional)
        path, score = viterbi_blocks(
            lambda start, stop, values=values: values[start:stop],
            num_frames,
            optional,
            block=32,
        )
        np.testing.assert_array_equal(path, expected)
        assert score == pytest.approx(expected_score, rel=1e-5)


def test_search_in_blocks_has_no_path_if_the_states_do_not_fit():
    optional = build_alignment_graph([AlignmentWord("", ("a",) * 50)]).word < 0
    values = np.zeros((40, len(optional)), np.float32)
    _, score = viterbi_blocks(lambda a, b: values[a:b], 40, optional, block=16)
    assert score < NEG_INF / 2


def test_segment_bounds_of_a_path():
    starts, ends = segment_bounds(jnp.asarray([0, 0, 1, 3, 3, 3]), 5)
    assert starts.tolist() == [0, 2, 6, 3, 6] and ends.tolist() == [2, 3, 6, 6, 6]
