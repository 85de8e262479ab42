"""Speech metrics: noise is worse than the target, silence is worst."""

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
def warnings_are_errors():
    """Turn warnings into errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def metric(request):
    """The metric under test; skip PESQ if it is not installed."""
    if request.param in QUALITY:
        pytest.importorskip("pesq")
    return request.param


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """Synthetic syllables with moving formants, 3 s."""
    t = np.arange(48_000) / 16_000
    phase = np.cumsum(120 + 20 * np.sin(2 * t)) / 16_000
    formant = 900 + 600 * np.sin(5 * t)
    harmonics = [
        np.cos(2 * np.pi * h * phase) / (1 + ((h * 120 - formant) / 300) ** 2)
        for h in range(1, 40)
    ]
    envelope = np.maximum(0, np.sin(2 * np.pi * 2 * t)) ** 0.5
    return (0.1 * envelope * sum(harmonics)).astype(np.float32)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)


@pytest.mark.parametrize("metric", INTELLIGIBILITY)
def test_the_target_is_fully_intelligible(metric, voice):
    assert metric(voice, voice) == pytest.approx(1, abs=1e-6)


def test_the_target_has_the_highest_quality_of_each_scale(voice):
    pytest.importorskip("pesq")
    assert speech.pesq_narrow(voice, voice) == pytest.approx(4.549, abs=1e-3)
    assert speech.pesq_wide(voice, voice) == pytest.approx(4.644, abs=1e-3)


@pytest.mark.parametrize("metric", ALL, indirect=True)
def test_more_noise_is_worse(metric, voice, noise):
    levels = (0, 0.03, 0.3, 3)
    values = [metric(voice + level * noise, voice) for level in levels]
    assert values == sorted(values, reverse=True)
    assert metric(noise, voice) < values[1]


@pytest.mark.parametrize("metric", ALL, indirect=True)
def test_level_does_not_matter(metric, voice, noise):
    noisy = voice + 0.1 * noise
    values = [metric(gain * noisy, voice) for gain in (0.5, 1, 2)]
    np.testing.assert_allclose(values, values[1], atol=1e-3)


@pytest.mark.parametrize("metric", ALL, indirect=True)
def test_longer_waveforms_are_cut(metric, voice, noise):
    noisy = voice + 0.1 * noise
    expected = metric(noisy[:40_000], voice[:40_000])
    assert metric(noisy, voice[:40_000]) == pytest.approx(expected, abs=1e-6)
    assert metric(noisy[:40_000], voice) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("metric", ALL, indirect=True)
def test_silent_and_short_targets_give_nan(metric, voice):
    silence = np.zeros_like(voice)
    short_sound = silence.copy()
    short_sound[9000:9100] = voice[2000:2100]
    for pair in ((voice, silence), (silence, silence)):
        assert math.isnan(metric(*pair))
    for samples in (0, 1, 300, 4000):
        assert math.isnan(metric(voice[:samples], voice))
    if metric in INTELLIGIBILITY:
        assert math.isnan(metric(voice, short_sound))


@pytest.mark.parametrize("metric", ALL, indirect=True)
def test_silence_gets_the_worst_value(metric, voice, noise):
    worst = metric(np.zeros_like(voice), voice)
    assert worst == (0 if metric in INTELLIGIBILITY else 1)
    assert metric(noise, voice) >= worst - 0.02


def test_pesq_of_a_long_recording(voice):
    """It has more utterances than PESQ allocates memory for."""
    pytest.importorskip("pesq")
    long = np.tile(voice, 12)
    assert speech.pesq_narrow(long, long) == pytest.approx(4.549, abs=1e-3)


@pytest.mark.parametrize(("metric", "package"), [(ALL[0], "pystoi"), (ALL[2], "pesq")])
def test_missing_packages_are_named_in_the_error(metric, package, voice, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"{package}.*pip install 'avjax\[metrics\]'"):
        metric(voice, voice)


def test_mel_distance_equals_a_loop(noise):
    short, long = noise[:800].reshape(10, 80), noise[800:1760].reshape(12, 80)
    errors = [abs(short[f, k] - long[f, k]) for f in range(10) for k in range(80)]
    assert speech.mel_distance(short, long) == pytest.approx(np.mean(errors))
    assert speech.mel_distance(long, short) == pytest.approx(np.mean(errors))
    assert speech.mel_distance(short, short) == 0
    assert math.isnan(speech.mel_distance(short[:0], short))


def test_metrics_without_their_package_are_named_in_a_warning(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name != "pesq" or None)
    with pytest.warns(UserWarning, match="pesq_narrow, pesq_wide are omitted: they"):
        assert set(speech.available()) == {"stoi", "estoi"}
