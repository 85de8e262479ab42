"""The Griffin-Lim vocoder: its waveforms have the mel spectrogram of the input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.algorithms import griffin_lim
from avjax.algorithms.griffin_lim import GriffinLim, Vocoder
from avjax.audio.speech_mel import (
    pre_emphasize,
    prepare_vocoder_audio,
    vocoder_filters,
    vocoder_mel,
)

vocoder: Vocoder = GriffinLim()


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """Synthetic vowels with noise between them, 1 s."""
    t = np.arange(16_000) / 16_000
    phase = np.cumsum(120 + 20 * np.sin(9 * t)) / 16_000
    formant = 900 + 600 * np.sin(7 * t)
    parts = [
        np.cos(2 * np.pi * h * phase) / (1 + ((h * 120 - formant) / 300) ** 2)
        for h in range(1, 60)
    ]
    hiss = np.random.default_rng(0).normal(0, 0.1, len(t))
    voiced = np.maximum(0, np.sin(2 * np.pi * 3 * t))
    return prepare_vocoder_audio(voiced * sum(parts) + (1 - voiced) * hiss + 0.003)


@pytest.fixture(scope="module")
def mel(voice) -> np.ndarray:
    return vocoder_mel(voice)[None]


def mel_error_db(wave: np.ndarray, mel: np.ndarray) -> float:
    """Compute the mean absolute error of the log-mel of a waveform, in dB."""
    return 50 * np.mean(np.abs(vocoder_mel(pre_emphasize(np.asarray(wave))) - mel))


def test_waveform_has_the_mel_of_the_input(mel):
    wave = vocoder(mel)
    assert wave.shape == (1, 160 * mel.shape[1]) and wave.dtype == jnp.float32
    assert mel_error_db(wave[0], mel[0]) < 1.2


def test_momentum_and_iterations_reduce_the_error(mel):
    plain, short = GriffinLim(momentum=0.0), GriffinLim(iterations=5)
    best = mel_error_db(vocoder(mel)[0], mel[0])
    assert best < mel_error_db(plain(mel)[0], mel[0])
    assert best < mel_error_db(short(mel)[0], mel[0])


def test_a_batch_equals_single_calls(mel):
    others = np.concatenate([mel, mel[:, ::-1], mel - 0.3])
    together = vocoder(others)
    alone = jnp.concatenate([vocoder(frames[None]) for frames in others])
    # rounding grows over the iterations
    np.testing.assert_allclose(together, alone, atol=2e-3)


def test_vocoder_is_deterministic(mel):
    np.testing.assert_array_equal(vocoder(mel), GriffinLim()(mel))


def test_equal_configs_share_a_program(mel):
    vocoder(mel)
    program = griffin_lim.jit_griffin_lim(GriffinLim())
    previous = program._cache_size()
    GriffinLim()(mel)
    assert program._cache_size() == previous


def test_any_number_of_mel_frames_and_clips():
    for shape in ((1, 0, 80), (0, 4, 80), (2, 1, 80), (1, 3, 80)):
        wave = GriffinLim(iterations=2)(np.zeros(shape, np.float32))
        assert wave.shape == (shape[0], 160 * shape[1])
        assert np.isfinite(wave).all()


def test_silence_gives_silence():
    silence = vocoder_mel(np.zeros(6400, np.float32))[None]
    assert not np.asarray(vocoder(silence)).any()


def test_magnitudes_have_the_mel_and_are_not_negative(mel):
    magnitude = np.asarray(griffin_lim.mel_to_magnitude(jnp.asarray(mel), 30))
    bands = magnitude @ vocoder_filters().T
    assert (magnitude >= 0).all()
    np.testing.assert_allclose(1 + 0.4 * np.log10(bands), mel, atol=1e-3)


def test_frames_are_centred_at_mel_frames(voice):
    frames = griffin_lim.frame(jnp.asarray(voice)[None])[0]
    padded = np.pad(voice, 320)
    for index in (0, 1, 2, 50, 97, 98, 99):
        expected = padded[160 * index : 160 * index + 640]
        np.testing.assert_array_equal(frames[index], expected)


def test_overlap_add_is_the_transpose_of_frame(voice):
    """<frames(x), y> = <x, overlap_add(y)> for every x and y."""
    wave = jnp.asarray(voice[:1600])[None]
    frames = jax.random.normal(jax.random.key(0), (1, 10, 640))
    _, transposed = jax.vjp(griffin_lim.frame, wave)
    (expected,) = transposed(frames)
    np.testing.assert_allclose(griffin_lim.overlap_add(frames), expected, atol=1e-6)


def test_istft_inverts_stft(voice):
    wave = jnp.asarray(voice)[None]
    restored = griffin_lim.istft(griffin_lim.stft(wave))
    np.testing.assert_allclose(restored, wave, atol=2e-6)


def test_de_emphasize_equals_a_loop(voice):
    expected, previous = [], 0.0
    for sample in voice[:480].astype(np.float64):
        previous = sample + 0.97 * previous
        expected.append(previous)
    wave = jnp.asarray(voice[:480])[None]
    actual = griffin_lim.de_emphasize(wave, 0.97)[0]
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    np.testing.assert_allclose(griffin_lim.de_emphasize(wave, 0.0), wave, atol=1e-7)


def test_vocoder_can_be_part_of_another_program(mel):
    inside = jax.jit(lambda mel: GriffinLim(iterations=2)(mel))(mel[:, :16])
    outside = GriffinLim(iterations=2)(mel[:, :16])
    np.testing.assert_allclose(inside, outside, atol=1e-4)
