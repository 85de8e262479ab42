"""Words as a chain of sounds, and when each may be heard."""

import numpy as np

from avjax.text.alignment_graph import Spoken, allowed_at, chain_of, evenly_at
from avjax.text.phonemes import PAUSE, SOUNDS

BUY, NOTHING, TEA = (
    Spoken("buy", ("b", "aɪ")),
    Spoken("?", ()),
    Spoken("tea", ("t", "iː")),
)


def test_words_are_parted_by_pauses_and_what_is_not_said_has_no_place():
    chain = chain_of([BUY, NOTHING, TEA])
    assert [SOUNDS[number] for number in chain.sounds] == [*"_baɪ_t", "iː", "_"]
    assert chain.word.tolist() == [-1, 0, 0, 0, -1, 2, 2, -1]
    assert chain.phone.tolist() == [-1, 0, 1, 1, -1, 0, 1, -1]


def test_without_words_there_is_one_pause():
    chain = chain_of([])
    assert chain.sounds.tolist() == [PAUSE] and chain.word.tolist() == [-1]


def test_a_word_is_heard_in_its_time_and_a_pause_outside_of_it():
    words = [BUY._replace(start=0.1, end=0.2), TEA]
    chain = chain_of(words)
    may = allowed_at(chain, words, 40, reach=0.03)
    heard = np.flatnonzero(may[:, 1]) / 80
    assert (heard[0], heard[-1]) == (0.075, 0.225), "columns are 12.5 ms apart"
    np.testing.assert_array_equal(may[:, 1], may[:, 3])
    silent = np.flatnonzero(may[:, 0] == 0) / 80
    assert (silent[0], silent[-1]) == (0.1375, 0.1625)
    np.testing.assert_array_equal(may[:, 0], may[:, 4])
    assert may[:, chain.word == 1].all(), "nobody knows when tea is said"


def test_without_times_sounds_are_near_their_even_places_where_somebody_speaks():
    chain = chain_of([BUY, TEA])
    may = evenly_at(chain, (0.5, 1.0), 120)
    assert may[:, chain.word < 0].all()
    for place, (first, last) in {1: (0.4, 0.9), 3: (0.4, 1.1), 6: (0.6, 1.2)}.items():
        heard = np.flatnonzero(may[:, place]) / 80
        assert abs(heard[0] - first) < 0.013 and abs(heard[-1] - last) < 0.013
