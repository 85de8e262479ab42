"""Log-mel spectrograms with 80 mel frames per second: input of all talking-face models.

Source  Prajwal et al., "A Lip Sync Expert Is All You Need", MM 2020: the settings that
        its released weights were trained with (pre-emphasis 0.97, 800-sample Hann
        window, 80 Slaney mels from 55 to 7600 Hz, -100..0 dB mapped to [-4, 4]).

Mel frame i is centred at sample 200 * i. The ends of the waveform are zero-padded.
"""

import functools

import numpy as np
from einops import einsum

from avjax.constants import (
    HOP_LENGTH,
    MEL_WINDOW,
    MELS_PER_SECOND,
    NUM_MELS,
    SAMPLE_RATE,
)

BLOCK_FRAMES = 1000  # spectra held in memory at once

_FFT = 800
_LOWEST_HZ, _HIGHEST_HZ = 55.0, 7600.0
_PRE_EMPHASIS = 0.97


def log_mel(wave: np.ndarray) -> np.ndarray:
    """Compute the log-mel spectrogram of a waveform.

    Args:
        wave: Waveform at 16 kHz in [-1, 1], f32 [n].

    Returns:
        Spectrogram with values in [-4, 4], f32 [f k] with f = 1 + n // 200.
    """
    frames = 1 + len(wave) // HOP_LENGTH
    starts = range(0, frames, BLOCK_FRAMES)
    blocks = [log_mel_range(wave, i, min(i + BLOCK_FRAMES, frames)) for i in starts]
    return np.concatenate(blocks)


def standardized_log_mel(wave: np.ndarray) -> np.ndarray:
    """Compute a log-mel spectrogram that ignores level, acoustics and microphone.

    Each mel band has zero mean over the recording; all bands are divided by their
    common standard deviation.

    Args:
        wave: Waveform at 16 kHz in [-1, 1], f32 [n].

    Returns:
        Standardised spectrogram, f32 [f k].
    """
    mel = log_mel(wave)
    mel -= np.mean(mel, axis=0)
    return mel / (np.std(mel) + 1e-3)


def log_mel_range(
    wave: np.ndarray, first: int, last: int, offset: int = 0
) -> np.ndarray:
    """Compute some mel frames of `log_mel(wave)` without the rest.

    Args:
        wave: Waveform at 16 kHz in [-1, 1], f32 [n]; or a part of it with at least the
            samples of `mel_range_samples`.
        first: First mel frame, at least 0.
        last: One past the last mel frame, at most 1 + n // 200.
        offset: Number of the first sample of the part.

    Returns:
        Mel frames `first` to `last - 1`, f32 [last-first k].
    """
    frames = _frames(wave, first, last, offset)
    spectra = np.fft.rfft(frames * hann(_FFT), axis=-1)
    mel = einsum(np.abs(spectra), mel_filters(), "f bin, k bin -> f k")
    decibel = 20 * np.log10(np.maximum(mel, 1e-5)) - 20
    return np.clip(8 * (decibel + 100) / 100 - 4, -4, 4).astype(np.float32)


def mel_range_samples(first: int, last: int) -> slice:
    """Tell which samples some mel frames are computed from.

    Args:
        first: First mel frame, at least 0.
        last: One past the last mel frame.

    Returns:
        Samples of the recording; the slice may end after it.
    """
    begin, end = first * HOP_LENGTH - _FFT // 2, (last - 1) * HOP_LENGTH + _FFT // 2
    return slice(max(begin - 1, 0), max(end, 0))  # one more, for the pre-emphasis


def mel_frames_at(seconds: np.ndarray) -> np.ndarray:
    """Convert times to mel frame numbers: floor(80 s), robust to rounding.

    Args:
        seconds: Times in seconds, [t].

    Returns:
        Mel frame numbers, i64 [t]; negative for negative times.
    """
    return np.floor(np.asarray(seconds) * MELS_PER_SECOND + 1e-6).astype(np.int64)


def mel_windows(mel: np.ndarray, starts_seconds: np.ndarray) -> np.ndarray:
    """Cut 0.2 s windows (16 mel frames) out of a spectrogram.

    Args:
        mel: Log-mel spectrogram, [f k].
        starts_seconds: Start of each window in seconds, [t].

    Returns:
        Windows, [t 16 k]. Outside the recording its first or last frame is repeated.
    """
    frames = mel_frames_at(starts_seconds)[:, None] + np.arange(MEL_WINDOW)
    return mel[np.clip(frames, 0, len(mel) - 1)]


def mel_window_starts(frames: int, fps: float, lead: float = 0.04) -> np.ndarray:
    """Compute when the mel window of each video frame starts.

    In the published systems, training and inference differ by one frame here; avjax
    uses the default everywhere.

    Args:
        frames: Number of video frames.
        fps: Video frames per second.
        lead: Seconds from the start of the window to the start of the frame.

    Returns:
        Start times in seconds, f64 [t].
    """
    return (np.arange(frames) - lead * fps) / fps


@functools.cache
def mel_filters(
    fft: int = _FFT, lowest_hz: float = _LOWEST_HZ, highest_hz: float = _HIGHEST_HZ
) -> np.ndarray:
    """Compute triangular filters of equal width and area in Slaney's mel scale.

    Args:
        fft: FFT length in samples.
        lowest_hz: Lower edge of the first filter in Hz.
        highest_hz: Upper edge of the last filter in Hz.

    Returns:
        Filters, f64 [k bin].

    Source:
        Slaney, "Auditory Toolbox", 1998: linear below 1 kHz, logarithmic above.
    """
    lowest, highest = _hz_to_mel(lowest_hz), _hz_to_mel(highest_hz)
    corners = _mel_to_hz(np.linspace(lowest, highest, NUM_MELS + 2))
    area = (corners[2:, None] - corners[:-2, None]) / 2
    return triangular_filters(corners, fft) / area


def triangular_filters(corners: np.ndarray, fft: int) -> np.ndarray:
    """Compute triangular filters of height one.

    Each filter rises from one corner to the next and falls to the one after.

    Args:
        corners: Increasing corner frequencies in Hz, [k + 2].
        fft: FFT length in samples.

    Returns:
        Filters, f64 [k bin].
    """
    bins = np.linspace(0, SAMPLE_RATE / 2, 1 + fft // 2)
    widths = np.diff(corners)
    rising = (bins - corners[:-2, None]) / widths[:-1, None]
    falling = (corners[2:, None] - bins) / widths[1:, None]
    return np.maximum(0, np.minimum(rising, falling))


@functools.cache
def hann(samples: int) -> np.ndarray:
    """Compute a periodic Hann window.

    Args:
        samples: Length and period of the window.

    Returns:
        Window, f64 [samples]; read-only by convention, because it is cached.
    """
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / samples)


def _hz_to_mel(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + np.log(hz / 1000) * 27 / np.log(6.4)


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    above = 1000 * np.exp((mel - 15) * np.log(6.4) / 27)
    return np.where(mel < 15, mel * 200 / 3, above)


def _frames(wave: np.ndarray, first: int, last: int, offset: int) -> np.ndarray:
    """Cut the pre-emphasised 800 samples around each mel frame: [n] -> [f 800]."""
    begin = first * HOP_LENGTH - _FFT // 2  # of the first window
    end = (last - 1) * HOP_LENGTH + _FFT // 2
    samples = mel_range_samples(first, last)
    inside = wave[samples.start - offset : samples.stop - offset].astype(np.float64)
    previous = np.concatenate([inside[:1] * 0, inside[:-1]])
    emphasized = inside - _PRE_EMPHASIS * previous
    emphasized = emphasized[1:] if begin > 0 else emphasized
    padded = np.pad(emphasized, (max(-begin, 0), 0))
    padded = np.pad(padded, (0, max(end - begin - len(padded), 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::HOP_LENGTH]
