"""Texts of several languages, as sound and as phones."""

import itertools

import numpy as np
import pytest

from avjax.errors import InputError
from avjax.text import tts as utterance
from avjax.text.phonemes import SOUNDS, sounds_of
from avjax.text.tts import Token, pronounce, tokens_of, utter

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


def sounds(tokens):
    numbers = [
        n for token in tokens for phone in token.phones for n in sounds_of(phone)
    ]
    return " ".join(SOUNDS[number] for number in numbers)


@pytest.mark.parametrize("language", SENTENCES)
def test_languages_are_spelt_by_the_sounds_of_english(language):
    text, spelt = SENTENCES[language]
    assert sounds(tokens_of(text, language)) == spelt


def test_marks_stand_between_the_words_and_have_no_phones():
    tokens = tokens_of("Hello, my -- dear!")
    texts = [token.text for token in tokens]
    assert texts == ["Hello", ",", "my", "--", "dear", "!"]
    assert [bool(token.phones) for token in tokens] == [True, False] * 3
    assert tokens[2] == Token("my", ("m", "aɪ"))


def test_numbers_abbreviations_and_signs_are_said():
    said = {
        token.text: sounds([token]) for token in tokens_of("Dr. Ray paid $3 & 5 µm")
    }
    assert said["Dr"] == "d ɑː k t ɚ" and said["&"] == "æ n d"
    assert "θ ɹ iː" in said["$3"] and "f a ɪ v" in said["5"]
    assert said["µm"].startswith("m a ɪ k")


def test_a_word_alone_is_the_same_as_in_a_text():
    assert pronounce("f", "en-gb") == ("ɛ", "f")


def test_an_utterance_is_sound_with_the_times_of_what_is_said():
    said = utter("the cat sat, and the dog ran", rate=160)
    assert said.wave.dtype == np.float32 and np.abs(said.wave).max() > 0.1
    spelt = ["the", "cat", "sat", "and", "the", "dog", "ran"]
    assert [word for word, _, _ in said.words] == spelt
    for spans in (said.phones, said.words):
        times = [time for _, *span in spans for time in span]
        assert times == sorted(times) and times[-1] <= len(said.wave) / 16000
    steps = said.wave[: len(said.wave) // 160 * 160].reshape(-1, 160)
    heard = np.abs(steps).mean(1)
    inside = np.zeros(len(heard), bool)
    for _, start, end in said.words:
        inside[round(100 * start) : round(100 * end)] = True
    assert heard[inside].mean() > 5 * heard[~inside].mean()


def test_pace_and_pitch_are_heeded():
    slow, fast = (len(utter("a long way to go", rate=rate).wave) for rate in (100, 250))
    assert slow > 1.8 * fast
    low, high = (utter("a long way", pitch=pitch).wave for pitch in (10, 90))
    assert not np.array_equal(low, high)


def test_a_long_text_is_said_sentence_by_sentence(monkeypatch):
    monkeypatch.setattr(utterance, "LONGEST", 40)
    text = "Dr. May has nine cats at home. They sleep. " * 6
    said = utter(text)
    assert [word for word, _, _ in said.words] == text.replace(".", "").split()
    gaps = [b[1] - a[2] for a, b in itertools.pairwise(said.words) if b[0] == "They"]
    assert min(gaps) > 0.3
    begins = [start for _, start, _ in said.phones]
    assert begins == sorted(begins) and begins[-1] < len(said.wave) / 16000


@pytest.mark.parametrize(
    "text",
    ["word " * 300, "x" * 1000, "One two, three. " * 80, "你好，世界。" * 100, "a\nb"],
)
def test_parts_of_a_text_are_short_and_lose_nothing(text):
    parts = utterance.pieces(text)
    assert max(map(len, parts)) <= utterance.LONGEST
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert len(parts) <= 2 * len(text) / utterance.LONGEST + 1


@pytest.mark.parametrize(
    ("language", "text", "told"),
    [
        ("xx", "yes", "espeak knows no voice 'xx'"),
        ("en-us", "", "nothing to say"),
        ("en-us", " \n", "nothing to say"),
        ("en-us", "!? ... $ 😀", "nothing to say"),
        ("en-us", "say 你好", "en-us cannot say '你'"),
        ("en-us", "Привет", "letters of another language"),
        ("ja", "世界", "letters of another language"),
        ("de", "γειά", "letters of another language"),
    ],
)
@pytest.mark.parametrize("function", [utter, tokens_of])
def test_what_cannot_be_said_is_one_sentence(function, language, text, told):
    with pytest.raises(InputError, match=told):
        function(text, language)


@pytest.mark.parametrize("told", [{"rate": 10}, {"rate": 900}, {"pitch": 100}])
def test_a_voice_that_nobody_has_is_refused(told):
    with pytest.raises(InputError, match=str(*told.values())):
        utter("yes", **told)
