"""From a mel to a wave: the mel of the wave is the mel that was asked for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.algorithms import griffin_lim as vocoder
from avjax.algorithms.griffin_lim import GriffinLim, Vocoder
from avjax.audio.speech_mel import emphasise, prepare_voice, voice_mel

speak: Vocoder = GriffinLim()


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """A buzz that glides through vowels, hisses between them; 1 s."""
    t = np.arange(16_000) / 16_000
    turns = np.cumsum(120 + 20 * np.sin(9 * t)) / 16_000
    formant = 900 + 600 * np.sin(7 * t)
    parts = [
        np.cos(2 * np.pi * h * turns) / (1 + ((h * 120 - formant) / 300) ** 2)
        for h in range(1, 60)
    ]
    hiss = np.random.default_rng(0).normal(0, 0.1, len(t))
    voiced = np.maximum(0, np.sin(2 * np.pi * 3 * t))
    return prepare_voice(voiced * sum(parts) + (1 - voiced) * hiss + 0.003)


@pytest.fixture(scope="module")
def mel(voice) -> np.ndarray:
    return voice_mel(voice)[None]


def decibels_apart(wave: np.ndarray, mel: np.ndarray) -> float:
    """Mean absolute error of the log-mel of a wave, dB."""
    return 50 * np.mean(np.abs(voice_mel(emphasise(np.asarray(wave))) - mel))


def test_a_mel_comes_back(mel):
    wave = speak(mel)
    assert wave.shape == (1, 160 * mel.shape[1]) and wave.dtype == jnp.float32
    assert decibels_apart(wave[0], mel[0]) < 1.2


def test_momentum_and_iterations_bring_it_nearer(mel):
    plain, short = GriffinLim(momentum=0.0), GriffinLim(iterations=5)
    best = decibels_apart(speak(mel)[0], mel[0])
    assert best < decibels_apart(plain(mel)[0], mel[0])
    assert best < decibels_apart(short(mel)[0], mel[0])


def test_a_batch_is_one_by_one(mel):
    others = np.concatenate([mel, mel[:, ::-1], mel - 0.3])
    together = speak(others)
    alone = jnp.concatenate([speak(other[None]) for other in others])
    # rounding grows over the iterations
    np.testing.assert_allclose(together, alone, atol=2e-3)


def test_the_same_mel_gives_the_same_wave(mel):
    np.testing.assert_array_equal(speak(mel), GriffinLim()(mel))


def test_an_equal_config_compiles_nothing_new(mel):
    speak(mel)
    before = vocoder._griffin_lim._cache_size()
    GriffinLim()(mel)
    assert vocoder._griffin_lim._cache_size() == before


def test_any_number_of_columns_and_clips():
    for shape in ((1, 0, 80), (0, 4, 80), (2, 1, 80), (1, 3, 80)):
        wave = GriffinLim(iterations=2)(np.zeros(shape, np.float32))
        assert wave.shape == (shape[0], 160 * shape[1])
        assert np.isfinite(wave).all()


def test_the_mel_of_silence_is_silent():
    silence = voice_mel(np.zeros(6400, np.float32))[None]
    assert not np.asarray(speak(silence)).any()


def test_magnitudes_have_the_mel_and_are_not_negative(mel):
    magnitude = np.asarray(vocoder.magnitude_of(jnp.asarray(mel), 30))
    there = magnitude @ vocoder.voice_filters().T
    assert (magnitude >= 0).all()
    np.testing.assert_allclose(1 + 0.4 * np.log10(there), mel, atol=1e-3)


def test_frames_are_the_samples_around_each_column(voice):
    frames = vocoder.frames_of(jnp.asarray(voice)[None])[0]
    padded = np.pad(voice, 320)
    for column in (0, 1, 2, 50, 97, 98, 99):
        expected = padded[160 * column : 160 * column + 640]
        np.testing.assert_array_equal(frames[column], expected)


def test_adding_overlaps_is_framing_transposed(voice):
    """<frames(x), y> = <x, overlap_add(y)> for every x and y."""
    wave = jnp.asarray(voice[:1600])[None]
    other = jax.random.normal(jax.random.key(0), (1, 10, 640))
    _, transposed = jax.vjp(vocoder.frames_of, wave)
    (expected,) = transposed(other)
    np.testing.assert_allclose(vocoder.overlap_add(other), expected, atol=1e-6)


def test_a_wave_comes_back_from_its_spectra(voice):
    wave = jnp.asarray(voice)[None]
    again = vocoder.wave_of(vocoder.spectra_of(wave))
    np.testing.assert_allclose(again, wave, atol=2e-6)


def test_emphasis_is_undone_as_sample_by_sample(voice):
    expected, before = [], 0.0
    for sample in voice[:480].astype(np.float64):
        before = sample + 0.97 * before
        expected.append(before)
    wave = jnp.asarray(voice[:480])[None]
    found = vocoder.de_emphasise(wave, 0.97)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(vocoder.de_emphasise(wave, 0.0), wave, atol=1e-7)
