"""Exact search with a grammar, against enumeration of all paths and the beam search."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avjax.algorithms import ctc_exact
from avjax.algorithms.ctc import beam_search
from avjax.algorithms.ctc_exact import exact_search, search_grammar
from avjax.text.grammar import Grammar, Slot, load_grammar
from avjax.text.tokenizer import CHARACTERS, to_ids, to_text

SYMBOLS = ("", " ", "a", "b")
FORMS = {
    "a lexicon": [[Slot(["ab", "b", "aa"], True)]],
    "three slots": [[Slot(["a", "b"]), Slot(["bb"], True), Slot(["a", "ab"])]],
    "two forms": [[Slot(["aab", "bba"])], [Slot(["b"]), Slot(["b", "a"])]],
}
GRID = load_grammar("grid", repeat=True)
seeds = st.integers(0, 2**32 - 1)


def random_log_probs(frames: int, symbols: int, seed=0, evenness=0.5) -> np.ndarray:
    """Sample log-probabilities of a network, f32 [t v]."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(symbols, evenness), frames) + 1e-9
    return np.log(probs).astype(np.float32)


def sentence_probabilities(log_probs: np.ndarray) -> dict[tuple[int, ...], float]:
    """Compute the probability of each sentence from all v ** t paths."""
    total, probs = {}, np.exp(log_probs.astype(np.float64))
    frames = range(len(probs))
    for path in itertools.product(range(probs.shape[1]), repeat=len(probs)):
        ids = tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)
        total[ids] = total.get(ids, 0.0) + float(probs[frames, path].prod())
    return total


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 6),
    st.sampled_from(sorted(FORMS)),
    st.booleans(),
    st.sampled_from([0.1, 0.5, 10.0]),
    seeds,
)
def test_the_most_likely_sentence_is_found(frames, name, repeat, evenness, seed):
    automaton = Grammar(FORMS[name], SYMBOLS, repeat)
    log_probs = random_log_probs(frames, len(SYMBOLS), seed, evenness)
    total = {
        ids: probability
        for ids, probability in sentence_probabilities(log_probs).items()
        if automaton.accepts(to_text(ids, SYMBOLS))
    }
    result = exact_search(log_probs, automaton)
    assert result is not None and result.dtype == np.int32
    ids = tuple(result.tolist())
    assert total[ids] == pytest.approx(max(total.values())) if total else ids == ()


def test_it_is_not_the_sentence_of_the_most_likely_path():
    """a: .18 + .18 + .16 = .52; the most likely path is two blanks, .2025."""
    log_probs = np.log([[0.45, 0.4, 0.15], [0.45, 0.4, 0.15]])
    automaton = Grammar([[Slot(["a", "b"], True)]], ("", "a", "b"))
    assert automaton.accepts("")
    assert exact_search(log_probs, automaton).tolist() == [1]


def confusable_log_probs() -> np.ndarray:
    """A sentence whose letters in doubt are likely to lead a narrow beam astray."""
    rng = np.random.default_rng(3)
    ids = to_ids("bin blue at f three soon")
    path = [number for i in ids for number in (i, i, 0, 0)]
    probs = rng.dirichlet(np.full(len(CHARACTERS), 0.2), len(path)) * 0.9
    probs[range(len(path)), path] += 0.1
    return np.log(probs + 1e-9)


def test_no_beam_finds_a_more_likely_sentence():
    log_probs = confusable_log_probs()
    exact = exact_search(log_probs, GRID)
    scores = {}
    for beam in (1, 4, 16, 1000):
        ids = beam_search(log_probs, beam, GRID)
        scores[beam] = log_likelihood(log_probs, ids)
    best = log_likelihood(log_probs, exact)
    assert best >= max(scores.values()) - 1e-9
    assert best > scores[16] + 1, "the beam of 16 is too narrow here"


def log_likelihood(log_probs: np.ndarray, ids) -> float:
    """Sum over the alignments of a sentence, by the forward algorithm."""
    labels = [0]
    for number in ids:
        labels += [int(number), 0]
    forward = {0: log_probs[0, 0], 1: log_probs[0, labels[1]]}
    for row in log_probs[1:]:
        following = {}
        for at, label in enumerate(labels):
            before = [forward.get(at, -np.inf), forward.get(at - 1, -np.inf)]
            if label and at > 1 and labels[at - 2] != label:
                before.append(forward.get(at - 2, -np.inf))
            following[at] = np.logaddexp.reduce(before) + row[label]
        forward = following
    return float(np.logaddexp(forward[len(labels) - 1], forward[len(labels) - 2]))


def test_several_sentences_are_decoded():
    text = "bin blue at f three soon place red in u two now"
    path = [number for i in to_ids(text) for number in (i, 0)]
    log_probs = np.log(np.eye(len(CHARACTERS))[path] * 0.9 + 0.003)
    assert to_text(exact_search(log_probs, GRID)) == text


@pytest.mark.parametrize("frames", [0, 1, 19])
def test_too_few_frames_give_no_symbols(frames):
    log_probs = random_log_probs(frames, len(CHARACTERS))
    assert exact_search(log_probs, GRID).tolist() == []


def test_impossible_sentences_are_not_decoded():
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.eye(len(CHARACTERS), dtype=np.float32)[[2] * 40])
    assert exact_search(log_probs, GRID).tolist() == []


def test_large_grammars_and_uncertain_frames_are_left_to_the_beam(monkeypatch):
    log_probs = confusable_log_probs()
    monkeypatch.setattr(ctc_exact, "MAX_PREFIXES", 3)
    assert exact_search(log_probs, GRID) is None
    by_beam = beam_search(log_probs, ctc_exact.FALLBACK_BEAM, GRID)
    np.testing.assert_array_equal(search_grammar(log_probs, GRID), by_beam)
    monkeypatch.setattr(ctc_exact, "MAX_STATES", 100)
    assert exact_search(log_probs, load_grammar("grid")) is None
