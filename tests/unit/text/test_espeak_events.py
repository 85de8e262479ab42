"""From espeak's events to words and phones with their times."""

import numpy as np
import pytest

from avjax.text import espeak_events as events
from avjax.text.espeak_events import Place

RATE = 1000


def spelt(text, heads, phones):
    """Phones that last 100 ms each, by word; heads are (first character, sample)."""
    spans = [(phone, at / 10, (at + 1) / 10) for at, phone in enumerate(phones)]
    words = events.words_in(text)
    told = [(first, 1, sample) for first, sample in heads]
    by_word = events.phones_by_word(words, told, RATE, tuple(spans))
    return [
        (place.word, "".join(phone for phone, _, _ in own))
        for place, own in zip(words, by_word, strict=True)
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
def test_marks_are_no_words_and_signs_that_are_said_are(text, words):
    found = events.words_in(text)
    assert [place.word for place in found] == words
    assert all(text[start:].startswith(word) for start, word in found)


def test_phones_belong_to_the_word_of_the_last_event():
    heads = [(0, 0), (3, 200)]
    assert spelt("ab cde", heads, "xyzuv") == [("ab", "xy"), ("cde", "zuv")]


def test_words_of_one_event_share_its_phones_by_their_letters():
    heads = [(0, 0), (7, 400)]
    said = [("in", "wx"), ("that", "yz"), ("b", "u")]
    assert spelt("in that b", [(0, 0), (8, 400)], "wxyzu")[2] == said[2]
    assert spelt("in th b", [heads[0], (6, 400)], "wxyzu")[:2] == [
        ("in", "wx"),
        ("th", "yz"),
    ]


def test_several_events_of_a_number_are_all_of_it():
    heads = [(0, 0), (2, 200), (3, 300), (3, 400), (7, 500)]
    assert spelt("a 3.50 b", heads, "uvwxyz") == [
        ("a", "uv"),
        ("3.50", "wxy"),
        ("b", "z"),
    ]


def test_an_event_of_a_dash_is_of_the_next_word_and_one_behind_a_word_of_that():
    assert spelt("a - b", [(0, 0), (2, 100)], "xyz") == [("a", "x"), ("b", "yz")]
    heads = [(0, 0), (2, 100), (3, 200), (4, 300)]
    assert spelt("a & b", heads, "wxyz") == [("a", "w"), ("&", "xy"), ("b", "z")]
    assert spelt("世界", [(0, 0), (1, 100)], "xy") == [("世", "x"), ("界", "y")]


def test_a_switch_of_language_is_no_phone_and_a_lone_mark_is_of_the_one_before():
    told = [("(en)", 0), ("ˈp", 100), ("ʲ", 200), ("", 300), ("i", 400)]
    spans = events.phone_spans(told, np.ones(500), RATE)
    assert spans == (("pʲ", 0.1, 0.3), ("i", 0.4, 0.5))


def test_the_silence_before_a_voiceless_stop_is_part_of_it():
    samples = np.ones(500)
    samples[240:300] = 0
    told = [("a", 0), ("t", 300)]
    assert events.phone_spans(told, samples, RATE) == (("a", 0, 0.24), ("t", 0.24, 0.5))


def test_a_word_that_is_not_heard_has_no_time():
    words = [Place(0, "a"), Place(2, "b")]
    phones = [(("x", 0.1, 0.2), ("y", 0.2, 0.3)), ()]
    assert events.word_spans(words, phones) == (("a", 0.1, 0.3),)


def test_a_tone_is_the_same_at_16_khz():
    tone = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)
    ours = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    made = events.resample(tone, 22050)
    assert len(made) == 16000
    np.testing.assert_allclose(made[100:-100], ours[100:-100], atol=2e-3)
