"""The sound that lip readers learn by: log-mel columns, 100 a second, 4 a frame.

Two forms.  heard_mel is what a network listens to; voice_mel is what it says, and a
vocoder makes a wave of it.

Sources  Kim et al., "Multi-modality Associative Bridging through Memory", ICCV 2021:
         the audio input of its released program (heard_mel)
         Kim et al., "Lip to Speech Synthesis with Visual Context Attentional GAN",
         NeurIPS 2021: the settings of its released program (voice_mel)

A column's centre is at sample 160 * column.  The ends are reflected, and the column at
the very end of a wave is left out, so that 640 samples, one frame of 25 a second, are 4
columns: f = n // 160.
"""

import functools

import numpy as np
from einops import einsum

from avjax.audio.mel import MELS, RATE, mel_filters, triangles

HOP = 160  # samples from column to column
COLUMNS_PER_SECOND = RATE // HOP
COLUMNS_PER_FRAME = 4  # at 25 frames a second

HEARD_FFT = 400
VOICE_FFT = 640
VOICE_DB_PER_UNIT = 50.0  # what 1.0 of a voice_mel stands for
PRE_EMPHASIS = 0.97
PEAK = 0.9

_VOICE_LOWEST_HZ, _VOICE_HIGHEST_HZ = 55.0, 7500.0
_BLOCK = 1000  # columns whose spectra are in memory at once


def heard_mel(wave: np.ndarray) -> np.ndarray:
    """Sound as a network listens to it: each pitch band of a clip has mean 0, std 1.

    wave [n] at 16 kHz -> f32 [f k].  The left-out last column counts in mean and
    deviation, as published.  A band that never changes, such as silence, becomes 0.
    """
    window = hann(HEARD_FFT)
    power = _mel(wave, window / np.linalg.norm(window), _heard_filters(), exponent=2)
    decibel = 10 * np.log10(np.maximum(power, 1e-10))
    if len(decibel) < 2:
        return np.zeros((0, MELS), np.float32)
    centred = decibel - np.mean(decibel, axis=0)
    standard = centred / (np.std(decibel, axis=0, ddof=1) + 1e-10)
    return standard[:-1].astype(np.float32)


def voice_mel(wave: np.ndarray) -> np.ndarray:
    """What speech is made of: magnitudes, where 1e-5 is -1 and 1.0 is +1.

    wave [n] at 16 kHz, best as prepare_voice gives it -> f32 [f k] >= -1; the loudest
    may pass 1.  One unit is VOICE_DB_PER_UNIT dB.
    """
    magnitude = _mel(wave, hann(VOICE_FFT), voice_filters(), exponent=1)[:-1]
    decibel = 20 * np.log10(np.maximum(magnitude, 1e-5))
    return (1 + decibel / VOICE_DB_PER_UNIT).astype(np.float32)


def prepare_voice(wave: np.ndarray) -> np.ndarray:
    """The wave that a voice_mel is made of: peak at 0.9, then pre-emphasised.

    wave [n] -> f32 [n].  Silence stays silence.
    """
    peak = np.max(np.abs(wave), initial=0.0)
    return emphasise(wave * (PEAK / peak) if peak else wave)


def emphasise(wave: np.ndarray) -> np.ndarray:
    """Each sample less 0.97 of the one before it: wave [n] -> f32 [n]."""
    before = np.concatenate([np.zeros(1, wave.dtype), wave])[:-1]
    return (wave - PRE_EMPHASIS * before).astype(np.float32)


@functools.cache
def voice_filters() -> np.ndarray:
    """The bands of voice_mel, of equal area in Slaney's mel scale -> f64 [k bin]."""
    return mel_filters(VOICE_FFT, _VOICE_LOWEST_HZ, _VOICE_HIGHEST_HZ)


@functools.cache
def _heard_filters() -> np.ndarray:
    """Bands equally wide in O'Shaughnessy's (HTK's) mel scale, of height one."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, MELS + 2) / 2595) - 1)
    return triangles(corners, HEARD_FFT)


def _mel(
    wave: np.ndarray, window: np.ndarray, filters: np.ndarray, exponent: int
) -> np.ndarray:
    """wave [n], window [w], filters [k bin] -> f64 [1 + n // 160, k]; no wave, [0 k].

    The bands of the spectrum's magnitudes, raised to the exponent.
    """
    if not len(wave):
        return np.zeros((0, MELS))
    padded = np.pad(wave.astype(np.float64), len(window) // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, len(window))[::HOP]
    blocks = []
    for first in range(0, len(frames), _BLOCK):
        spectra = np.fft.rfft(frames[first : first + _BLOCK] * window, axis=-1)
        raised = np.abs(spectra) ** exponent
        blocks.append(einsum(raised, filters, "f bin, k bin -> f k"))
    return np.concatenate(blocks)


def hann(samples: int) -> np.ndarray:
    """Hann's window whose period is as long as it: -> f64 [samples]."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / samples)
