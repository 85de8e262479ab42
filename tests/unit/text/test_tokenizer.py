"""Symbols and their numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avjax.errors import InputError
from avjax.text.tokenizer import CHARACTERS, to_ids, to_text

PHONES = ("", "p", "eI", "tS", "@")


def test_the_alphabet_begins_with_the_blank_and_the_space():
    assert CHARACTERS[:4] == ("", " ", "a", "b")
    assert len(CHARACTERS) == len(set(CHARACTERS)) == 29


@given(st.text("".join(CHARACTERS)))
def test_what_is_spelled_is_read_again(text):
    ids = to_ids(text)
    assert ids.dtype == np.int32 and ids.shape == (len(text),)
    assert (ids > 0).all()
    assert to_text(ids) == text


def test_letters_are_made_small():
    assert to_text(to_ids("Don't STOP")) == "don't stop"


@pytest.mark.parametrize("text", ["né", "a1", "two\nlines", "don’t"])
def test_a_character_outside_the_alphabet_is_named(text):
    outside = next(one for one in text if one not in CHARACTERS)
    with pytest.raises(InputError) as error:
        to_ids(text)
    assert repr(outside) in str(error.value) and repr(text) in str(error.value)


def test_phones_are_symbols_of_several_characters():
    ids = to_ids(["tS", "eI", "@"], PHONES)
    np.testing.assert_array_equal(ids, [3, 2, 4])
    assert to_text(ids, PHONES) == "tS eI @"


def test_phones_keep_their_case():
    with pytest.raises(InputError, match="'TS'"):
        to_ids(["p", "TS"], PHONES)


def test_a_blank_is_no_symbol_of_a_text():
    with pytest.raises(InputError):
        to_ids(["p", ""], PHONES)
    assert to_text([0, 2, 0, 0, 3]) == "ab"
