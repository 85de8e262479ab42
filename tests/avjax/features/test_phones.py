"""Sounds by the mouth that they ask for."""

import numpy as np

from avjax.data.puppet.phones import BILABIALS, TARGETS
from avjax.features.phones import CLASSES, NUMBERS, classes_at


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
