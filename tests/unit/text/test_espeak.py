"""The process that espeak speaks in."""

import pytest

from avjax.text import espeak

REQUEST = dict(text="yes", rate=150, pitch=50, range=50, seed=0)


def test_an_unknown_voice_is_an_error_and_the_helper_lives_on():
    with pytest.raises(RuntimeError, match="no voice"):
        espeak.say(voice="nobody", **REQUEST)
    assert espeak.say(voice="en-us+m1", **REQUEST)["samples"]


def test_a_closed_helper_starts_again():
    before = espeak.say(voice="en-us", **REQUEST)
    espeak.close()
    assert espeak.say(voice="en-us", **REQUEST) == before


@pytest.mark.parametrize(("asked", "known"), [("en-gb", "en"), ("zh", "cmn")])
def test_a_language_is_as_good_as_the_name_of_its_voice(asked, known):
    assert espeak.say(voice=asked, **REQUEST) == espeak.say(voice=known, **REQUEST)


def test_there_are_voices_for_any_language():
    """Names of files: what is not among them espeak would pass over in silence."""
    names = espeak.variants()
    assert {"f1", "f3", "m7", "whisper"} <= set(names) and names == sorted(names)
