"""Tests of the puppets' voices."""

import numpy as np
import pytest

from avjax.constants import SAMPLE_RATE
from avjax.data.puppet import make_puppet, speak
from avjax.errors import InputError


def pitch(wave) -> float:
    """Estimate the median pitch in Hz of loud windows by autocorrelation."""
    pitches = []
    for start in range(0, len(wave) - 1024, 320):
        part = wave[start : start + 1024] - wave[start : start + 1024].mean()
        if part.std() < 0.04:
            continue
        autocorrelation = np.fft.irfft(np.abs(np.fft.rfft(part, 2048)) ** 2)
        lag = 40 + np.argmax(autocorrelation[40:230])
        if autocorrelation[lag] > 0.5 * autocorrelation[0]:
            pitches.append(SAMPLE_RATE / lag)
    return float(np.median(pitches))


def test_speech_is_a_pure_function_of_its_arguments():
    puppet = make_puppet(0, 3)
    first = speak(puppet, "seven fish swim south", seed=1)
    speak(make_puppet(0, 4), "something else")
    repeated = speak(puppet, "seven fish swim south", seed=1)
    np.testing.assert_array_equal(first.wave, repeated.wave)
    assert first.phones == repeated.phones


def test_seed_varies_the_speech_of_the_same_words():
    puppet = make_puppet(0, 3)
    first, second = (speak(puppet, "seven fish swim", seed=seed) for seed in (0, 1))
    assert [p[0] for p in first.phones] == [p[0] for p in second.phones]
    assert len(first.wave) != len(second.wave)
    assert abs(len(first.wave) / len(second.wave) - 1) < 0.1


def test_wide_jaw_has_low_voice_and_age_is_slow():
    puppets = [make_puppet(1, index) for index in range(24)]
    waves = [speak(puppet, "we are almost there").wave for puppet in puppets]
    jaws = [puppet.face.jaw for puppet in puppets]
    assert np.corrcoef(jaws, [pitch(wave) for wave in waves])[0, 1] < -0.6
    ages = [puppet.face.wrinkles for puppet in puppets]
    assert np.corrcoef(ages, [len(wave) for wave in waves])[0, 1] > 0.6


def test_words_joined_by_espeak_are_separated():
    words = speak(make_puppet(0, 0), "in the rain at a show").words
    assert [word for word, *_ in words] == ["in", "the", "rain", "at", "a", "show"]
    times = [time for _, *span in words for time in span]
    assert times == sorted(times)


def test_voiceless_stop_includes_the_silence_before_its_burst():
    speech = speak(make_puppet(0, 1), "a paper happy puppy")
    stops = [span for span in speech.phones if span[0] == "p"]
    assert len(stops) == 5
    for _, start, end in stops:
        part = speech.wave[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
        closure, burst = part[: round(0.4 * len(part))], part[-round(0.4 * len(part)) :]
        assert np.abs(closure).mean() < 0.15 * np.abs(burst).mean()


def test_text_without_words_raises():
    with pytest.raises(InputError, match="nothing to say"):
        speak(make_puppet(0, 0), " ... ")
