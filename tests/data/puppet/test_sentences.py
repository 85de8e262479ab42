"""Tests of the sentences of the puppets."""

import numpy as np

from avjax.data.puppet.sentences import (
    GRID_SLOTS,
    HOMOPHENES,
    SAMPLERS,
    WORDS,
    is_held_out,
    restore_spelling,
    sample_sentence,
    spell_for_espeak,
)
from avjax.text.intervals import Interval


def test_grid_has_51_words():
    assert len({word for slot in GRID_SLOTS for word in slot}) == 51
    assert [len(slot) for slot in GRID_SLOTS] == [4, 4, 4, 25, 10, 4]


def test_groups_of_homophenes_are_disjoint():
    assert len(WORDS) == len(set(WORDS)) == sum(map(len, HOMOPHENES))


def test_sampled_sentence_belongs_to_its_split():
    uniform = np.random.default_rng(0).random
    for held_out in (False, True):
        for kind in ("grid", "free"):
            texts = {sample_sentence(kind, held_out, uniform) for _ in range(200)}
            assert len(texts) > 60
            assert {is_held_out(text) for text in texts} == {held_out}


def test_a_fifth_of_the_sentences_are_held_out():
    uniform = np.random.default_rng(0).random
    texts = {SAMPLERS["grid"](uniform) for _ in range(3000)}
    fraction = np.mean([is_held_out(text) for text in texts])
    assert 0.17 < fraction < 0.23


def test_letter_a_is_respelled_for_espeak_only():
    respelled = spell_for_espeak("grid", "bin blue at a two now")
    assert respelled == "bin blue at eigh two now"
    assert restore_spelling((Interval("eigh", 0.1, 0.2),)) == (("a", 0.1, 0.2),)
    assert spell_for_espeak("free", "thank you for a mug") == "thank you for a mug"
