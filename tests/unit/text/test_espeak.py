"""Tests of the eSpeak helper process."""

import pytest

from avjax.text import espeak

REQUEST = {"text": "yes", "rate": 150, "pitch": 50, "range": 50, "seed": 0}


def test_unknown_voice_raises_and_the_process_survives():
    with pytest.raises(RuntimeError, match="no voice"):
        espeak.synthesize(voice="nobody", **REQUEST)
    assert espeak.synthesize(voice="en-us+m1", **REQUEST)["samples"]


def test_closed_process_restarts():
    before = espeak.synthesize(voice="en-us", **REQUEST)
    espeak.close()
    assert espeak.synthesize(voice="en-us", **REQUEST) == before


@pytest.mark.parametrize(("language", "voice"), [("en-gb", "en"), ("zh", "cmn")])
def test_language_and_voice_name_are_equivalent(language, voice):
    by_language = espeak.synthesize(voice=language, **REQUEST)
    assert by_language == espeak.synthesize(voice=voice, **REQUEST)


def test_variants_are_listed():
    """eSpeak silently ignores a variant that does not exist."""
    names = espeak.list_variants()
    assert {"f1", "f3", "m7", "whisper"} <= set(names) and names == sorted(names)
