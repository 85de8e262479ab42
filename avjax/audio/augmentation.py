"""Random changes of recordings: another microphone, another room, noise.

A network that is trained on recordings of few microphones learns their sound.
"""

import numpy as np
from scipy.signal import fftconvolve, lfilter

from avjax.constants import SAMPLE_RATE

EQUALIZER_DB, EQUALIZER_WAVES = 4.0, 3  # standard deviation and number of the waves
GAIN_DB = 3.0  # standard deviation
NOISE_DB = 5.0, 35.0  # range of the signal-to-noise ratio
REVERB_SECONDS, REVERB_GAIN = (0.03, 0.25), (0.1, 0.5)  # ranges
BROWN_DECAY = 0.95  # of noise whose low frequencies are strong
PEAK = 4.0  # largest amplitude of the result


def augment_speech(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change a recording as another microphone, room and distance would.

    Args:
        wave: Normalised speech at 16 kHz, f32 [n].
        rng: Random generator.

    Returns:
        Waveform, f32 [n].
    """
    steps = (equalize, 0.7), (reverberate, 0.4), (add_noise, 0.6)
    for step, probability in steps:
        if rng.random() < probability:
            wave = step(wave, rng)
    wave = wave * 10 ** (rng.normal(0, GAIN_DB) / 20)
    return np.clip(wave, -PEAK, PEAK).astype(np.float32)


def equalize(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Filter a recording with a random smooth frequency response.

    Args:
        wave: Waveform, f32 [n].
        rng: Random generator.

    Returns:
        Waveform, f32 [n].
    """
    spectrum = np.fft.rfft(wave)
    height = np.linspace(0, np.pi, len(spectrum))
    decibel = np.zeros(len(spectrum))
    for number in range(1, EQUALIZER_WAVES + 1):
        phase = rng.uniform(0, 2 * np.pi)
        decibel += rng.normal(0, EQUALIZER_DB) * np.cos(number * height + phase)
    return np.fft.irfft(spectrum * 10 ** (decibel / 20), len(wave)).astype(np.float32)


def reverberate(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add the echoes of a random small room.

    Args:
        wave: Waveform, f32 [n].
        rng: Random generator.

    Returns:
        Waveform, f32 [n].
    """
    length = int(rng.uniform(*REVERB_SECONDS) * SAMPLE_RATE)
    response = rng.normal(size=length) * np.exp(-6 * np.arange(length) / length)
    response *= rng.uniform(*REVERB_GAIN) / np.linalg.norm(response)
    return (wave + fftconvolve(wave, response)[: len(wave)]).astype(np.float32)


def add_noise(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add white noise, or noise whose low frequencies are strong.

    Args:
        wave: Waveform, f32 [n].
        rng: Random generator.

    Returns:
        Waveform, f32 [n].
    """
    noise = rng.normal(size=len(wave))
    if rng.random() < 0.5:
        noise = np.asarray(lfilter([1], [1, -BROWN_DECAY], noise))
    ratio = 10 ** (-rng.uniform(*NOISE_DB) / 20)
    level = np.sqrt(np.mean(wave**2) / np.mean(noise**2))
    return (wave + ratio * level * noise).astype(np.float32)


def change_speed(wave: np.ndarray, speed: float) -> np.ndarray:
    """Play a recording faster or slower; its pitch changes as well.

    Args:
        wave: Waveform, f32 [n].
        speed: Factor; 1 changes nothing.

    Returns:
        Waveform, f32 [about n / speed].
    """
    if speed == 1:
        return wave
    positions = np.arange(0, len(wave) - 1, speed)
    return np.interp(positions, np.arange(len(wave)), wave).astype(np.float32)
