import numpy as np
import pytest

from avjax.data.puppet import make_puppet, speak
from avjax.errors import InputError


def pitch(wave) -> float:
    """Median pitch in Hz of the loud windows, by autocorrelation."""
    found = []
    for start in range(0, len(wave) - 1024, 320):
        part = wave[start : start + 1024] - wave[start : start + 1024].mean()
        if part.std() < 0.04:
            continue
        echo = np.fft.irfft(np.abs(np.fft.rfft(part, 2048)) ** 2)
        lag = 40 + np.argmax(echo[40:230])
        if echo[lag] > 0.5 * echo[0]:
            found.append(16000 / lag)
    return float(np.median(found))


def test_speech_is_a_pure_function_of_its_arguments():
    puppet = make_puppet(0, 3)
    first = speak(puppet, "seven fish swim south", seed=1)
    speak(make_puppet(0, 4), "something else")
    again = speak(puppet, "seven fish swim south", seed=1)
    np.testing.assert_array_equal(first.wave, again.wave)
    assert first.phones == again.phones


def test_another_seed_says_the_same_words_otherwise():
    puppet = make_puppet(0, 3)
    one, other = (speak(puppet, "seven fish swim", seed=seed) for seed in (0, 1))
    assert [p[0] for p in one.phones] == [p[0] for p in other.phones]
    assert len(one.wave) != len(other.wave)
    assert abs(len(one.wave) / len(other.wave) - 1) < 0.1


def test_a_long_jaw_goes_with_a_low_voice_and_age_with_slowness():
    puppets = [make_puppet(1, index) for index in range(24)]
    waves = [speak(puppet, "we are almost there").wave for puppet in puppets]
    jaws = [puppet.face.jaw for puppet in puppets]
    assert np.corrcoef(jaws, [pitch(wave) for wave in waves])[0, 1] < -0.6
    ages = [puppet.face.wrinkles for puppet in puppets]
    assert np.corrcoef(ages, [len(wave) for wave in waves])[0, 1] > 0.6


def test_words_that_espeak_joins_are_parted_again():
    words = speak(make_puppet(0, 0), "in the rain at a show").words
    assert [word for word, *_ in words] == ["in", "the", "rain", "at", "a", "show"]
    times = [time for _, *span in words for time in span]
    assert times == sorted(times)


def test_a_voiceless_stop_holds_the_silence_before_its_burst():
    speech = speak(make_puppet(0, 1), "a paper happy puppy")
    stops = [span for span in speech.phones if span[0] == "p"]
    assert len(stops) == 5
    for _, start, end in stops:
        part = speech.wave[round(start * 16000) : round(end * 16000)]
        closure, burst = part[: round(0.4 * len(part))], part[-round(0.4 * len(part)) :]
        assert np.abs(closure).mean() < 0.15 * np.abs(burst).mean()


def test_a_text_without_words_is_refused():
    with pytest.raises(InputError, match="nothing to say"):
        speak(make_puppet(0, 0), " ... ")
