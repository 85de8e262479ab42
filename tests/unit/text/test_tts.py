"""Tests of text-to-speech and pronunciation in several languages."""

import itertools

import numpy as np
import pytest

from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError
from avjax.text.phonemes import PHONEMES, to_phoneme_ids
from avjax.text.tts import (
    MAX_CHARACTERS,
    PronouncedWord,
    pronounce_text,
    pronounce_word,
    split_text,
    synthesize,
)

SENTENCES = {
    "en-us": ("nine ships", "n a ɪ n ʃ ɪ p s"),
    "de": ("schöne Äpfel", "ʃ ɜː n ə ɛ p f ə l"),
    "cmn": ("你好", "n i h ɑ u"),
    "fr": ("bon été", "b ɔ n e t e"),
    "es": ("señor", "s e n o ɾ"),
    "ru": ("привет, мир", "p ɹ i v e t m i ɹ"),
    "ja": ("ありがとう", "a ɾ i ɡ a t o ʊ"),
    "ar": ("مرحبا", "m ɹ h b a"),
    "hi": ("नमस्ते", "n ə m ʌ s t e"),
}


def phonemes(words):
    ids = [n for word in words for phone in word.phones for n in to_phoneme_ids(phone)]
    return " ".join(PHONEMES[number] for number in ids)


@pytest.mark.parametrize("language", SENTENCES)
def test_languages_map_to_english_phonemes(language):
    text, expected = SENTENCES[language]
    assert phonemes(pronounce_text(text, language)) == expected


def test_punctuation_is_kept_without_phones():
    parts = pronounce_text("Hello, my -- dear!")
    texts = [part.text for part in parts]
    assert texts == ["Hello", ",", "my", "--", "dear", "!"]
    assert [bool(part.phones) for part in parts] == [True, False] * 3
    assert parts[2] == PronouncedWord("my", ("m", "aɪ"))


def test_numbers_abbreviations_and_symbols_are_pronounced():
    words = pronounce_text("Dr. Ray paid $3 & 5 µm")
    by_text = {word.text: phonemes([word]) for word in words}
    assert by_text["Dr"] == "d ɑː k t ɚ" and by_text["&"] == "æ n d"
    assert "θ ɹ iː" in by_text["$3"] and "f a ɪ v" in by_text["5"]
    assert by_text["µm"].startswith("m a ɪ k")


def test_pronounce_single_word():
    assert pronounce_word("f", "en-gb") == ("ɛ", "f")


def test_utterance_has_audio_with_timed_words():
    speech = synthesize("the cat sat, and the dog ran", rate=160)
    assert speech.wave.dtype == np.float32 and np.abs(speech.wave).max() > 0.1
    expected = ["the", "cat", "sat", "and", "the", "dog", "ran"]
    assert [word.label for word in speech.words] == expected
    for intervals in (speech.phones, speech.words):
        times = [time for _, *span in intervals for time in span]
        assert times == sorted(times)
        assert times[-1] <= len(speech.wave) / SAMPLE_RATE
    steps = speech.wave[: len(speech.wave) // 160 * 160].reshape(-1, 160)
    level = np.abs(steps).mean(1)
    inside = np.zeros(len(level), bool)
    for _, start, end in speech.words:
        inside[round(100 * start) : round(100 * end)] = True
    assert level[inside].mean() > 5 * level[~inside].mean()


def test_rate_and_pitch_change_the_audio():
    slow, fast = (
        len(synthesize("a long way to go", rate=rate).wave) for rate in (100, 250)
    )
    assert slow > 1.8 * fast
    low, high = (synthesize("a long way", pitch=pitch).wave for pitch in (10, 90))
    assert not np.array_equal(low, high)


def test_long_text_is_synthesized_sentence_by_sentence(monkeypatch):
    monkeypatch.setattr("avjax.text.tts.MAX_CHARACTERS", 40)
    text = "Dr. May has nine cats at home. They sleep. " * 6
    speech = synthesize(text)
    assert [word.label for word in speech.words] == text.replace(".", "").split()
    pairs = itertools.pairwise(speech.words)
    gaps = [b.start - a.end for a, b in pairs if b.label == "They"]
    assert min(gaps) > 0.3
    starts = [phone.start for phone in speech.phones]
    assert starts == sorted(starts)
    assert starts[-1] < len(speech.wave) / SAMPLE_RATE


@pytest.mark.parametrize(
    "text",
    ["word " * 300, "x" * 1000, "One two, three. " * 80, "你好，世界。" * 100, "a\nb"],
)
def test_split_text_gives_short_parts_and_loses_nothing(text):
    parts = split_text(text)
    assert max(map(len, parts)) <= MAX_CHARACTERS
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert len(parts) <= 2 * len(text) / MAX_CHARACTERS + 1


@pytest.mark.parametrize(
    ("language", "text", "message"),
    [
        ("xx", "yes", "unknown language 'xx' .*; did you mean"),
        ("cnm", "yes", "unknown language 'cnm' .*; did you mean cmn"),
        ("en-us", "", "nothing to say"),
        ("en-us", " \n", "nothing to say"),
        ("en-us", "!? ... $ 😀", "nothing to say"),
        ("en-us", "say 你好", "en-us cannot pronounce '你'"),
        ("en-us", "Привет", "letters of another language"),
        ("ja", "世界", "letters of another language"),
        ("de", "γειά", "letters of another language"),
    ],
)
@pytest.mark.parametrize("function", [synthesize, pronounce_text])
def test_unpronounceable_text_raises(function, language, text, message):
    with pytest.raises(InputError, match=message):
        function(text, language)


@pytest.mark.parametrize(
    ("parameter", "value"), [("rate", 10), ("rate", 900), ("pitch", 100)]
)
def test_rate_or_pitch_out_of_range_raises(parameter, value):
    with pytest.raises(InputError, match=str(value)):
        synthesize("yes", **{parameter: value})
