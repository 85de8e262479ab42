"""Tests of the conversion of eSpeak's events to timed words and phones."""

import numpy as np
import pytest

from avjax.text.espeak_events import (
    TextPosition,
    find_words,
    phone_intervals,
    split_phones_by_word,
    word_intervals,
)
from avjax.text.intervals import Interval

RATE = 1000


def phones_of_words(text, starts, symbols):
    """Split phones of 100 ms each by word; starts are (first character, sample)."""
    phones = [
        Interval(symbol, index / 10, (index + 1) / 10)
        for index, symbol in enumerate(symbols)
    ]
    words = find_words(text)
    events = [(first, 1, sample) for first, sample in starts]
    by_word = split_phones_by_word(words, events, RATE, tuple(phones))
    return [
        (position.word, "".join(phone.label for phone in phones))
        for position, phones in zip(words, by_word, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, world!", ["Hello", "world"]),
        ("“It's” $3.50 - & 12/05…", ["It's", "$3.50", "&", "12/05"]),
        ("你好，世界。", ["你", "好", "世", "界"]),
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया"]),
        ("... -- !", []),
    ],
)
def test_punctuation_is_not_a_word_and_pronounced_symbols_are(text, words):
    positions = find_words(text)
    assert [position.word for position in positions] == words
    assert all(text[start:].startswith(word) for start, word in positions)


def test_phones_belong_to_the_word_of_the_last_event():
    starts = [(0, 0), (3, 200)]
    assert phones_of_words("ab cde", starts, "xyzuv") == [("ab", "xy"), ("cde", "zuv")]


def test_words_of_one_event_share_its_phones_by_letters():
    starts = [(0, 0), (7, 400)]
    expected = [("in", "wx"), ("that", "yz"), ("b", "u")]
    assert phones_of_words("in that b", [(0, 0), (8, 400)], "wxyzu")[2] == expected[2]
    assert phones_of_words("in th b", [starts[0], (6, 400)], "wxyzu")[:2] == [
        ("in", "wx"),
        ("th", "yz"),
    ]


def test_several_events_of_one_number():
    starts = [(0, 0), (2, 200), (3, 300), (3, 400), (7, 500)]
    assert phones_of_words("a 3.50 b", starts, "uvwxyz") == [
        ("a", "uv"),
        ("3.50", "wxy"),
        ("b", "z"),
    ]


def test_events_between_words():
    assert phones_of_words("a - b", [(0, 0), (2, 100)], "xyz") == [
        ("a", "x"),
        ("b", "yz"),
    ]
    starts = [(0, 0), (2, 100), (3, 200), (4, 300)]
    assert phones_of_words("a & b", starts, "wxyz") == [
        ("a", "w"),
        ("&", "xy"),
        ("b", "z"),
    ]
    assert phones_of_words("世界", [(0, 0), (1, 100)], "xy") == [
        ("世", "x"),
        ("界", "y"),
    ]


def test_language_switches_and_diacritics_are_not_phones():
    events = [("(en)", 0), ("ˈp", 100), ("ʲ", 200), ("", 300), ("i", 400)]
    phones = phone_intervals(events, np.ones(500), RATE)
    assert phones == (("pʲ", 0.1, 0.3), ("i", 0.4, 0.5))


def test_silence_before_a_voiceless_stop_belongs_to_it():
    samples = np.ones(500)
    samples[240:300] = 0
    events = [("a", 0), ("t", 300)]
    assert phone_intervals(events, samples, RATE) == (("a", 0, 0.24), ("t", 0.24, 0.5))


def test_word_without_phones_has_no_interval():
    words = [TextPosition(0, "a"), TextPosition(2, "b")]
    phones = [(Interval("x", 0.1, 0.2), Interval("y", 0.2, 0.3)), ()]
    assert word_intervals(words, phones) == (("a", 0.1, 0.3),)
