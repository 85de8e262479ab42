"""Sentences from a network's probabilities, against trying every path."""

import collections
import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from avjax.algorithms.ctc import align, beam_search, greedy, words
from avjax.errors import InputError
from avjax.text import grammar
from avjax.text.grammar import Grammar, Place
from avjax.text.tokenizer import CHARACTERS, to_ids, to_text

SYMBOLS = ("", " ", "a", "b")
FORMS = {
    "a lexicon": [[Place(["ab", "b", "aa"], True)]],
    "three places": [[Place(["a", "b"]), Place(["bb"], True), Place(["a", "ab"])]],
    "two forms": [[Place(["aab", "bba"])], [Place(["b"]), Place(["b", "a"])]],
}
GRID = grammar.load("grid")
seeds = st.integers(0, 2**32 - 1)


def chances(frames: int, symbols: int, seed: int = 0, evenness=0.5) -> np.ndarray:
    """Made-up probabilities of a network -> their logarithms, f32 [t v]."""
    rng = np.random.default_rng(seed)
    drawn = rng.dirichlet(np.full(symbols, evenness), frames) + 1e-9
    return np.log(drawn).astype(np.float32)


def spelling(text: str, each: int = 1, v: int = len(CHARACTERS)) -> np.ndarray:
    """A network that is sure: `each` frames a symbol, with a blank after it."""
    path = [number for i in to_ids(text) for number in (*[i] * each, 0)]
    return np.log(np.where(np.arange(v) == np.array(path)[:, None], 0.9, 0.1 / (v - 1)))


def collapse(path) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)


def every_path(log_probs: np.ndarray):
    """(what it says, the path, its log-probability), of all v ** t."""
    frames = range(len(log_probs))
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        yield collapse(path), path, float(log_probs[frames, path].sum())


def every_sentence(log_probs: np.ndarray) -> dict[tuple[int, ...], float]:
    """{ids: probability}"""
    total = collections.defaultdict(float)
    for ids, _, log_prob in every_path(log_probs):
        total[ids] += np.exp(log_prob)
    return total


def plain_search(log_probs: np.ndarray, beam: int) -> tuple[int, ...]:
    """Hannun's search, step by step, without a language model."""
    held = {(): (1.0, 0.0)}  # {beginning: (ends in a blank, ends in its last symbol)}
    for row in np.exp(log_probs.astype(np.float64)):
        grown = collections.defaultdict(lambda: np.zeros(2))
        for ids, (blank, symbol) in held.items():
            grown[ids] += (blank + symbol) * row[0], symbol * row[ids[-1]] if ids else 0
            for letter in range(1, len(row)):
                apart = blank if ids[-1:] == (letter,) else blank + symbol
                grown[(*ids, letter)] += 0, apart * row[letter]
        best = sorted(grown, key=lambda ids: -grown[ids].sum())[:beam]
        held = {ids: grown[ids] for ids in best}
    return max(held, key=lambda ids: sum(held[ids]))


def test_greedy_tells_once_what_lasts_and_leaves_out_blanks():
    path = [0, 2, 2, 0, 2, 3, 3, 0, 0, 1]
    ids = greedy(np.log(np.eye(4)[path] * 0.7 + 0.1))
    np.testing.assert_array_equal(ids, [2, 2, 3, 1])
    assert ids.dtype == np.int32
    np.testing.assert_array_equal(greedy(np.log(np.eye(4)[[3, 3]] + 0.1)), [3])
    assert len(greedy(np.zeros((0, 4)))) == 0


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(2, 4), seeds)
def test_a_wide_beam_finds_the_likeliest_of_all_sentences(frames, symbols, seed):
    log_probs = chances(frames, symbols, seed)
    total = every_sentence(log_probs)
    found = tuple(beam_search(log_probs, 4**6).tolist())
    assert total[found] == pytest.approx(max(total.values()), rel=1e-5)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.sampled_from(sorted(FORMS)), seeds)
def test_a_wide_beam_finds_the_likeliest_sentence_of_a_grammar(frames, name, seed):
    automaton = Grammar(FORMS[name], SYMBOLS)
    log_probs = chances(frames, len(SYMBOLS), seed)
    total = {
        ids: chance
        for ids, chance in every_sentence(log_probs).items()
        if automaton.accepts(to_text(ids, SYMBOLS))
    }
    found = tuple(beam_search(log_probs, 4**6, automaton).tolist())
    if total:
        assert total[found] == pytest.approx(max(total.values()), rel=1e-5)
    else:
        assert found == ()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(1, 3), st.sampled_from(sorted(FORMS)), seeds)
def test_a_narrow_beam_still_ends_its_sentence(frames, beam, name, seed):
    automaton = Grammar(FORMS[name], SYMBOLS)
    found = beam_search(chances(frames, 4, seed, 0.1), beam, automaton)
    shortest = {"a lexicon": 0, "three places": 3, "two forms": 3}[name]
    if frames >= shortest:
        assert automaton.accepts(to_text(found, SYMBOLS))
    else:
        assert len(found) == 0


def test_what_cannot_end_in_time_takes_no_room_in_the_beam():
    """After a, a no frame is left for the blank and the a that would have to come.

    columns: blank, a, b
    """
    log_probs = np.log([[0.2, 0.5, 0.3], [0.05, 0.9, 0.05], [0.9, 0.02, 0.08]])
    automaton = Grammar([[Place(["aa", "b", "bab"])]], ("", "a", "b"))
    np.testing.assert_array_equal(beam_search(log_probs, 2, automaton), [2])


@pytest.mark.parametrize("frames", [19, 20, 75])
def test_noise_is_read_as_a_sentence_of_grid_where_one_fits(frames):
    found = to_text(beam_search(chances(frames, len(CHARACTERS)), 1, GRID))
    assert (
        GRID.accepts(found) if frames >= 20 else found == ""
    )  # "bin red at a one now"


def test_a_sum_over_alignments_wins_against_the_likeliest_path():
    """Hannun et al., 2014: the reason for the search."""
    log_probs = np.log([[0.4, 0.6], [0.6, 0.4]])  # a: .24 + .36 + .16; nothing: .24
    np.testing.assert_array_equal(beam_search(log_probs, 4), [1])
    log_probs = np.log([[0.6, 0.4], [0.6, 0.4]])  # greedy: nothing, .36; a: .64
    assert len(greedy(log_probs)) == 0
    np.testing.assert_array_equal(beam_search(log_probs, 4), [1])


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 8), seeds)
@example(30, 8, 0)  # beginnings fall out of the beam and come back
@example(30, 8, 12)
def test_a_narrow_beam_does_what_a_plain_search_does(frames, beam, seed):
    log_probs = chances(frames, 3, seed)
    assert tuple(beam_search(log_probs, beam).tolist()) == plain_search(log_probs, beam)


def test_letters_said_twice_are_read_twice():
    text = "see three eggs"
    assert to_text(greedy(spelling(text))) == text
    assert to_text(beam_search(spelling(text), 5)) == text


def test_a_grammar_corrects_what_was_misheard():
    heard = spelling("place blus in u eigh now")
    assert to_text(beam_search(heard, 10)) == "place blus in u eigh now"
    assert to_text(beam_search(heard, 10, GRID)) == "place blue in u eight now"


def test_without_frames_nothing_is_read():
    none = np.zeros((0, len(CHARACTERS)), np.float32)
    assert len(beam_search(none, 5)) == len(beam_search(none, 5, GRID)) == 0


def test_what_is_impossible_is_not_read():
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.eye(len(CHARACTERS), dtype=np.float32)[[2] * 40])
    assert to_text(beam_search(log_probs, 5)) == "a"
    assert len(beam_search(log_probs, 5, GRID)) == 0


def test_a_beam_holds_at_least_one():
    with pytest.raises(InputError, match="beam of 0"):
        beam_search(chances(3, 3), 0)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), st.lists(st.integers(1, 2), max_size=4), seeds)
def test_the_alignment_is_the_likeliest_of_all_paths(frames, ids, seed):
    log_probs = chances(frames, 3, seed).astype(np.float64)
    fitting = [chance for said, _, chance in every_path(log_probs) if said == (*ids,)]
    if not fitting:
        with pytest.raises(InputError, match="cannot be said in"):
            align(log_probs, ids)
        return
    path = np.zeros(frames, int)
    for symbol, span in zip(ids, align(log_probs, ids), strict=True):
        here = slice(span.first, span.last + 1)
        assert not path[here].any() and span.last >= span.first
        path[here] = symbol
        assert span.log_prob == pytest.approx(log_probs[here, symbol].sum())
    assert collapse(path) == (*ids,)
    assert log_probs[range(frames), path].sum() == pytest.approx(max(fitting))


def test_equal_neighbours_are_aligned_apart():
    log_probs = np.log(np.array([[0.05, 0.95], [0.2, 0.8], [0.05, 0.95]]))
    assert [(span.first, span.last) for span in align(log_probs, [1, 1])] == [
        (0, 0),
        (2, 2),
    ]


def test_an_impossible_symbol_is_not_aligned():
    log_probs = np.array([[0, -np.inf], [0, -np.inf]])
    with pytest.raises(InputError, match="1 symbols cannot be said in 2 frames"):
        align(log_probs, [1])


def test_no_symbols_take_no_frames():
    assert align(chances(3, 3), []) == align(np.zeros((0, 3)), []) == []


def test_minutes_are_aligned_as_seconds_are():
    text = "place blue in u eight now " * 40
    spans = align(spelling(text, each=2), to_ids(text))
    assert [span.first for span in spans] == list(range(0, 3 * len(text), 3))
    assert all(span.last == span.first + 1 for span in spans)


def test_words_have_times_in_seconds_and_a_confidence():
    log_probs = spelling("hi all", each=2)  # three frames a symbol, with its blank
    log_probs[3:5, CHARACTERS.index("i")] = np.log([0.2, 0.4])
    found = words(log_probs, to_ids("hi all"), CHARACTERS, fps=30.0, offset=2.0)
    assert [word.word for word in found] == ["hi", "all"]
    assert found[0].start == pytest.approx(2.0)
    assert found[0].end == pytest.approx(2.0 + 5 / 30 + 0.08)
    assert found[1].start == pytest.approx(2.0 + 9 / 30 - 0.04)
    assert found[1].end == pytest.approx(2.0 + 18 / 30)  # where the clip ends
    # of h the best frame says 0.9, of i 0.4
    assert found[0].confidence == pytest.approx((0.9 * 0.4) ** 0.5)
    assert found[1].confidence == pytest.approx(0.9)


def test_words_without_a_pause_share_what_lies_between_them():
    found = words(spelling("a b"), to_ids("a b"), CHARACTERS, fps=25.0)
    assert found[0].end == found[1].start == pytest.approx(0.04 + 0.12 * 2 / 3)


def test_spaces_at_the_edges_and_in_a_row_make_no_words():
    text = " a  b "
    found = words(spelling(text), to_ids(text), CHARACTERS)
    assert [word.word for word in found] == ["a", "b"]
    assert words(spelling(text), [], CHARACTERS) == []


def test_without_a_space_every_symbol_is_a_word():
    phones = ("", "tS", "eI")
    found = words(chances(6, 3), [1, 2, 2], phones)
    assert [word.word for word in found] == ["tS", "eI", "eI"]


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_what_was_read_can_be_timed(seed):
    log_probs = chances(60, len(CHARACTERS), seed)
    ids = beam_search(log_probs, 8)
    found = words(log_probs, ids, CHARACTERS)
    assert " ".join(word.word for word in found) == " ".join(to_text(ids).split())
    for word in found:
        assert 0 <= word.start < word.end <= 60 / 25 and 0 < word.confidence <= 1
    for one, other in itertools.pairwise(found):
        assert one.end <= other.start
