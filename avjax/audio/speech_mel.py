"""Log-mel spectrograms of the lip-reading models: 100 mel frames per second.

There are two kinds. `encoder_mel` is the input of an audio encoder. `vocoder_mel` is
what lip-to-speech models predict; a vocoder turns it into a waveform.

Sources  Kim et al., "Multi-modality Associative Bridging through Memory", ICCV 2021:
         the audio input of its released program (encoder_mel)
         Kim et al., "Lip to Speech Synthesis with Visual Context Attentional GAN",
         NeurIPS 2021: the settings of its released program (vocoder_mel)

Mel frame i is centred at sample 160 * i. The ends of the waveform are reflected. The
frame at the very end is dropped, so that one video frame (640 samples) has exactly 4
mel frames: f = n // 160.
"""

import functools

import numpy as np
from einops import einsum

from avjax.audio.mel import BLOCK_FRAMES, hann, mel_filters, triangular_filters
from avjax.constants import FPS, NUM_MELS, SAMPLE_RATE

SPEECH_MEL_HOP = 160  # samples between mel frames
SPEECH_MELS_PER_SECOND = SAMPLE_RATE // SPEECH_MEL_HOP
SPEECH_MELS_PER_FRAME = SPEECH_MELS_PER_SECOND // FPS  # mel frames per video frame

ENCODER_FFT = 400
VOCODER_FFT = 640
VOCODER_DB_PER_UNIT = 50.0  # dB that correspond to 1.0 in vocoder_mel
PRE_EMPHASIS = 0.97
PEAK_LEVEL = 0.9

_VOCODER_LOWEST_HZ, _VOCODER_HIGHEST_HZ = 55.0, 7500.0


def encoder_mel(wave: np.ndarray) -> np.ndarray:
    """Compute the input of an audio encoder: a log-mel spectrogram, standardised.

    Each mel band has mean 0 and standard deviation 1 over the clip. As published, the
    dropped last mel frame counts in these statistics. A constant band becomes 0.

    Args:
        wave: Waveform at 16 kHz, [n].

    Returns:
        Standardised log-mel spectrogram, f32 [f k].
    """
    window = hann(ENCODER_FFT)
    window = window / np.linalg.norm(window)
    power = _spectrogram(wave, window, _encoder_filters(), exponent=2)
    decibel = 10 * np.log10(np.maximum(power, 1e-10))
    if len(decibel) < 2:
        return np.zeros((0, NUM_MELS), np.float32)
    centred = decibel - np.mean(decibel, axis=0)
    standardized = centred / (np.std(decibel, axis=0, ddof=1) + 1e-10)
    return standardized[:-1].astype(np.float32)


def vocoder_mel(wave: np.ndarray) -> np.ndarray:
    """Compute the log-mel spectrogram that a vocoder inverts.

    A magnitude of 1e-5 becomes -1 and a magnitude of 1.0 becomes +1; one unit is
    VOCODER_DB_PER_UNIT dB.

    Args:
        wave: Waveform at 16 kHz, [n], normally from `prepare_vocoder_audio`.

    Returns:
        Log-mel spectrogram, f32 [f k], at least -1; loud frames may exceed 1.
    """
    window = hann(VOCODER_FFT)
    magnitude = _spectrogram(wave, window, vocoder_filters(), exponent=1)[:-1]
    decibel = 20 * np.log10(np.maximum(magnitude, 1e-5))
    return (1 + decibel / VOCODER_DB_PER_UNIT).astype(np.float32)


def prepare_vocoder_audio(
    wave: np.ndarray, peak: float | np.floating | None = None
) -> np.ndarray:
    """Scale a waveform to a peak of 0.9 and apply pre-emphasis.

    Args:
        wave: Waveform, [n].
        peak: Peak of the recording, if the waveform is a part of one.

    Returns:
        The waveform for `vocoder_mel`, f32 [n]; silence stays silence.
    """
    if peak is None:
        peak = np.max(np.abs(wave), initial=0.0)
    return pre_emphasize(wave * (PEAK_LEVEL / peak) if peak else wave)


def pre_emphasize(wave: np.ndarray) -> np.ndarray:
    """Subtract 0.97 times the previous sample from each sample.

    Args:
        wave: Waveform, [n].

    Returns:
        The emphasised waveform, f32 [n].
    """
    previous = np.concatenate([np.zeros(1, wave.dtype), wave])[:-1]
    return (wave - PRE_EMPHASIS * previous).astype(np.float32)


@functools.cache
def vocoder_filters() -> np.ndarray:
    """Compute the mel filters of `vocoder_mel`, of equal area in Slaney's scale.

    Returns:
        Filters, f64 [k bin].
    """
    return mel_filters(VOCODER_FFT, _VOCODER_LOWEST_HZ, _VOCODER_HIGHEST_HZ)


@functools.cache
def _encoder_filters() -> np.ndarray:
    """Compute filters of height one in O'Shaughnessy's (HTK's) mel scale: [k bin]."""
    highest = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, NUM_MELS + 2) / 2595) - 1)
    return triangular_filters(corners, ENCODER_FFT)


def _spectrogram(
    wave: np.ndarray,
    window: np.ndarray,
    filters: np.ndarray,
    exponent: int,
) -> np.ndarray:
    """Filter the magnitudes raised to an exponent: [n] -> f64 [1 + n // 160, k]."""
    if not len(wave):
        return np.zeros((0, NUM_MELS))
    padded = np.pad(wave.astype(np.float64), len(window) // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(window))
    windows = windows[::SPEECH_MEL_HOP]
    blocks = []
    for first in range(0, len(windows), BLOCK_FRAMES):
        spectra = np.fft.rfft(windows[first : first + BLOCK_FRAMES] * window, axis=-1)
        raised = np.abs(spectra) ** exponent
        blocks.append(einsum(raised, filters, "f bin, k bin -> f k"))
    return np.concatenate(blocks)
