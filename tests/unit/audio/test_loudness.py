"""Levels, pauses and the warning about sounds that are no speech."""

import numpy as np
import pytest

from avjax.audio import loudness as speech
from avjax.audio.mel import RATE


@pytest.fixture
def syllables() -> np.ndarray:
    """Three seconds: a second of syllables, a second of faint hiss, a second more."""
    random = np.random.default_rng(0)
    time = np.arange(3 * RATE) / RATE
    swing = np.clip(np.sin(2 * np.pi * 4 * time), 0.02, 1) * ((time < 1) | (time > 2))
    voice = 0.3 * swing * np.sin(2 * np.pi * 150 * time)
    return (voice + 0.001 * random.standard_normal(len(time))).astype(np.float32)


def test_a_pause_becomes_digital_silence_and_speech_does_not(syllables):
    prepared = speech.prepare(syllables)
    assert not prepared[int(1.1 * RATE) : int(1.9 * RATE)].any()
    assert np.abs(prepared[: RATE // 10]).max() > 0.1


def test_a_short_closure_is_no_pause():
    wave = np.full(RATE, 0.2, np.float32) * np.sin(np.arange(RATE))
    wave[8000 : 8000 + int(0.1 * RATE)] = 0
    assert not speech.pauses(wave.astype(np.float32)).any()


def test_the_level_of_the_recording_does_not_matter(syllables):
    loud, faint = speech.prepare(syllables), speech.prepare(syllables * 0.1)
    np.testing.assert_allclose(loud, faint, atol=1e-4)
    assert speech.loudness(loud) == pytest.approx(speech.GOAL_DB, abs=0.1)


def test_a_faint_voice_after_a_loud_one_is_no_pause(syllables):
    both = np.concatenate([syllables, syllables, 0.06 * syllables, 0.06 * syllables])
    assert speech.pauses(both)[800:].mean() < 0.5
    assert np.abs(speech.prepare(both)[10 * RATE :]).max() > 0.02


def test_hiss_in_a_long_silence_stays_a_pause(syllables):
    hiss = 1e-3 * np.random.default_rng(1).standard_normal(10 * RATE)
    wave = np.concatenate([syllables, hiss]).astype(np.float32)
    assert speech.pauses(wave)[600:].all()


@pytest.mark.parametrize("samples", [0, 1, 159, 16_000])
def test_silence_of_any_length_stays_silence(samples):
    wave = np.zeros(samples, np.float32)
    np.testing.assert_array_equal(speech.prepare(wave), wave)
    assert speech.pauses(wave).all()


def test_a_steady_sound_is_told_from_speech(syllables):
    hum = 0.3 * np.sin(np.arange(2 * RATE) / 20).astype(np.float32)
    assert speech.sounds_like_speech(syllables)
    assert not speech.sounds_like_speech(hum)


def test_a_speaker_is_loud_between_two_moments():
    rng = np.random.default_rng(0)
    wave = 0.001 * rng.normal(size=32_000)
    wave[8000:20_000] += 0.1 * rng.normal(size=12_000)
    begin, end = speech.loud_span(wave.astype(np.float32))
    assert begin == pytest.approx(0.5, abs=0.02) and end == pytest.approx(
        1.25, abs=0.02
    )
    hum = 0.05 * np.sin(2 * np.pi * 50 * np.arange(32_000) / 16_000)
    assert speech.loud_span((wave + hum).astype(np.float32))[0] > 0.45
