"""Errors of reading."""

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avjax.metrics.error_rate import symbol_errors, word_errors

sentences = st.lists(st.sampled_from(["bin", "lay", "red", "at", "a"])).map(" ".join)


@functools.cache
def by_definition(truth: tuple, read: tuple) -> int:
    """Levenshtein's distance, as it is defined."""
    if not truth or not read:
        return len(truth) + len(read)
    replaced = by_definition(truth[1:], read[1:]) + (truth[0] != read[0])
    left_out = by_definition(truth[1:], read) + 1
    put_in = by_definition(truth, read[1:]) + 1
    return min(replaced, left_out, put_in)


@pytest.mark.parametrize(
    ("truth", "read", "errors"),
    [
        ("place blue in u eight now", "place blue in u eight now", 0),
        ("place blue in u eight now", "place blue by u now", 2),
        ("place  blue ", "blue place", 2),
        ("yes", "", 1),
        ("", "well well", 2),
        ("", "", 0),
    ],
)
def test_words_are_replaced_left_out_or_put_in(truth, read, errors):
    assert word_errors(truth, read) == (errors, len(truth.split()))


@given(st.text("abc", max_size=7), st.text("abc", max_size=7))
def test_the_distance_is_that_of_its_definition(truth, read):
    errors = by_definition(tuple(truth), tuple(read))
    assert symbol_errors(truth, read) == (errors, len(truth))


def test_symbols_may_be_phones_or_numbers():
    assert symbol_errors(["tS", "eI"], ["tS", "@", "eI"]) == (1, 2)
    assert symbol_errors([3, 1, 4], [3, 4]) == (1, 3)


@given(sentences.filter(bool), sentences)
def test_word_errors_are_those_of_jiwer(truth, read):
    jiwer = pytest.importorskip("jiwer")
    errors, words = word_errors(truth, read)
    assert errors / words == pytest.approx(jiwer.wer(truth, read))


@given(st.text("abcd ", min_size=1).filter(str.strip), st.text("abcd "))
def test_symbol_errors_are_those_of_jiwer(truth, read):
    jiwer = pytest.importorskip("jiwer")
    truth, read = " ".join(truth.split()), " ".join(read.split())
    errors, symbols = symbol_errors(truth, read)
    assert errors / symbols == pytest.approx(jiwer.cer(truth, read))
