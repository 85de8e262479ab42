"""Edit distances against the definition and against jiwer."""

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avjax.metrics.error_rate import symbol_edit_counts, word_edit_counts

sentences = st.lists(st.sampled_from(["bin", "lay", "red", "at", "a"])).map(" ".join)


@functools.cache
def by_definition(target: tuple, pred: tuple) -> int:
    """Compute the Levenshtein distance by its definition."""
    if not target or not pred:
        return len(target) + len(pred)
    replaced = by_definition(target[1:], pred[1:]) + (target[0] != pred[0])
    deleted = by_definition(target[1:], pred) + 1
    inserted = by_definition(target, pred[1:]) + 1
    return min(replaced, deleted, inserted)


@pytest.mark.parametrize(
    ("target", "pred", "edits"),
    [
        ("place blue in u eight now", "place blue in u eight now", 0),
        ("place blue in u eight now", "place blue by u now", 2),
        ("place  blue ", "blue place", 2),
        ("yes", "", 1),
        ("", "well well", 2),
        ("", "", 0),
    ],
)
def test_word_edit_counts(target, pred, edits):
    assert word_edit_counts(target, pred) == (edits, len(target.split()))


@given(st.text("abc", max_size=7), st.text("abc", max_size=7))
def test_symbol_edits_equal_the_definition(target, pred):
    edits = by_definition(tuple(target), tuple(pred))
    assert symbol_edit_counts(target, pred) == (edits, len(target))


def test_symbols_may_be_phones_or_numbers():
    assert symbol_edit_counts(["tS", "eI"], ["tS", "@", "eI"]) == (1, 2)
    assert symbol_edit_counts([3, 1, 4], [3, 4]) == (1, 3)


@given(sentences.filter(bool), sentences)
def test_word_error_rate_equals_jiwer(target, pred):
    jiwer = pytest.importorskip("jiwer")
    edits, words = word_edit_counts(target, pred)
    assert edits / words == pytest.approx(jiwer.wer(target, pred))


@given(st.text("abcd ", min_size=1).filter(str.strip), st.text("abcd "))
def test_symbol_error_rate_equals_jiwer(target, pred):
    jiwer = pytest.importorskip("jiwer")
    target, pred = " ".join(target.split()), " ".join(pred.split())
    edits, symbols = symbol_edit_counts(target, pred)
    assert edits / symbols == pytest.approx(jiwer.cer(target, pred))
