"""Tests of phoneme ids, classes and tiers."""

import numpy as np
import pytest

from avjax.data.puppet.visemes import BILABIALS, TARGETS
from avjax.text.intervals import Interval
from avjax.text.phonemes import (
    BLANK,
    CLASS_IDS,
    PAUSE,
    PHONEME_CLASSES,
    PHONEMES,
    intervals_to_columns,
    phoneme_classes_at,
    to_phoneme_ids,
    to_phoneme_tier,
)


def test_every_phone_of_the_puppets_has_one_class():
    assert set(TARGETS) == set(CLASS_IDS)
    assert sum(map(len, PHONEME_CLASSES.values())) == len(CLASS_IDS)
    assert tuple(PHONEME_CLASSES["bilabial"]) == BILABIALS


def test_phoneme_classes_at_times():
    phones = {
        "phone": ["b", "aɪ", "?", "tʃ"],
        "start": np.array([0.1, 0.2, 0.4, 0.5]),
        "end": np.array([0.2, 0.4, 0.5, 0.6]),
    }
    times = [0.0, 0.1, 0.19, 0.21, 0.29, 0.31, 0.45, 0.51, 0.58, 0.6]
    names = ["", *PHONEME_CLASSES]
    classes = [names[number] for number in phoneme_classes_at(phones, np.array(times))]
    closed = ["", "bilabial", "bilabial"]
    others = ["open", "open", "spread", "", "tongue", "rounded", ""]
    assert classes == closed + others


def test_class_is_zero_without_phones():
    columns = {"phone": [], "start": np.zeros(0), "end": np.zeros(0)}
    assert not phoneme_classes_at(columns, np.arange(5) / 25).any()


@pytest.mark.parametrize(
    ("phone", "phonemes"),
    [
        ("b", "b"),
        ("aɪ", "a ɪ"),
        ("ɔːɹ", "ɔː ɹ"),
        ("aː", "a"),  # not a vowel of English
        ("tʃ", "t ʃ"),
        ("yː", "uː"),
        ("ʁ", "ɹ"),
        ("ç", "ʃ"),
        ("ã", "a"),
        ("ɑ̃", "ɑ"),
        ("n̩", "n"),
        ("iəɛ2", "i ə ɛ"),
        ("ꭥ", "ə"),  # not in any table
        ("ː", ""),
        ("?", ""),
        ("", ""),
    ],
)
def test_phones_of_any_language_map_to_english_phonemes(phone, phonemes):
    assert " ".join(PHONEMES[number] for number in to_phoneme_ids(phone)) == phonemes


def test_phones_never_map_to_blank_or_pause():
    numbers = [number for letter in CLASS_IDS for number in to_phoneme_ids(letter)]
    assert not {BLANK, PAUSE} & set(numbers)
    assert len(set(numbers)) == len(CLASS_IDS)


def test_phoneme_tier_fills_gaps_with_pauses():
    phones = {
        "phone": ["b", "aɪ", "t"],
        "start": [0.1, 0.2, 0.41],
        "end": [0.2, 0.4, 0.5],
    }
    tier = to_phoneme_tier(phones, 0.8)
    assert [PHONEMES[number] for number in tier.ids] == [
        "_",
        "b",
        "a",
        "ɪ",
        "t",
        "_",
    ]
    edges = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.8]  # 10 ms are not a pause
    np.testing.assert_allclose(tier.edges, edges, atol=1e-6)


def test_phoneme_tier_without_phones_is_one_pause():
    tier = to_phoneme_tier({"phone": [], "start": [], "end": []}, 0.8)
    assert tier.ids.tolist() == [PAUSE]
    np.testing.assert_allclose(tier.edges, [0, 0.8])


def test_intervals_to_columns():
    phones = (Interval("b", 0.0, 0.1), Interval("aɪ", 0.1, 0.3))
    columns = {"phone": ("b", "aɪ"), "start": (0.0, 0.1), "end": (0.1, 0.3)}
    assert intervals_to_columns(phones) == columns
