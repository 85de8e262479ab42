"""CTC decoding and alignment, against enumeration of all paths."""

import collections
import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from avjax.algorithms.ctc import beam_search, greedy
from avjax.algorithms.ctc_alignment import align, to_timed_words
from avjax.errors import InputError
from avjax.text.grammar import Grammar, Slot, load_grammar
from avjax.text.tokenizer import CHARACTERS, to_ids, to_text

SYMBOLS = ("", " ", "a", "b")
FORMS = {
    "a lexicon": [[Slot(["ab", "b", "aa"], True)]],
    "three slots": [[Slot(["a", "b"]), Slot(["bb"], True), Slot(["a", "ab"])]],
    "two forms": [[Slot(["aab", "bba"])], [Slot(["b"]), Slot(["b", "a"])]],
}
GRID = load_grammar("grid")
seeds = st.integers(0, 2**32 - 1)


def random_log_probs(
    frames: int, symbols: int, seed: int = 0, evenness=0.5
) -> np.ndarray:
    """Sample log-probabilities of a network, f32 [t v]."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(symbols, evenness), frames) + 1e-9
    return np.log(probs).astype(np.float32)


def log_probs_of(text: str, repeat: int = 1, v: int = len(CHARACTERS)) -> np.ndarray:
    """Log-probabilities of a text: `repeat` frames per symbol, then a blank."""
    path = [number for i in to_ids(text) for number in (*[i] * repeat, 0)]
    return np.log(np.where(np.arange(v) == np.array(path)[:, None], 0.9, 0.1 / (v - 1)))


def collapse(path) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)


def all_paths(log_probs: np.ndarray):
    """Yield (symbols, path, log-probability) of all v ** t paths."""
    frames = range(len(log_probs))
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        yield collapse(path), path, float(log_probs[frames, path].sum())


def sentence_probabilities(log_probs: np.ndarray) -> dict[tuple[int, ...], float]:
    """Compute the probability of each sentence."""
    total = collections.defaultdict(float)
    for ids, _, log_prob in all_paths(log_probs):
        total[ids] += np.exp(log_prob)
    return total


def plain_search(log_probs: np.ndarray, beam: int) -> tuple[int, ...]:
    """Run Hannun's prefix search, step by step, without a language model."""
    prefixes = {(): (1.0, 0.0)}  # {prefix: (ends in a blank, ends in its last symbol)}
    for row in np.exp(log_probs.astype(np.float64)):
        extended = collections.defaultdict(lambda: np.zeros(2))
        for ids, (blank, symbol) in prefixes.items():
            extended[ids] += (
                (blank + symbol) * row[0],
                symbol * row[ids[-1]] if ids else 0,
            )
            for letter in range(1, len(row)):
                before = blank if ids[-1:] == (letter,) else blank + symbol
                extended[(*ids, letter)] += 0, before * row[letter]
        best = sorted(extended, key=lambda ids: -extended[ids].sum())[:beam]
        prefixes = {ids: extended[ids] for ids in best}
    return max(prefixes, key=lambda ids: sum(prefixes[ids]))


def test_greedy_merges_repetitions_and_drops_blanks():
    path = [0, 2, 2, 0, 2, 3, 3, 0, 0, 1]
    ids = greedy(np.log(np.eye(4)[path] * 0.7 + 0.1))
    np.testing.assert_array_equal(ids, [2, 2, 3, 1])
    assert ids.dtype == np.int32
    np.testing.assert_array_equal(greedy(np.log(np.eye(4)[[3, 3]] + 0.1)), [3])
    assert len(greedy(np.zeros((0, 4)))) == 0


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(2, 4), seeds)
def test_wide_beam_finds_the_most_likely_sentence(frames, symbols, seed):
    log_probs = random_log_probs(frames, symbols, seed)
    total = sentence_probabilities(log_probs)
    result = tuple(beam_search(log_probs, 4**6).tolist())
    assert total[result] == pytest.approx(max(total.values()), rel=1e-5)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.sampled_from(sorted(FORMS)), seeds)
def test_wide_beam_finds_the_most_likely_sentence_of_a_grammar(frames, name, seed):
    automaton = Grammar(FORMS[name], SYMBOLS)
    log_probs = random_log_probs(frames, len(SYMBOLS), seed)
    total = {
        ids: probability
        for ids, probability in sentence_probabilities(log_probs).items()
        if automaton.accepts(to_text(ids, SYMBOLS))
    }
    result = tuple(beam_search(log_probs, 4**6, automaton).tolist())
    if total:
        assert total[result] == pytest.approx(max(total.values()), rel=1e-5)
    else:
        assert result == ()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(1, 3), st.sampled_from(sorted(FORMS)), seeds)
def test_narrow_beam_gives_a_complete_sentence(frames, beam, name, seed):
    automaton = Grammar(FORMS[name], SYMBOLS)
    result = beam_search(random_log_probs(frames, 4, seed, 0.1), beam, automaton)
    shortest = {"a lexicon": 0, "three slots": 3, "two forms": 3}[name]
    if frames >= shortest:
        assert automaton.accepts(to_text(result, SYMBOLS))
    else:
        assert len(result) == 0


def test_infeasible_prefixes_are_pruned():
    """After the prefix "a", no frame is left for the blank and the second "a".

    Symbols: blank, a, b.
    """
    log_probs = np.log([[0.2, 0.5, 0.3], [0.05, 0.9, 0.05], [0.9, 0.02, 0.08]])
    automaton = Grammar([[Slot(["aa", "b", "bab"])]], ("", "a", "b"))
    np.testing.assert_array_equal(beam_search(log_probs, 2, automaton), [2])


@pytest.mark.parametrize("frames", [19, 20, 75])
def test_noise_is_decoded_as_a_grid_sentence_if_one_fits(frames):
    result = to_text(beam_search(random_log_probs(frames, len(CHARACTERS)), 1, GRID))
    assert (
        GRID.accepts(result) if frames >= 20 else result == ""
    )  # "bin red at a one now"


def test_beam_search_sums_over_alignments():
    """See Hannun et al., 2014."""
    log_probs = np.log([[0.4, 0.6], [0.6, 0.4]])  # a: .24 + .36 + .16; nothing: .24
    np.testing.assert_array_equal(beam_search(log_probs, 4), [1])
    log_probs = np.log([[0.6, 0.4], [0.6, 0.4]])  # greedy: nothing, .36; a: .64
    assert len(greedy(log_probs)) == 0
    np.testing.assert_array_equal(beam_search(log_probs, 4), [1])


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 8), seeds)
@example(30, 8, 0)  # prefixes leave the beam and return
@example(30, 8, 12)
def test_narrow_beam_equals_a_plain_search(frames, beam, seed):
    log_probs = random_log_probs(frames, 3, seed)
    assert tuple(beam_search(log_probs, beam).tolist()) == plain_search(log_probs, beam)


def test_repeated_letters_are_kept():
    text = "see three eggs"
    assert to_text(greedy(log_probs_of(text))) == text
    assert to_text(beam_search(log_probs_of(text), 5)) == text


def test_grammar_corrects_errors():
    log_probs = log_probs_of("place blus in u eigh now")
    assert to_text(beam_search(log_probs, 10)) == "place blus in u eigh now"
    assert to_text(beam_search(log_probs, 10, GRID)) == "place blue in u eight now"


def test_no_frames_give_no_symbols():
    no_frames = np.zeros((0, len(CHARACTERS)), np.float32)
    assert len(beam_search(no_frames, 5)) == len(beam_search(no_frames, 5, GRID)) == 0


def test_impossible_sentences_are_not_decoded():
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.eye(len(CHARACTERS), dtype=np.float32)[[2] * 40])
    assert to_text(beam_search(log_probs, 5)) == "a"
    assert len(beam_search(log_probs, 5, GRID)) == 0


def test_beam_must_be_positive():
    with pytest.raises(InputError, match="beam is 0"):
        beam_search(random_log_probs(3, 3), 0)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), st.lists(st.integers(1, 2), max_size=4), seeds)
def test_align_finds_the_most_likely_path(frames, ids, seed):
    log_probs = random_log_probs(frames, 3, seed).astype(np.float64)
    fitting = [
        probability
        for symbols, _, probability in all_paths(log_probs)
        if symbols == (*ids,)
    ]
    if not fitting:
        with pytest.raises(InputError, match="do not fit into"):
            align(log_probs, ids)
        return
    path = np.zeros(frames, int)
    for symbol, span in zip(ids, align(log_probs, ids), strict=True):
        frames_of_symbol = slice(span.first, span.last + 1)
        assert not path[frames_of_symbol].any() and span.last >= span.first
        path[frames_of_symbol] = symbol
        assert span.log_prob == pytest.approx(log_probs[frames_of_symbol, symbol].sum())
    assert collapse(path) == (*ids,)
    assert log_probs[range(frames), path].sum() == pytest.approx(max(fitting))


def test_equal_neighbours_are_separated_by_a_blank():
    log_probs = np.log(np.array([[0.05, 0.95], [0.2, 0.8], [0.05, 0.95]]))
    assert [(span.first, span.last) for span in align(log_probs, [1, 1])] == [
        (0, 0),
        (2, 2),
    ]


def test_impossible_symbols_raise_an_error():
    log_probs = np.array([[0, -np.inf], [0, -np.inf]])
    with pytest.raises(InputError, match="1 symbols do not fit into 2 video frames"):
        align(log_probs, [1])


def test_align_of_no_symbols():
    assert align(random_log_probs(3, 3), []) == align(np.zeros((0, 3)), []) == []


def test_long_alignment():
    text = "place blue in u eight now " * 40
    spans = align(log_probs_of(text, repeat=2), to_ids(text))
    assert [span.first for span in spans] == list(range(0, 3 * len(text), 3))
    assert all(span.last == span.first + 1 for span in spans)


def test_words_have_times_and_confidences():
    log_probs = log_probs_of(
        "hi all", repeat=2
    )  # three frames per symbol, with its blank
    log_probs[3:5, CHARACTERS.index("i")] = np.log([0.2, 0.4])
    result = to_timed_words(
        log_probs, to_ids("hi all"), CHARACTERS, fps=30.0, offset=2.0
    )
    assert [word.word for word in result] == ["hi", "all"]
    assert result[0].start == pytest.approx(2.0)
    assert result[0].end == pytest.approx(2.0 + 5 / 30 + 0.08)
    assert result[1].start == pytest.approx(2.0 + 9 / 30 - 0.04)
    assert result[1].end == pytest.approx(2.0 + 18 / 30)  # end of the clip
    # the best frame of h has 0.9, of i 0.4
    assert result[0].confidence == pytest.approx((0.9 * 0.4) ** 0.5)
    assert result[1].confidence == pytest.approx(0.9)


def test_adjacent_words_share_the_gap():
    result = to_timed_words(log_probs_of("a b"), to_ids("a b"), CHARACTERS, fps=25.0)
    assert result[0].end == result[1].start == pytest.approx(0.04 + 0.12 * 2 / 3)


def test_extra_spaces_make_no_words():
    text = " a  b "
    result = to_timed_words(log_probs_of(text), to_ids(text), CHARACTERS)
    assert [word.word for word in result] == ["a", "b"]
    assert to_timed_words(log_probs_of(text), [], CHARACTERS) == []


def test_without_a_space_each_symbol_is_a_word():
    phones = ("", "tS", "eI")
    result = to_timed_words(random_log_probs(6, 3), [1, 2, 2], phones)
    assert [word.word for word in result] == ["tS", "eI", "eI"]


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_decoded_sentences_can_be_timed(seed):
    log_probs = random_log_probs(60, len(CHARACTERS), seed)
    ids = beam_search(log_probs, 8)
    result = to_timed_words(log_probs, ids, CHARACTERS)
    assert " ".join(word.word for word in result) == " ".join(to_text(ids).split())
    for word in result:
        assert 0 <= word.start < word.end <= 60 / 25 and 0 < word.confidence <= 1
    for previous, following in itertools.pairwise(result):
        assert previous.end <= following.start
