"""Tests of level normalisation, pause detection and the speech check."""

import numpy as np
import pytest

from avjax.audio.loudness import (
    TARGET_LEVEL_DB,
    find_pauses,
    is_speech_like,
    normalize_speech,
    speech_level_db,
    speech_span,
)
from avjax.constants import SAMPLE_RATE


@pytest.fixture
def syllables() -> np.ndarray:
    """Three seconds: one second of syllables, one of faint noise, one of syllables."""
    random = np.random.default_rng(0)
    time = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    swing = np.clip(np.sin(2 * np.pi * 4 * time), 0.02, 1) * ((time < 1) | (time > 2))
    voice = 0.3 * swing * np.sin(2 * np.pi * 150 * time)
    return (voice + 0.001 * random.standard_normal(len(time))).astype(np.float32)


def test_pauses_are_silenced_and_speech_is_not(syllables):
    normalized = normalize_speech(syllables)
    assert not normalized[int(1.1 * SAMPLE_RATE) : int(1.9 * SAMPLE_RATE)].any()
    assert np.abs(normalized[: SAMPLE_RATE // 10]).max() > 0.1


def test_short_closure_is_not_a_pause():
    wave = np.full(SAMPLE_RATE, 0.2, np.float32) * np.sin(np.arange(SAMPLE_RATE))
    wave[8000 : 8000 + int(0.1 * SAMPLE_RATE)] = 0
    assert not find_pauses(wave.astype(np.float32)).any()


def test_result_does_not_depend_on_recording_level(syllables):
    loud, faint = normalize_speech(syllables), normalize_speech(syllables * 0.1)
    np.testing.assert_allclose(loud, faint, atol=1e-4)
    assert speech_level_db(loud) == pytest.approx(TARGET_LEVEL_DB, abs=0.1)


def test_quiet_speaker_after_loud_speaker_is_not_a_pause(syllables):
    both = np.concatenate([syllables, syllables, 0.06 * syllables, 0.06 * syllables])
    assert find_pauses(both)[800:].mean() < 0.5
    assert np.abs(normalize_speech(both)[10 * SAMPLE_RATE :]).max() > 0.02


def test_noise_in_long_silence_is_a_pause(syllables):
    hiss = 1e-3 * np.random.default_rng(1).standard_normal(10 * SAMPLE_RATE)
    wave = np.concatenate([syllables, hiss]).astype(np.float32)
    assert find_pauses(wave)[600:].all()


@pytest.mark.parametrize("samples", [0, 1, 159, SAMPLE_RATE])
def test_silence_of_any_length_stays_silent(samples):
    wave = np.zeros(samples, np.float32)
    np.testing.assert_array_equal(normalize_speech(wave), wave)
    assert find_pauses(wave).all()


def test_steady_sound_is_not_speech_like(syllables):
    hum = 0.3 * np.sin(np.arange(2 * SAMPLE_RATE) / 20).astype(np.float32)
    assert is_speech_like(syllables)
    assert not is_speech_like(hum)


def test_speech_span_ignores_hum():
    rng = np.random.default_rng(0)
    wave = 0.001 * rng.normal(size=32_000)
    wave[8000:20_000] += 0.1 * rng.normal(size=12_000)
    begin, end = speech_span(wave.astype(np.float32))
    assert begin == pytest.approx(0.5, abs=0.02) and end == pytest.approx(
        1.25, abs=0.02
    )
    hum = 0.05 * np.sin(2 * np.pi * 50 * np.arange(32_000) / SAMPLE_RATE)
    assert speech_span((wave + hum).astype(np.float32))[0] > 0.45
