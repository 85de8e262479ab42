"""Speech from texts, voices and subtitles."""

import numpy as np
import pytest

from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError
from avjax.pipelines.talking.speech_source import (
    MAX_SPEEDUP,
    SpeechTrack,
    espeak_voice,
    phonemize,
    silent_voice,
    synthesize_cues,
)
from avjax.text.intervals import Interval, PhonemeTier
from avjax.text.phonemes import PAUSE, PHONEMES
from avjax.text.subtitles import Cue


def phoneme_names(ids) -> list[str]:
    return [PHONEMES[number] for number in ids]


def clicks(seconds: float = 1.0):
    """Make a voice that says any text in two phones, followed by a short silence."""

    def speak(text, speedup):
        length = seconds / speedup
        wave = np.full(round(length * SAMPLE_RATE) + 1600, 0.1 * speedup, np.float32)
        first = Interval("b", 0.1 / speedup, length / 2)
        return wave, (first, Interval("a", length / 2, length))

    return speak


def test_text_begins_at_once():
    track = synthesize_cues([Cue(0, 0, "ba")], clicks())
    assert track.phones == (("b", 0.1, 0.5), ("a", 0.5, 1.0))
    assert track.seconds == 1.1 and track.remarks == ()


def test_subtitles_are_spoken_at_their_times():
    cues = [Cue(2.0, 3.0, "ba"), Cue(5.0, 9.0, "ba")]
    track = synthesize_cues(cues, clicks())
    starts = [phone.start for phone in track.phones if phone.label == "b"]
    assert starts == [2.1, 5.1]
    assert track.seconds == 9, "until the end of the last subtitle"
    loud = np.flatnonzero(track.wave) / SAMPLE_RATE
    assert loud[0] == 2 and not ((loud >= 3.1) & (loud < 5)).any()
    assert track.remarks == ("2 subtitles were spoken at their times",)


def test_subtitle_that_would_overlap_the_next_is_sped_up():
    cues = [Cue(0, 0.7, "ba"), Cue(0.8, 1.5, "ba")]
    track = synthesize_cues(cues, clicks())
    np.testing.assert_allclose(track.phones[1][1:], (0.4, 0.8))
    np.testing.assert_allclose(track.phones[2][1:], (0.9, 1.3))
    assert track.wave[0] == pytest.approx(0.125), "the audio is sped up, too"
    assert track.remarks == (
        "2 subtitles were spoken at their times, 1 of them sped up; in 2 of 2 the "
        "speech ends late, by 0.3 s at most: shorten the text or lengthen the time",
    )


def test_subtitle_that_is_too_long_delays_the_next():
    cues = [Cue(0, 0.2, "ba"), Cue(0.2, 0.4, "ba"), Cue(0.4, 0.6, "ba")]
    track = synthesize_cues(cues, clicks())
    ends = [phone.end for phone in track.phones if phone.label == "a"]
    np.testing.assert_allclose(
        ends, [1 / MAX_SPEEDUP, 2 / MAX_SPEEDUP, 2 / MAX_SPEEDUP + 1]
    )
    assert "2 of them sped up, some late, by 1.0 s" in track.remarks[0]
    times = np.array([phone[1:] for phone in track.phones]).ravel()
    assert (np.diff(times) >= 0).all()


def test_speech_that_ends_after_its_subtitle_is_reported():
    advice = "by 0.4 s at most: shorten the text or lengthen the time"
    last = synthesize_cues([Cue(0, 2, "ba"), Cue(5, 5.6, "ba")], clicks())
    late = "2 subtitles were spoken at their times; in 1 of 2 the speech ends late"
    assert last.remarks == (f"{late}, {advice}",)
    single = synthesize_cues([Cue(1, 1.6, "ba")], clicks())
    late = "1 subtitle was spoken at its time; in 1 of 1 the speech ends late"
    assert single.remarks == (f"{late}, {advice}",)


def test_track_gives_phonemes_and_silence():
    wave = np.zeros(SAMPLE_RATE, np.float32)
    phones = Interval("b", 0.2, 0.3), Interval("aɪ", 0.3, 0.5)
    track = SpeechTrack(wave, phones)
    tier = track.phoneme_tier()
    assert phoneme_names(tier.ids) == ["_", "b", "a", "ɪ", "_"]
    np.testing.assert_allclose(tier.edges, [0, 0.2, 0.3, 0.4, 0.5, 1])
    silence = track.silence_mask()
    assert len(silence) == 100 and not silence[20:50].any()
    assert silence[:20].all() and silence[50:].all()
    assert SpeechTrack(wave).silence_mask().all()
    assert not SpeechTrack(wave + 0.1).silence_mask().any()


def test_espeak_speaks_with_the_wanted_voice():
    plain, woman = (espeak_voice(voice, "en-us") for voice in (None, "f3"))
    (wave, phones), (other, _) = plain("a baker", 1.0), woman("a baker", 1.0)
    assert [phone for phone, *_ in phones] == ["ɐ", "b", "eɪ", "k", "ɚ"]
    assert len(wave) != len(other) or np.abs(wave - other).max() > 0.1
    fast, phones_fast = plain("a baker", MAX_SPEEDUP)
    assert phones_fast[-1][2] < 0.85 * phones[-1][2] and len(fast) < len(wave)


def test_unknown_voice_is_refused_with_similar_names():
    with pytest.raises(InputError, match="no voice 'wisper' .* did you mean whisper"):
        espeak_voice("wisper", "en-us")


@pytest.mark.parametrize(
    ("text", "language", "error"),
    [
        ("", "en-us", "nothing to say"),
        ("...", "en-us", "nothing to say"),
        ("♪", "en-us", "nothing to say"),
        ("你好", "en-us", "letters of another language"),
        ("\udcff yes", "en-us", "cannot be pronounced"),
        ("a\0b", "en-us", "cannot be pronounced"),
        ("١٢٣ apples", "en-us", "letters of another language"),
        ("yes", "", r"language is empty|no voice .\+f3"),
        ("yes", "qq", "unknown language 'qq"),
    ],
)
@pytest.mark.parametrize("voice", [None, "f3", "none"])
def test_text_that_cannot_be_spoken_is_refused(text, language, error, voice):
    with pytest.raises(InputError, match=error) as caught:
        if voice == "none":
            phonemize(text, language)
        else:
            espeak_voice(voice, language)(text, 1.0)
    assert "\n" not in str(caught.value)


def test_phonemes_have_pauses_at_both_ends_and_at_full_stops():
    phonemes = "".join(phoneme_names(phonemize("No, Dr. Day said so.", "en-us")))
    assert phonemes == "_noʊ_dɑːktɚdeɪsɛdsoʊ_"


@pytest.mark.parametrize(
    ("text", "language", "pauses"),
    [
        ("Guten Tag, wie geht's?", "de", 3),
        ("你好，世界。", "cmn", 3),
        ("Dr. Day: 3.5 %", "en-us", 3),
    ],
)
def test_other_languages_and_signs_are_phonemized(text, language, pauses):
    ids = phonemize(text, language)
    assert (ids > 0).all() and (ids == PAUSE).sum() == pauses
    assert len(ids) > 10


class FakeTextTalker:
    """Predicts 0.1 s for every phoneme, and keeps the portrait."""

    def predict_tier(self, phoneme_ids, portrait):
        self.portrait = portrait
        edges = np.arange(len(phoneme_ids) + 1, dtype=np.float32) / 10
        return PhonemeTier(phoneme_ids, edges)


def test_silent_voice_uses_the_predicted_durations():
    talker, portrait = FakeTextTalker(), np.zeros((4, 4, 3), np.uint8)
    voice = silent_voice(talker, portrait, "en-us")
    track = synthesize_cues([Cue(0, 0, "no, I")], voice)
    assert talker.portrait is portrait
    tier = track.phoneme_tier()
    assert phoneme_names(tier.ids) == ["_", "n", "o", "ʊ", "_", "a", "ɪ", "_"]
    np.testing.assert_allclose(tier.edges, np.arange(9) / 10, atol=1e-4)
    assert not track.wave.any() and track.seconds == pytest.approx(0.8)
    silence = track.silence_mask()
    assert silence[:10].all() and not silence[10:40].any()


def test_silent_voice_can_be_sped_up():
    voice = silent_voice(FakeTextTalker(), np.zeros((4, 4, 3), np.uint8), "en-us")
    wave, phones = voice("no", 1.25)
    assert len(wave) == round(0.4 * SAMPLE_RATE)
    np.testing.assert_allclose(phones[0][1:], (0.08, 0.16), rtol=1e-4)
