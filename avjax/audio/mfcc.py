"""MFCCs, 100 per second: the audio input of the published SyncNet.

Source   the conventions of python_speech_features, which that network's program calls:
         pre-emphasis 0.97, 25 ms windows without a taper, 26 triangular filters with
         corners on whole bins of O'Shaughnessy's (HTK's) mel scale, a lifter of 22, and
         the log energy in place of the first coefficient

MFCC frame i begins at sample 160 * i. The last window is zero-padded.
"""

import functools

import numpy as np
from einops import einsum

from avjax.audio.mel import BLOCK_FRAMES, triangular_filters
from avjax.constants import SAMPLE_RATE

MFCC_HOP = 160  # samples between MFCC frames
MFCCS_PER_FRAME = 4  # MFCC frames per video frame
NUM_MFCC = 13  # coefficients
MFCC_WINDOW = 20  # MFCC frames in the 0.2 s window of the network

_WINDOW_SAMPLES, _FFT, _BANDS = 400, 512, 26
_PRE_EMPHASIS = 0.97
_LIFTER = 22


def mfcc(wave: np.ndarray) -> np.ndarray:
    """Compute the MFCCs of a waveform, after rounding it to 16 bits.

    Args:
        wave: Non-empty waveform at 16 kHz in [-1, 1], f32 [n].

    Returns:
        MFCCs, f32 [f k] with k = 13 and f = 1 + ceil((n - 400) / 160), at least 1.
    """
    samples = np.clip(np.round(wave * np.float64(2**15)), -(2**15), 2**15 - 1)
    emphasized = np.append(samples[:1], samples[1:] - _PRE_EMPHASIS * samples[:-1])
    count = 1 + max(0, -(-(len(wave) - _WINDOW_SAMPLES) // MFCC_HOP))
    missing = (count - 1) * MFCC_HOP + _WINDOW_SAMPLES - len(wave)
    padded = np.pad(emphasized, (0, missing))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW_SAMPLES)
    windows = windows[::MFCC_HOP]
    starts = range(0, count, BLOCK_FRAMES)
    return np.concatenate([_cepstra(windows[i : i + BLOCK_FRAMES]) for i in starts])


def _cepstra(windows: np.ndarray) -> np.ndarray:
    """Compute the coefficients of windows of samples: [f 400] -> f32 [f k]."""
    power = np.abs(np.fft.rfft(windows, _FFT, axis=-1)) ** 2 / _FFT
    bands = einsum(power, _filters(), "f bin, band bin -> f band")
    coefficients = einsum(_log(bands), _cosines(), "f band, k band -> f k")
    coefficients[:, 0] = _log(np.sum(power, axis=-1))
    return coefficients.astype(np.float32)


def _log(power: np.ndarray) -> np.ndarray:
    return np.log(np.where(power == 0, np.finfo(float).eps, power))


@functools.cache
def _filters() -> np.ndarray:
    """Compute triangular filters with corners on whole bins: f64 [band bin]."""
    highest = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    hz = 700 * (10 ** (np.linspace(0, highest, _BANDS + 2) / 2595) - 1)
    bins = np.floor((_FFT + 1) * hz / SAMPLE_RATE)
    return triangular_filters(bins * SAMPLE_RATE / _FFT, _FFT)


@functools.cache
def _cosines() -> np.ndarray:
    """Compute the orthonormal cosine transform with liftering: f64 [k band]."""
    index, band = np.arange(NUM_MFCC)[:, None], np.arange(_BANDS)
    waves = np.cos(np.pi * index * (band + 0.5) / _BANDS) * np.sqrt(2 / _BANDS)
    return waves * (1 + _LIFTER / 2 * np.sin(np.pi * index / _LIFTER))
