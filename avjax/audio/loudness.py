"""Speech at one level, with silent pauses: what every recording is made before a mel.

Recordings differ in level and in the noise of their pauses; lips should not.
"""

import numpy as np

from avjax.audio.mel import RATE
from avjax.errors import InputError

STEPS_PER_SECOND = 100  # how often levels are measured
STEP = RATE // STEPS_PER_SECOND  # samples
LOUD = 95  # percentile of the levels that stands for the loudness of a recording
GOAL_DB = -15.0  # the loud level of a prepared recording, to full scale
LARGEST_GAIN_DB = 30.0
NEAR_SECONDS = 4.0  # a voice is as loud as it is within so much time...
WEAKEST_DB = 12.0  # ...but no weaker than this below the recording as a whole
DEPTH_DB = 22.0  # this far below loud, a stretch is a pause...
SHORTEST_PAUSE = 15  # ...if it lasts, in steps: a stop's closure is shorter
BLOCK = 2**20  # samples worked on at once
QUIET = 0.003  # the share of a recording's energy before the first word
SILENCE_DB = -70.0  # a recording that is never louder than this holds nothing


def check_wave(wave: np.ndarray) -> None:
    """InputError unless it is a wave f32 [n], of numbers throughout."""
    if wave.ndim != 1 or wave.dtype.kind != "f":
        raise InputError("a wave is an array of float32 [samples]")
    if not np.isfinite(wave).all():
        raise InputError("a wave has samples in it that are no numbers")


def prepare(wave: np.ndarray) -> np.ndarray:
    """A recording brought to the common level, its pauses made digital silence.

    wave f32 [n] at 16 kHz -> f32 [n].  The level is that of the seconds around each
    moment, so that of two voices neither is taken for a pause of the other.
    """
    gain = np.minimum(GOAL_DB - loudness(wave), LARGEST_GAIN_DB)
    factor = np.where(pauses(wave), 0, 10 ** (gain / 20))
    centres = (np.arange(len(factor)) + 0.5) * STEP
    prepared = np.array(wave, np.float32)
    for start in range(0, len(wave), BLOCK):
        block = prepared[start : start + BLOCK]
        block *= np.interp(np.arange(start, start + len(block)), centres, factor)
    return prepared


def pauses(wave: np.ndarray) -> np.ndarray:
    """Where nobody speaks: wave [n] -> bool [steps of 10 ms]."""
    levels = levels_db(wave)
    loud = loudness(wave)
    quiet = (smooth(levels) < loud - DEPTH_DB) | (np.max(loud) < SILENCE_DB)
    edges = np.flatnonzero(np.diff(np.r_[False, quiet, False].astype(np.int8)))
    for start, stop in edges.reshape(-1, 2):
        long = stop - start >= SHORTEST_PAUSE or np.max(loud) < SILENCE_DB
        quiet[start:stop] = long
    return quiet


def loudness(wave: np.ndarray) -> np.ndarray:
    """How loud the voice is around each moment, in dB of full scale.

    wave [n] -> [steps]: the level that one step in twenty exceeds, within the
    NEAR_SECONDS around; where a recording begins or ends, in its first or last ones.
    """
    levels = levels_db(wave)
    near = min(int(NEAR_SECONDS * STEPS_PER_SECOND), len(levels))
    starts = np.arange(0, len(levels) - near + 1, STEPS_PER_SECOND // 2)
    windows = np.lib.stride_tricks.sliding_window_view(levels, near)[starts]
    found = np.percentile(windows, LOUD, axis=1)
    around = np.interp(np.arange(len(levels)), starts + near / 2, found)
    return np.maximum(around, np.percentile(levels, LOUD) - WEAKEST_DB)


def loud_span(wave: np.ndarray) -> tuple[float, float]:
    """When somebody begins to speak and stops, about: wave [n] -> seconds.

    Before and after lies a little of the energy of the wave's changes, in which hum
    counts for nothing.
    """
    energy = np.cumsum(10 ** (levels_db(np.diff(wave)) / 10))
    share = energy / energy[-1]
    begin, end = np.searchsorted(share, [QUIET, 1 - QUIET]) / STEPS_PER_SECOND
    return float(begin), float(end)


def levels_db(wave: np.ndarray) -> np.ndarray:
    """RMS level every 10 ms: wave [n] -> [steps >= 1], in dB of full scale, >= -120."""
    steps = max(1, -(-len(wave) // STEP))
    padded = np.pad(wave.astype(np.float32), (0, steps * STEP - len(wave)))
    power = np.mean(padded.reshape(steps, STEP) ** 2, axis=1)
    return 10 * np.log10(power + 1e-12)


def smooth(levels: np.ndarray) -> np.ndarray:
    """Levels [steps] in dB -> the same, their power averaged over 50 ms."""
    power = np.pad(10 ** (levels / 10), 2, mode="edge")
    return 10 * np.log10(np.convolve(power, np.full(5, 0.2), mode="valid"))


def sounds_like_speech(wave: np.ndarray) -> bool:
    """Whether a recording has the swing of speech: syllables, and pauses between.

    Steady sounds (music without beats, hum, hiss) swing little.  Only good enough for
    a warning: speech under loud noise swings as little as music does.
    """
    return bool(np.mean(levels_db(wave) < loudness(wave) - 20) > 0.02)
