"""The bundled lip-reading and lip-to-speech weights, on the speakers they know."""

import numpy as np
import pytest

import avjax
from avjax import weights
from avjax.constants import SAMPLE_RATE, SAMPLES_PER_FRAME
from avjax.data import puppet
from avjax.media.audio_io import read_audio
from avjax.metrics.error_rate import word_edit_counts
from avjax.metrics.speech import stoi

SENTENCE = "bin blue at f two now"


@pytest.fixture
def clip(real):
    """A sentence of the test split."""
    return real / "grid" / "video" / "s1" / "bbaf2n.mpg"


def test_default_weights_of_every_command_are_bundled():
    names = {"bridging-grid-s1", "bridging-speech-grid-s1", "synctalkface-grid-s1"}
    assert names <= set(weights.list_weights())


def test_words_and_times_of_an_unknown_puppet(puppet_clip):
    expected = puppet.make_clip(0, 4, 96, ("grid",)).words
    transcript = avjax.lipread(
        puppet_clip, weights="bridging-puppet", grammar="grid", box=(0, 0, 96, 96)
    )
    words = [word.word for word in transcript.words]
    assert words == [word.label for word in expected]
    errors = [
        word.start - true_word.start
        for word, true_word in zip(transcript.words, expected, strict=True)
    ]
    assert np.max(np.abs(errors)) < 0.15


def test_known_speaker_is_read(clip):
    transcript = avjax.lipread(clip, grammar="grid")
    assert word_edit_counts(SENTENCE, transcript.text)[0] <= 2
    assert all(0 < word.confidence <= 1 for word in transcript.words)


def test_known_speaker_gets_intelligible_speech(clip):
    recording, speech = read_audio(clip, SAMPLE_RATE), avjax.speak(clip).wave
    assert len(speech) == 75 * SAMPLES_PER_FRAME
    shifted = np.roll(speech, SAMPLE_RATE)
    assert stoi(speech, recording) > stoi(shifted, recording) + 0.2
