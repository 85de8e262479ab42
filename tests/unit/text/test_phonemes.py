"""Sounds by the mouth that they ask for."""

import numpy as np
import pytest

from avjax.data.puppet.visemes import BILABIALS, TARGETS
from avjax.text.phonemes import (
    BLANK,
    CLASSES,
    NUMBERS,
    PAUSE,
    SOUNDS,
    classes_at,
    in_columns,
    sounds_of,
    spans_of,
)


def test_every_phone_of_the_puppets_is_in_one_class():
    assert set(TARGETS) == set(NUMBERS)
    assert sum(map(len, CLASSES.values())) == len(NUMBERS)
    assert tuple(CLASSES["bilabial"]) == BILABIALS


def test_a_moment_has_the_class_of_what_is_said_then():
    phones = {
        "phone": ["b", "aɪ", "?", "tʃ"],
        "start": np.array([0.1, 0.2, 0.4, 0.5]),
        "end": np.array([0.2, 0.4, 0.5, 0.6]),
    }
    moments = [0.0, 0.1, 0.19, 0.21, 0.29, 0.31, 0.45, 0.51, 0.58, 0.6]
    names = ["", *CLASSES]
    found = [names[number] for number in classes_at(phones, np.array(moments))]
    shut = ["", "bilabial", "bilabial"]
    said = ["open", "open", "spread", "", "tongue", "rounded", ""]
    assert found == shut + said


def test_where_nothing_is_known_all_is_zero():
    nothing = {"phone": [], "start": np.zeros(0), "end": np.zeros(0)}
    assert not classes_at(nothing, np.arange(5) / 25).any()


@pytest.mark.parametrize(
    ("phone", "sounds"),
    [
        ("b", "b"),
        ("aɪ", "a ɪ"),
        ("ɔːɹ", "ɔː ɹ"),
        ("aː", "a"),  # no vowel of English
        ("tʃ", "t ʃ"),
        ("yː", "uː"),
        ("ʁ", "ɹ"),
        ("ç", "ʃ"),
        ("ã", "a"),
        ("ɑ̃", "ɑ"),
        ("n̩", "n"),
        ("iəɛ2", "i ə ɛ"),
        ("ꭥ", "ə"),  # a letter that is in no table
        ("ː", ""),
        ("?", ""),
        ("", ""),
    ],
)
def test_a_phone_of_any_language_is_of_sounds_of_english(phone, sounds):
    assert " ".join(SOUNDS[number] for number in sounds_of(phone)) == sounds


def test_neither_blank_nor_pause_is_said():
    numbers = [number for letter in NUMBERS for number in sounds_of(letter)]
    assert not {BLANK, PAUSE} & set(numbers)
    assert len(set(numbers)) == len(NUMBERS)


def test_sounds_fill_a_recording_with_the_pauses_between():
    phones = {
        "phone": ["b", "aɪ", "t"],
        "start": [0.1, 0.2, 0.41],
        "end": [0.2, 0.4, 0.5],
    }
    spans = spans_of(phones, 0.8)
    assert [SOUNDS[number] for number in spans.sounds] == ["_", "b", "a", "ɪ", "t", "_"]
    edges = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.8]  # 10 ms are no pause
    np.testing.assert_allclose(spans.edges, edges, atol=1e-6)


def test_a_recording_in_which_nothing_is_said_is_one_pause():
    spans = spans_of({"phone": [], "start": [], "end": []}, 0.8)
    assert spans.sounds.tolist() == [PAUSE]
    np.testing.assert_allclose(spans.edges, [0, 0.8])


def test_phones_one_by_one_are_told_in_columns():
    said = (("b", 0.0, 0.1), ("aɪ", 0.1, 0.3))
    columns = {"phone": ("b", "aɪ"), "start": (0.0, 0.1), "end": (0.1, 0.3)}
    assert in_columns(said) == columns
