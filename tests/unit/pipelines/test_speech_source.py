"""What is said, by whom and when: texts, voices and subtitles."""

import numpy as np
import pytest

from avjax.errors import InputError
from avjax.pipelines.speech_source import (
    HASTE,
    Script,
    by_espeak,
    by_nobody,
    spoken,
    written,
)
from avjax.text.phonemes import PAUSE, SOUNDS, Spans
from avjax.text.subtitles import Cue

RATE = 16_000


def names(sounds) -> list[str]:
    return [SOUNDS[sound] for sound in sounds]


def clicks(seconds: float = 1.0):
    """Says anything within so many seconds, in two phones and a little silence."""

    def say(text, haste):
        length = seconds / haste
        wave = np.full(round(length * RATE) + 1600, 0.1 * haste, np.float32)
        return wave, (("b", 0.1 / haste, length / 2), ("a", length / 2, length))

    return say


def test_a_text_begins_at_once_and_is_as_long_as_it_lasts():
    said = spoken([Cue(0, 0, "ba")], clicks())
    assert said.spans == (("b", 0.1, 0.5), ("a", 0.5, 1.0))
    assert said.seconds == 1.1 and said.remarks == ()


def test_subtitles_are_said_at_their_times():
    cues = [Cue(2.0, 3.0, "ba"), Cue(5.0, 9.0, "ba")]
    said = spoken(cues, clicks())
    assert [start for phone, start, _ in said.spans if phone == "b"] == [2.1, 5.1]
    assert said.seconds == 9, "as long as they are shown"
    loud = np.flatnonzero(said.wave) / RATE
    assert loud[0] == 2 and not ((loud >= 3.1) & (loud < 5)).any()
    assert said.remarks == ("2 subtitles were said at their times",)


def test_a_subtitle_is_said_faster_before_it_runs_into_the_next():
    cues = [Cue(0, 0.7, "ba"), Cue(0.8, 1.5, "ba")]
    said = spoken(cues, clicks())
    np.testing.assert_allclose(said.spans[1][1:], (0.4, 0.8))
    np.testing.assert_allclose(said.spans[2][1:], (0.9, 1.3))
    assert said.wave[0] == pytest.approx(0.125), "the sound is faster too"
    assert said.remarks[0].endswith("their times, 1 of them faster than usual")


def test_what_is_too_long_goes_on_and_the_next_begins_when_it_is_done():
    cues = [Cue(0, 0.2, "ba"), Cue(0.2, 0.4, "ba"), Cue(0.4, 0.6, "ba")]
    said = spoken(cues, clicks())
    ends = [end for phone, _, end in said.spans if phone == "a"]
    np.testing.assert_allclose(ends, [1 / HASTE, 2 / HASTE, 2 / HASTE + 1])
    assert "2 of them faster than usual and some late, by 1.0 s" in said.remarks[0]
    times = np.array([span[1:] for span in said.spans]).ravel()
    assert (np.diff(times) >= 0).all()


def test_a_script_tells_sounds_and_where_nobody_speaks():
    wave = np.zeros(RATE, np.float32)
    said = Script(wave, (("b", 0.2, 0.3), ("aɪ", 0.3, 0.5)))
    found = said.sounds()
    assert names(found.sounds) == ["_", "b", "a", "ɪ", "_"]
    np.testing.assert_allclose(found.edges, [0, 0.2, 0.3, 0.4, 0.5, 1])
    quiet = said.quiet()
    assert len(quiet) == 100 and not quiet[20:50].any()
    assert quiet[:20].all() and quiet[50:].all()
    assert Script(wave).quiet().all() and not Script(wave + 0.1).quiet().any()


def test_espeak_says_a_text_by_the_voice_that_is_asked_for():
    plain, woman = (by_espeak(voice, "en-us") for voice in (None, "f3"))
    (wave, phones), (other, _) = plain("a baker", 1.0), woman("a baker", 1.0)
    assert [phone for phone, *_ in phones] == ["ɐ", "b", "eɪ", "k", "ɚ"]
    assert len(wave) != len(other) or np.abs(wave - other).max() > 0.1
    fast, phones_fast = plain("a baker", HASTE)
    assert phones_fast[-1][2] < 0.85 * phones[-1][2] and len(fast) < len(wave)


def test_an_unknown_voice_is_told_with_those_that_look_like_it():
    with pytest.raises(InputError, match="no voice 'wisper'; there is whisper"):
        by_espeak("wisper", "en-us")


@pytest.mark.parametrize(
    ("text", "language", "error"),
    [
        ("", "en-us", "nothing to say"),
        ("...", "en-us", "nothing to say"),
        ("♪", "en-us", "nothing to say"),
        ("你好", "en-us", "letters of another language"),
        ("\udcff yes", "en-us", "nobody can say"),
        ("a\0b", "en-us", "nobody can say"),
        ("١٢٣ apples", "en-us", "letters of another language"),
        ("yes", "", r"a language has a name|no voice .\+f3"),
        ("yes", "qq", "no voice 'qq"),
    ],
)
@pytest.mark.parametrize("voice", [None, "f3", "none"])
def test_what_cannot_be_said_is_one_sentence(text, language, error, voice):
    with pytest.raises(InputError, match=error) as told:
        if voice == "none":
            written(text, language)
        else:
            by_espeak(voice, language)(text, 1.0)
    assert "\n" not in str(told.value)


def test_a_text_pauses_at_its_ends_and_at_its_stops():
    sounds = "".join(names(written("No, Dr. Day said so.", "en-us")))
    assert sounds == "_noʊ_dɑːktɚdeɪsɛdsoʊ_"


@pytest.mark.parametrize(
    ("text", "language", "pauses"),
    [
        ("Guten Tag, wie geht's?", "de", 3),
        ("你好，世界。", "cmn", 3),
        ("Dr. Day: 3.5 %", "en-us", 3),
    ],
)
def test_texts_of_other_languages_and_signs_are_written(text, language, pauses):
    sounds = written(text, language)
    assert (sounds > 0).all() and (sounds == PAUSE).sum() == pauses
    assert len(sounds) > 10


class Foreteller:
    """Every sound lasts 0.1 s, and the portrait is kept."""

    def times(self, sounds, portrait):
        self.portrait = portrait
        edges = np.arange(len(sounds) + 1, dtype=np.float32) / 10
        return Spans(sounds, edges)


def test_what_nobody_says_lasts_as_long_as_is_foretold():
    teller, face = Foreteller(), np.zeros((4, 4, 3), np.uint8)
    said = spoken([Cue(0, 0, "no, I")], by_nobody(teller, face, "en-us"))
    assert teller.portrait is face
    sounds = said.sounds()
    assert names(sounds.sounds) == ["_", "n", "o", "ʊ", "_", "a", "ɪ", "_"]
    np.testing.assert_allclose(sounds.edges, np.arange(9) / 10, atol=1e-4)
    assert not said.wave.any() and said.seconds == pytest.approx(0.8)
    assert said.quiet()[:10].all() and not said.quiet()[10:40].any()


def test_nobody_can_hurry_too():
    say = by_nobody(Foreteller(), np.zeros((4, 4, 3), np.uint8), "en-us")
    wave, phones = say("no", 1.25)
    assert len(wave) == round(0.4 * RATE)
    np.testing.assert_allclose(phones[0][1:], (0.08, 0.16), rtol=1e-4)
