"""Resampling of synthetic speech, and rounding to 16-bit samples."""

import numpy as np

from avjax.constants import SAMPLE_RATE


def resample(wave: np.ndarray, rate: int) -> np.ndarray:
    """Resample a waveform to 16 kHz by truncating its spectrum at 7.8 kHz.

    Args:
        wave: Waveform, [n].
        rate: Its sample rate in Hz.

    Returns:
        Waveform at 16 kHz, f64 [n * 16000 // rate].
    """
    block = 441 if rate == 22050 else rate
    new_block = block * SAMPLE_RATE // rate
    blocks = len(wave) // block + 2
    spectrum = np.fft.rfft(wave, blocks * block)
    hertz = np.arange(len(spectrum)) * rate / (blocks * block)
    spectrum *= np.clip((8000 - hertz) / 200, 0, 1)
    padded = np.zeros(blocks * new_block // 2 + 1, complex)
    shared = min(len(padded), len(spectrum))
    padded[:shared] = spectrum[:shared]
    resampled = np.fft.irfft(padded, blocks * new_block) * (SAMPLE_RATE / rate)
    return resampled[: len(wave) * SAMPLE_RATE // rate]


def quantize_16_bit(wave: np.ndarray) -> np.ndarray:
    """Round a waveform to 16-bit steps, so that storing it as int16 is lossless.

    Args:
        wave: Waveform in [-1, 1], [n].

    Returns:
        Rounded waveform, f32 [n].
    """
    steps = np.clip(np.round(wave * 32768), -32768, 32767)
    return (steps / 32768).astype(np.float32) + np.float32(0)  # avoids minus zero
