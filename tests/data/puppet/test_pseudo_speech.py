"""Pseudo-speech: languages, scripts, determinism, and phones of other languages."""

import numpy as np
import pytest

from avjax.audio.loudness import speech_gain
from avjax.data.puppet import TRACKS
from avjax.data.puppet.pseudo_speech import SCRIPTS, PseudoSpeechSource, sample_text
from avjax.data.puppet.visemes import SIMILAR, TARGETS, split_phone
from avjax.text import espeak
from avjax.text.espeak_events import parse_events

SCRIPT_NAMES = [script.languages[0] for script in SCRIPTS]


def test_a_record_depends_on_the_seed_and_its_number_alone():
    source = PseudoSpeechSource(10)
    assert len(source) == 10
    first, again = source[3], PseudoSpeechSource(99)[3]
    for key, value in first.items():
        np.testing.assert_array_equal(value, again[key])
    for other in (source[4], PseudoSpeechSource(10, seed=1)[3]):
        assert not np.array_equal(first["wave"], other["wave"])


def test_a_record_has_audio_its_gain_and_one_articulation_a_frame():
    for record in map(PseudoSpeechSource(5).__getitem__, range(5)):
        wave, tracks = record["wave"], record["articulation"]
        assert wave.dtype == np.int16 and len(wave) >= 16000
        assert tracks.shape == (len(wave) // 640, len(TRACKS))
        assert tracks.dtype == np.float32 and np.isfinite(tracks).all()
        np.testing.assert_array_equal(record["gain"], speech_gain(wave / 32768))


def test_lips_open_where_the_audio_is_loud():
    source, jaw = PseudoSpeechSource(20), TRACKS.index("jaw")
    correlations = []
    for record in map(source.__getitem__, range(20)):
        tracks = record["articulation"]
        level = record["wave"][: 640 * len(tracks)].reshape(-1, 640).std(1)
        correlations.append(np.corrcoef(np.log(level + 10), tracks[:, jaw])[0, 1])
    assert np.median(correlations) > 0.4


@pytest.mark.parametrize("script", SCRIPTS, ids=SCRIPT_NAMES)
def test_every_language_pronounces_the_letters_of_its_script(script):
    rng = np.random.default_rng(0)
    for language in dict.fromkeys(script.languages):
        text = " ".join(sample_text(script, rng) for _ in range(4))
        answer = espeak.synthesize(
            text=text, voice=language, rate=160, pitch=50, range=50, seed=0
        )
        speech = parse_events(text, answer)
        assert len(speech.phones) > 0.8 * len(text.replace(" ", "")) / 2, language
        known = [split_phone(label) != ("ə",) for label, *_ in speech.phones]
        schwas = [label[0] == "ə" for label, *_ in speech.phones]
        assert np.mean(known) + np.mean(schwas) > 0.97, language


def test_shares_of_the_scripts_sum_to_one():
    assert sum(script.share for script in SCRIPTS) == pytest.approx(1)


def test_phones_of_other_languages_look_like_known_ones():
    assert set(SIMILAR.values()) <= set(TARGETS) and not set(SIMILAR) & set(TARGETS)
    assert split_phone("yː") == ("u",) and split_phone("t͡ʂ") == ("t", "ʃ")
