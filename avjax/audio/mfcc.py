"""The sound that the published sync network hears: 13 cepstra, 100 times a second.

Source   the conventions of python_speech_features, which that network's program calls:
         pre-emphasis 0.97, 25 ms windows without a taper, 26 triangles over whole bins
         in O'Shaughnessy's (HTK's) mel scale, a lifter of 22, and the log of the energy
         in place of the first number

A column begins at sample 160 * column.  Zeros fill up the last window.
"""

import functools

import numpy as np
from einops import einsum

from avjax.audio.mel import RATE, triangles

HOP = 160  # samples from column to column
COLUMNS_PER_FRAME = 4  # at 25 frames a second
NUMBERS = 13
WINDOW = 20  # columns the network sees at once: 0.2 s

_SPAN, _FFT, _BANDS = 400, 512, 26
_PRE_EMPHASIS = 0.97
_LIFTER = 22
_BLOCK = 1000  # columns whose spectra are in memory at once


def mfcc(wave: np.ndarray) -> np.ndarray:
    """wave f32 [n > 0] at 16 kHz in [-1, 1] -> f32 [f k=13], as of 16-bit samples.

    f = 1 + ceil((n - 400) / 160), and at least 1.
    """
    samples = np.clip(np.round(wave * np.float64(2**15)), -(2**15), 2**15 - 1)
    emphasised = np.append(samples[:1], samples[1:] - _PRE_EMPHASIS * samples[:-1])
    columns = 1 + max(0, -(-(len(wave) - _SPAN) // HOP))
    missing = (columns - 1) * HOP + _SPAN - len(wave)
    padded = np.pad(emphasised, (0, missing))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SPAN)[::HOP]
    blocks = range(0, columns, _BLOCK)
    return np.concatenate([_cepstra(frames[i : i + _BLOCK]) for i in blocks])


def _cepstra(frames: np.ndarray) -> np.ndarray:
    """Windows of sound [f 400] -> f32 [f k]."""
    power = np.abs(np.fft.rfft(frames, _FFT, axis=-1)) ** 2 / _FFT
    bands = einsum(power, _filters(), "f bin, band bin -> f band")
    numbers = einsum(_log(bands), _cosines(), "f band, k band -> f k")
    numbers[:, 0] = _log(np.sum(power, axis=-1))
    return numbers.astype(np.float32)


def _log(power: np.ndarray) -> np.ndarray:
    return np.log(np.where(power == 0, np.finfo(float).eps, power))


@functools.cache
def _filters() -> np.ndarray:
    """Triangles of height one, whose corners are whole bins: f64 [band bin]."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    hz = 700 * (10 ** (np.linspace(0, highest, _BANDS + 2) / 2595) - 1)
    return triangles(np.floor((_FFT + 1) * hz / RATE) * RATE / _FFT, _FFT)


@functools.cache
def _cosines() -> np.ndarray:
    """The orthonormal cosine transform, its higher numbers lifted: f64 [k band]."""
    number, band = np.arange(NUMBERS)[:, None], np.arange(_BANDS)
    waves = np.cos(np.pi * number * (band + 0.5) / _BANDS) * np.sqrt(2 / _BANDS)
    return waves * (1 + _LIFTER / 2 * np.sin(np.pi * number / _LIFTER))
