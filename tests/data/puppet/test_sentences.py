"""Tests of the sentences of the puppets."""

import numpy as np

from avjax.data.puppet.sentences import (
    GRID_SLOTS,
    HOMOPHENES,
    SAMPLERS,
    WORDS,
    restore_spelling,
    sample_sentence,
    sentence_split,
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
    for split in ("train", "val", "test"):
        for kind in ("grid", "free"):
            texts = {sample_sentence(kind, split, uniform) for _ in range(200)}
            assert len(texts) > 60
            assert {sentence_split(text) for text in texts} == {split}


def test_a_tenth_of_the_sentences_are_test_sentences():
    uniform = np.random.default_rng(0).random
    texts = {SAMPLERS["grid"](uniform) for _ in range(3000)}
    fraction = np.mean([sentence_split(text) == "test" for text in texts])
    assert 0.08 < fraction < 0.12


def test_letter_a_is_respelled_for_espeak_only():
    respelled = spell_for_espeak("grid", "bin blue at a two now")
    assert respelled == "bin blue at eigh two now"
    assert restore_spelling((Interval("eigh", 0.1, 0.2),)) == (("a", 0.1, 0.2),)
    assert spell_for_espeak("free", "thank you for a mug") == "thank you for a mug"
