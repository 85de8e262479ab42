import numpy as np

from avjax.data.puppet.sentences import (
    GRID,
    HOMOPHENES,
    KINDS,
    WORDS,
    draw_sentence,
    sentence_split,
    spell,
    unspell,
)


def test_grid_has_51_words():
    assert len({word for part in GRID for word in part}) == 51
    assert [len(part) for part in GRID] == [4, 4, 4, 25, 10, 4]


def test_no_word_is_in_two_groups_of_homophenes():
    assert len(WORDS) == len(set(WORDS)) == sum(map(len, HOMOPHENES))


def test_a_sentence_belongs_to_the_split_it_was_drawn_for():
    draw = np.random.default_rng(0).random
    for split in ("train", "test"):
        for kind in ("grid", "free"):
            texts = {draw_sentence(kind, split, draw) for _ in range(200)}
            assert len(texts) > 60
            assert {sentence_split(text) for text in texts} == {split}


def test_a_fifth_of_the_sentences_are_for_the_test():
    draw = np.random.default_rng(0).random
    texts = {KINDS["grid"](draw) for _ in range(3000)}
    share = np.mean([sentence_split(text) == "test" for text in texts])
    assert 0.17 < share < 0.23


def test_the_letter_a_is_spelled_for_the_voice_only():
    spoken = spell("grid", "bin blue at a two now")
    assert spoken == "bin blue at eigh two now"
    assert unspell((("eigh", 0.1, 0.2),)) == (("a", 0.1, 0.2),)
    assert spell("free", "thank you for a mug") == "thank you for a mug"
