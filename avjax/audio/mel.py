"""The sound that every talking-face system hears: log-mel columns, 80 a second.

Source  Prajwal et al., "A Lip Sync Expert Is All You Need", MM 2020: the values that
        its released weights were trained on (pre-emphasis 0.97, 800-sample Hann
        window, 80 Slaney mels from 55 to 7600 Hz, -100..0 dB mapped to [-4, 4]).

A column's centre is at sample 200 * column; the ends are padded by zeros.
"""

import functools

import numpy as np
from einops import einsum

RATE = 16_000  # samples a second
HOP = 200  # samples from column to column
MELS = 80
COLUMNS_PER_SECOND = RATE // HOP
WINDOW = 16  # columns a network sees at once: 0.2 s

_FFT = 800
_LOWEST_HZ, _HIGHEST_HZ = 55.0, 7600.0
_PRE_EMPHASIS = 0.97
_BLOCK = 1000  # columns whose spectra are in memory at once


def log_mel(wave: np.ndarray) -> np.ndarray:
    """How loud each of 80 pitch bands is, 80 times a second.

    wave f32 [n] at 16 kHz in [-1, 1] -> f32 [f k] in [-4, 4], f = 1 + n // 200.
    """
    columns = 1 + len(wave) // HOP
    blocks = [(i, min(i + _BLOCK, columns)) for i in range(0, columns, _BLOCK)]
    return np.concatenate([log_mel_between(wave, *block) for block in blocks])


def standard_mel(wave: np.ndarray) -> np.ndarray:
    """log_mel as a listener takes it that must not mind level, room and microphone.

    wave f32 [n] -> f32 [f k]: each band's mean of the recording is taken away, and all
    are divided by the deviation of all.
    """
    mel = log_mel(wave)
    mel -= np.mean(mel, axis=0)
    return mel / (np.std(mel) + 1e-3)


def log_mel_between(wave: np.ndarray, first: int, last: int) -> np.ndarray:
    """Columns first to last (excluded) of log_mel(wave), without computing the rest.

    wave f32 [n], 0 <= first <= last <= 1 + n // 200 -> f32 [last-first k]
    """
    magnitude = np.abs(np.fft.rfft(_frames(wave, first, last) * _hann(), axis=-1))
    mel = einsum(magnitude, mel_filters(), "f bin, k bin -> f k")
    decibel = 20 * np.log10(np.maximum(mel, 1e-5)) - 20
    return np.clip(8 * (decibel + 100) / 100 - 4, -4, 4).astype(np.float32)


def columns_at(seconds: np.ndarray) -> np.ndarray:
    """The column that has begun at each moment: floor(80 s), safe against rounding.

    seconds [t] -> i64 [t].  Before the beginning they are negative.
    """
    return np.floor(np.asarray(seconds) * COLUMNS_PER_SECOND + 1e-6).astype(np.int64)


def windows(mel: np.ndarray, starts_seconds: np.ndarray) -> np.ndarray:
    """The 0.2 s of sound that begin at each moment.

    mel [f k], starts_seconds [t] -> [t 16 k].  Outside the recording its first or
    last column is repeated.
    """
    columns = columns_at(starts_seconds)[:, None] + np.arange(WINDOW)
    return mel[np.clip(columns, 0, len(mel) - 1)]


def frame_starts(frames: int, fps: float, lead: float = 0.04) -> np.ndarray:
    """When the window of each video frame begins: lead seconds before the frame.

    -> f64 [t].  Training and inference of the published systems differ by one frame
    here; all of avjax uses the default.
    """
    return (np.arange(frames) - lead * fps) / fps


@functools.cache
def mel_filters(
    fft: int = _FFT, lowest_hz: float = _LOWEST_HZ, highest_hz: float = _HIGHEST_HZ
) -> np.ndarray:
    """Triangles over the spectrum, equally wide in Slaney's mel scale, of equal area.

    -> f64 [k bin].  Slaney, "Auditory Toolbox", 1998: linear below 1 kHz, logarithmic
    above.
    """
    lowest, highest = _mel_of_hz(lowest_hz), _mel_of_hz(highest_hz)
    corners = _hz_of_mel(np.linspace(lowest, highest, MELS + 2))
    area = (corners[2:, None] - corners[:-2, None]) / 2
    return triangles(corners, fft) / area


def triangles(corners: np.ndarray, fft: int) -> np.ndarray:
    """Filters of height one, each from a corner over the next to the one after.

    corners [k + 2] in Hz, rising -> f64 [k bin], over the bins of `fft` samples.
    """
    bins = np.linspace(0, RATE / 2, 1 + fft // 2)
    widths = np.diff(corners)
    rising = (bins - corners[:-2, None]) / widths[:-1, None]
    falling = (corners[2:, None] - bins) / widths[1:, None]
    return np.maximum(0, np.minimum(rising, falling))


def _mel_of_hz(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + np.log(hz / 1000) * 27 / np.log(6.4)


def _hz_of_mel(mel: np.ndarray) -> np.ndarray:
    above = 1000 * np.exp((mel - 15) * np.log(6.4) / 27)
    return np.where(mel < 15, mel * 200 / 3, above)


def _frames(wave: np.ndarray, first: int, last: int) -> np.ndarray:
    """wave [n] -> the pre-emphasised 800 samples around each column [f 800]."""
    begin = first * HOP - _FFT // 2  # of the first window; one sample more is read
    end = (last - 1) * HOP + _FFT // 2
    inside = wave[max(begin - 1, 0) : max(end, 0)].astype(np.float64)
    before = np.concatenate([inside[:1] * 0, inside[:-1]])
    emphasised = inside - _PRE_EMPHASIS * before
    emphasised = emphasised[1:] if begin > 0 else emphasised
    padded = np.pad(emphasised, (max(-begin, 0), 0))
    padded = np.pad(padded, (0, max(end - begin - len(padded), 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::HOP]


@functools.cache
def _hann() -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT) / _FFT)
