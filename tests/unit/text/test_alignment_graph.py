"""Tests of the alignment graph and of its time constraints."""

import numpy as np

from avjax.text.alignment_graph import (
    AlignmentWord,
    allowed_by_even_spacing,
    allowed_by_word_times,
    build_alignment_graph,
)
from avjax.text.phonemes import PAUSE, PHONEMES

BUY, QUESTION_MARK, TEA = (
    AlignmentWord("buy", ("b", "aɪ")),
    AlignmentWord("?", ()),
    AlignmentWord("tea", ("t", "iː")),
)


def test_pauses_between_words_and_no_states_without_phones():
    graph = build_alignment_graph([BUY, QUESTION_MARK, TEA])
    phonemes = [PHONEMES[phoneme_id] for phoneme_id in graph.phoneme_ids]
    assert phonemes == [*"_baɪ_t", "iː", "_"]
    assert graph.word.tolist() == [-1, 0, 0, 0, -1, 2, 2, -1]
    assert graph.phone.tolist() == [-1, 0, 1, 1, -1, 0, 1, -1]


def test_graph_without_words_is_one_pause():
    graph = build_alignment_graph([])
    assert graph.phoneme_ids.tolist() == [PAUSE] and graph.word.tolist() == [-1]


def test_word_is_allowed_in_its_time_and_pause_outside():
    words = [BUY._replace(start=0.1, end=0.2), TEA]
    graph = build_alignment_graph(words)
    allowed = allowed_by_word_times(graph, words, 40, margin=0.03)
    times = np.flatnonzero(allowed[:, 1]) / 80
    assert (times[0], times[-1]) == (0.075, 0.225), "mel frames are 12.5 ms apart"
    np.testing.assert_array_equal(allowed[:, 1], allowed[:, 3])
    forbidden = np.flatnonzero(allowed[:, 0] == 0) / 80
    assert (forbidden[0], forbidden[-1]) == (0.1375, 0.1625)
    np.testing.assert_array_equal(allowed[:, 0], allowed[:, 4])
    assert allowed[:, graph.word == 1].all(), "the time of tea is unknown"


def test_even_spacing_allows_phonemes_near_their_even_positions():
    graph = build_alignment_graph([BUY, TEA])
    allowed = allowed_by_even_spacing(graph, (0.5, 1.0), 120)
    assert allowed[:, graph.word < 0].all()
    for state, (first, last) in {1: (0.4, 0.9), 3: (0.4, 1.1), 6: (0.6, 1.2)}.items():
        times = np.flatnonzero(allowed[:, state]) / 80
        assert abs(times[0] - first) < 0.013 and abs(times[-1] - last) < 0.013
