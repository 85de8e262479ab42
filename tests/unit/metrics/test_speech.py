"""Figures of speech: the truth is best, more noise is worse, mute is the worst."""

import math
import sys
import warnings

import numpy as np
import pytest

from avjax.errors import InputError
from avjax.metrics import speech

INTELLIGIBILITY = [speech.stoi, speech.estoi]
QUALITY = [speech.pesq_narrow, speech.pesq_wide]
ALL = INTELLIGIBILITY + QUALITY


@pytest.fixture(autouse=True)
def quiet():
    """No figure warns of anything."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def needed(request):
    """The figure under test, if its package is here: pesq must be compiled."""
    if request.param in QUALITY:
        pytest.importorskip("pesq")
    return request.param


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """Syllables of a buzz that wanders through the vowels; 3 s."""
    t = np.arange(48_000) / 16_000
    turns = np.cumsum(120 + 20 * np.sin(2 * t)) / 16_000
    formant = 900 + 600 * np.sin(5 * t)
    parts = [
        np.cos(2 * np.pi * h * turns) / (1 + ((h * 120 - formant) / 300) ** 2)
        for h in range(1, 40)
    ]
    loud = np.maximum(0, np.sin(2 * np.pi * 2 * t)) ** 0.5
    return (0.1 * loud * sum(parts)).astype(np.float32)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)


@pytest.mark.parametrize("figure", INTELLIGIBILITY)
def test_the_truth_is_wholly_intelligible(figure, voice):
    assert figure(voice, voice) == pytest.approx(1, abs=1e-6)


def test_the_truth_has_the_highest_quality_of_each_scale(voice):
    pytest.importorskip("pesq")
    assert speech.pesq_narrow(voice, voice) == pytest.approx(4.549, abs=1e-3)
    assert speech.pesq_wide(voice, voice) == pytest.approx(4.644, abs=1e-3)


@pytest.mark.parametrize("needed", ALL, indirect=True)
def test_more_noise_is_worse(needed, voice, noise):
    levels = (0, 0.03, 0.3, 3)
    found = [needed(voice + level * noise, voice) for level in levels]
    assert found == sorted(found, reverse=True)
    assert needed(noise, voice) < found[1]


@pytest.mark.parametrize("needed", ALL, indirect=True)
def test_a_louder_or_softer_voice_is_as_good(needed, voice, noise):
    spoken = voice + 0.1 * noise
    found = [needed(gain * spoken, voice) for gain in (0.5, 1, 2)]
    np.testing.assert_allclose(found, found[1], atol=1e-3)


@pytest.mark.parametrize("needed", ALL, indirect=True)
def test_what_is_longer_is_cut(needed, voice, noise):
    spoken = voice + 0.1 * noise
    whole = needed(spoken[:40_000], voice[:40_000])
    assert needed(spoken, voice[:40_000]) == pytest.approx(whole, abs=1e-6)
    assert needed(spoken[:40_000], voice) == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("needed", ALL, indirect=True)
def test_against_silence_and_scraps_there_is_no_number(needed, voice):
    silence = np.zeros_like(voice)
    scrap = silence.copy()
    scrap[9000:9100] = voice[2000:2100]
    for pair in ((voice, silence), (silence, silence)):
        assert math.isnan(needed(*pair))
    for samples in (0, 1, 300, 4000):
        assert math.isnan(needed(voice[:samples], voice))
    if needed in INTELLIGIBILITY:
        assert math.isnan(needed(voice, scrap))


@pytest.mark.parametrize("needed", ALL, indirect=True)
def test_who_is_mute_where_somebody_speaks_gets_the_worst_figure(needed, voice, noise):
    worst = needed(np.zeros_like(voice), voice)
    assert worst == (0 if needed in INTELLIGIBILITY else 1)
    assert needed(noise, voice) >= worst - 0.02


def test_a_recording_of_any_length_has_its_quality(voice):
    """In one piece it has more utterances than PESQ has room for."""
    pytest.importorskip("pesq")
    long = np.tile(voice, 12)
    assert speech.pesq_narrow(long, long) == pytest.approx(4.549, abs=1e-3)


@pytest.mark.parametrize(("figure", "package"), [(ALL[0], "pystoi"), (ALL[2], "pesq")])
def test_what_is_missing_is_named(figure, package, voice, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"{package}.*pip install 'avjax\[metrics\]'"):
        figure(voice, voice)


def test_mels_differ_by_what_a_loop_finds(noise):
    one, other = noise[:800].reshape(10, 80), noise[800:1760].reshape(12, 80)
    apart = [abs(one[f, k] - other[f, k]) for f in range(10) for k in range(80)]
    assert speech.mel_distance(one, other) == pytest.approx(np.mean(apart))
    assert speech.mel_distance(other, one) == pytest.approx(np.mean(apart))
    assert speech.mel_distance(one, one) == 0
    assert math.isnan(speech.mel_distance(one[:0], one))
