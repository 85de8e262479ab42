"""Level normalisation of speech: bring recordings to one level and silence pauses.

Recordings differ in level and in background noise. Every recording is normalised
before its mel spectrogram is computed, so that these differences do not reach the
networks.
"""

import numpy as np

from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError

LEVELS_PER_SECOND = 100  # level measurements per second
LEVEL_HOP = SAMPLE_RATE // LEVELS_PER_SECOND  # samples per level measurement
LEVEL_PERCENTILE = 95  # this percentile of the levels is the speech level
TARGET_LEVEL_DB = -15.0  # speech level after normalisation, in dB of full scale
MAX_GAIN_DB = 30.0
LEVEL_WINDOW_SECONDS = 4.0  # the speech level is measured over this window
MAX_LEVEL_DROP_DB = 12.0  # lowest local speech level, relative to the whole recording
PAUSE_DEPTH_DB = 22.0  # a pause is this far below the speech level
MIN_PAUSE_STEPS = 15  # shortest pause; the closure of a stop consonant is shorter
BLOCK_SAMPLES = 2**20  # samples processed at once
MIN_ENERGY_FRACTION = 0.003  # fraction of the energy before the first word
SILENCE_DB = -70.0  # a recording that never exceeds this level is silent


def check_waveform(wave: np.ndarray) -> None:
    """Check that a waveform is one-dimensional, of floats, and finite.

    Args:
        wave: Waveform, f32 [n].

    Raises:
        InputError: The array is anything else.
    """
    if wave.ndim != 1 or wave.dtype.kind != "f":
        raise InputError("a waveform must be a float32 array of shape [samples]")
    if not np.isfinite(wave).all():
        raise InputError("the waveform contains NaN or infinite samples")


def normalize_speech(wave: np.ndarray) -> np.ndarray:
    """Bring a recording to the common speech level and set its pauses to zero.

    The gain follows the local speech level, so that the quieter of two speakers is
    not mistaken for a pause of the louder one.

    Args:
        wave: Waveform at 16 kHz, f32 [n].

    Returns:
        The normalised waveform, f32 [n].
    """
    return apply_gain(wave, speech_gain(wave))


def speech_gain(wave: np.ndarray) -> np.ndarray:
    """Compute the gain that `normalize_speech` applies at each 10 ms step.

    Args:
        wave: Waveform at 16 kHz, f32 [n].

    Returns:
        Factors, f64 [steps]; 0 in pauses, as `find_pauses` finds them.
    """
    levels = rms_levels_db(wave)
    speech_level = _local_speech_level(levels)
    gain = np.minimum(TARGET_LEVEL_DB - speech_level, MAX_GAIN_DB)
    return np.where(_pauses(levels, speech_level), 0, 10 ** (gain / 20))


def apply_gain(part: np.ndarray, gain: np.ndarray, first: int = 0) -> np.ndarray:
    """Apply the gain of a recording to a part of it.

    Args:
        part: Some consecutive samples of the recording, f32 [n].
        gain: Gain of the whole recording, as `speech_gain` computes it, [steps].
        first: Number of the first sample of the part.

    Returns:
        The same samples of `normalize_speech` of the recording, f32 [n].
    """
    normalized = np.array(part, np.float32)
    for start in range(0, len(part), BLOCK_SAMPLES):
        block = normalized[start : start + BLOCK_SAMPLES]
        begin = first + start
        end = begin + len(block)
        steps = np.arange(
            max(begin // LEVEL_HOP - 1, 0), min(end // LEVEL_HOP + 2, len(gain))
        )
        block *= np.interp(
            np.arange(begin, end), (steps + 0.5) * LEVEL_HOP, gain[steps]
        )
    return normalized


def find_pauses(wave: np.ndarray) -> np.ndarray:
    """Find the pauses of a recording.

    Args:
        wave: Waveform at 16 kHz, [n].

    Returns:
        One flag per 10 ms step, bool [steps]; true where nobody speaks.
    """
    return find_pauses_in_levels(rms_levels_db(wave))


def find_pauses_in_levels(levels: np.ndarray) -> np.ndarray:
    """Find the pauses of a recording of which only the levels are in memory.

    Args:
        levels: What `rms_levels_db` returns for the recording, [steps].

    Returns:
        What `find_pauses` returns for the recording, bool [steps].
    """
    return _pauses(levels, _local_speech_level(levels))


def _pauses(levels: np.ndarray, speech_level: np.ndarray) -> np.ndarray:
    """Find the pauses bool [steps] of levels with their local speech level [steps]."""
    silent = np.max(speech_level) < SILENCE_DB
    quiet = (smooth_levels(levels) < speech_level - PAUSE_DEPTH_DB) | silent
    edges = np.flatnonzero(np.diff(np.r_[False, quiet, False].astype(np.int8)))
    for start, stop in edges.reshape(-1, 2):
        quiet[start:stop] = stop - start >= MIN_PAUSE_STEPS or silent
    return quiet


def speech_level_db(wave: np.ndarray) -> np.ndarray:
    """Measure the speech level around each 10 ms step.

    The level is the 95th percentile of the RMS levels within LEVEL_WINDOW_SECONDS. At
    the ends of a recording the first or last window is used.

    Args:
        wave: Waveform at 16 kHz, [n].

    Returns:
        Speech level in dB of full scale, [steps].
    """
    return _local_speech_level(rms_levels_db(wave))


def _local_speech_level(levels: np.ndarray) -> np.ndarray:
    """Measure the speech level [steps] around each of the levels [steps]."""
    width = min(int(LEVEL_WINDOW_SECONDS * LEVELS_PER_SECOND), len(levels))
    starts = np.arange(0, len(levels) - width + 1, LEVELS_PER_SECOND // 2)
    windows = np.lib.stride_tricks.sliding_window_view(levels, width)[starts]
    percentiles = np.percentile(windows, LEVEL_PERCENTILE, axis=1)
    local = np.interp(np.arange(len(levels)), starts + width / 2, percentiles)
    return np.maximum(
        local, np.percentile(levels, LEVEL_PERCENTILE) - MAX_LEVEL_DROP_DB
    )


def speech_span(wave: np.ndarray) -> tuple[float, float]:
    """Estimate when speech begins and ends.

    A small fraction of the energy of the differentiated waveform lies outside the
    span. Differentiation suppresses hum.

    Args:
        wave: Waveform at 16 kHz, [n].

    Returns:
        Start and end in seconds.
    """
    energy = np.cumsum(10 ** (rms_levels_db(np.diff(wave)) / 10))
    fraction = energy / energy[-1]
    limits = [MIN_ENERGY_FRACTION, 1 - MIN_ENERGY_FRACTION]
    start, end = np.searchsorted(fraction, limits) / LEVELS_PER_SECOND
    return float(start), float(end)


def rms_levels_db(wave: np.ndarray) -> np.ndarray:
    """Compute the RMS level of every 10 ms.

    Args:
        wave: Waveform at 16 kHz, [n].

    Returns:
        Levels in dB of full scale, at least -120, [steps] with at least one step.
    """
    steps = max(1, -(-len(wave) // LEVEL_HOP))
    padded = np.pad(wave.astype(np.float32), (0, steps * LEVEL_HOP - len(wave)))
    power = np.mean(padded.reshape(steps, LEVEL_HOP) ** 2, axis=1)
    return 10 * np.log10(power + 1e-12)


def smooth_levels(levels: np.ndarray) -> np.ndarray:
    """Average the power of levels over 50 ms.

    Args:
        levels: Levels in dB, [steps].

    Returns:
        Smoothed levels in dB, [steps].
    """
    power = np.pad(10 ** (levels / 10), 2, mode="edge")
    return 10 * np.log10(np.convolve(power, np.full(5, 0.2), mode="valid"))


def is_silent(wave: np.ndarray) -> bool:
    """Tell whether a recording never exceeds SILENCE_DB.

    Args:
        wave: Waveform at 16 kHz, [n].

    Returns:
        True for silence.
    """
    return bool(np.max(speech_level_db(wave)) < SILENCE_DB)


def is_speech_like(wave: np.ndarray) -> bool:
    """Tell whether the level of a recording varies as speech does.

    Speech alternates between syllables and pauses; steady sounds (hum, noise, music
    without beats) do not. The result is only good enough for a warning, because speech
    under loud noise also varies little.

    Args:
        wave: Waveform at 16 kHz, [n].

    Returns:
        True if at least 2 % of the steps are 20 dB below the speech level.
    """
    return bool(np.mean(rms_levels_db(wave) < speech_level_db(wave) - 20) > 0.02)
