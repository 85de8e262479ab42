"""The bundled weights of a reader and of a voice, on the speaker that they know."""

import numpy as np
import pytest

import avjax
from avjax import weights
from avjax.audio.mel import RATE
from avjax.data import puppet
from avjax.media import audio_io as audio
from avjax.metrics import speech
from avjax.metrics.error_rate import word_errors

SAID = "bin blue at f two now"


@pytest.fixture
def clip(real):
    """A sentence of the test split."""
    return real / "grid" / "video" / "s1" / "bbaf2n.mpg"


def test_every_verb_has_weights_of_its_default_name():
    names = {"bridging-grid-s1", "bridging-speech-grid-s1", "synctalkface-grid-s1"}
    assert names <= set(weights.bundled())


def test_a_puppet_that_was_never_seen_is_read_word_by_word_in_time(speaker):
    said = puppet.make_clip(0, 4, 96, ("grid",)).words
    found = avjax.lipread(speaker, weights="puppet", rules="grid", box=(0, 0, 96, 96))
    assert [word.word for word in found.words] == [word for word, _, _ in said]
    starts = [
        word.start - start
        for word, (_, start, _) in zip(found.words, said, strict=True)
    ]
    assert np.max(np.abs(starts)) < 0.15


def test_the_speaker_that_the_weights_know_is_read(clip):
    reading = avjax.lipread(clip, rules="grid")
    assert word_errors(SAID, reading.text)[0] <= 2
    assert all(0 < word.confidence <= 1 for word in reading.words)


def test_the_speaker_that_the_weights_know_gets_his_voice(clip):
    truth, said = audio.read_sound(clip, RATE), avjax.speak(clip).wave
    assert len(said) == 75 * 640
    late = speech.stoi(np.roll(said, RATE), truth)
    assert speech.stoi(said, truth) > late + 0.2
