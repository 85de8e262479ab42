"""Tests of the conversion between text and symbol numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avjax.errors import InputError
from avjax.text.tokenizer import CHARACTERS, to_ids, to_text

PHONES = ("", "p", "eI", "tS", "@")


def test_alphabet_starts_with_blank_and_space():
    assert CHARACTERS[:4] == ("", " ", "a", "b")
    assert len(CHARACTERS) == len(set(CHARACTERS)) == 29


@given(st.text("".join(CHARACTERS)))
def test_round_trip(text):
    ids = to_ids(text)
    assert ids.dtype == np.int32 and ids.shape == (len(text),)
    assert (ids > 0).all()
    assert to_text(ids) == text


def test_strings_are_lowercased():
    assert to_text(to_ids("Don't STOP")) == "don't stop"


@pytest.mark.parametrize("text", ["né", "a1", "two\nlines", "don’t"])
def test_error_names_the_unknown_character(text):
    outside = next(letter for letter in text if letter not in CHARACTERS)
    with pytest.raises(InputError) as error:
        to_ids(text)
    assert repr(outside) in str(error.value) and repr(text) in str(error.value)


def test_symbols_may_have_several_characters():
    ids = to_ids(["tS", "eI", "@"], PHONES)
    np.testing.assert_array_equal(ids, [3, 2, 4])
    assert to_text(ids, PHONES) == "tS eI @"


def test_symbols_are_case_sensitive():
    with pytest.raises(InputError, match="'TS'"):
        to_ids(["p", "TS"], PHONES)


def test_blank_is_not_a_symbol_of_a_text():
    with pytest.raises(InputError):
        to_ids(["p", ""], PHONES)
    assert to_text([0, 2, 0, 0, 3]) == "ab"
