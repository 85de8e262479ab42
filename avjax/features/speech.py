"""Speech at one level, with silent pauses: what every recording is made before a mel.

Recordings differ in level and in the noise of their pauses; lips should not.
"""

import numpy as np

from avjax.features.audio import RATE

STEPS_PER_SECOND = 100  # how often levels are measured
STEP = RATE // STEPS_PER_SECOND  # samples
LOUD = 95  # percentile of the levels that stands for the loudness of a recording
GOAL_DB = -15.0  # the loud level of a prepared recording, to full scale
LARGEST_GAIN_DB = 30.0
DEPTH_DB = 22.0  # this far below loud, a stretch is a pause...
SHORTEST_PAUSE = 15  # ...if it lasts, in steps: a stop's closure is shorter
SILENCE_DB = -70.0  # a recording that is never louder than this holds nothing


def prepare(wave: np.ndarray) -> np.ndarray:
    """A recording brought to the common level, its pauses made digital silence.

    wave f32 [n] at 16 kHz -> f32 [n]
    """
    open_steps = ~pauses(wave)
    centres = (np.arange(len(open_steps)) + 0.5) * STEP
    gate = np.interp(np.arange(len(wave)), centres, open_steps.astype(np.float32))
    gain = min(GOAL_DB - loudness(wave), LARGEST_GAIN_DB)
    return (wave * gate * 10 ** (gain / 20)).astype(np.float32)


def pauses(wave: np.ndarray) -> np.ndarray:
    """Where nobody speaks: wave [n] -> bool [steps of 10 ms]."""
    levels = levels_db(wave)
    loud = loudness(wave)
    if loud < SILENCE_DB:
        return np.ones(len(levels), bool)
    quiet = smooth(levels) < loud - DEPTH_DB
    edges = np.flatnonzero(np.diff(np.r_[False, quiet, False].astype(np.int8)))
    for start, stop in edges.reshape(-1, 2):
        quiet[start:stop] = stop - start >= SHORTEST_PAUSE
    return quiet


def loudness(wave: np.ndarray) -> float:
    """The level of the loud tenths of a recording, in dB of full scale."""
    return float(np.percentile(levels_db(wave), LOUD))


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
    levels = levels_db(wave)
    return bool(np.mean(levels < loudness(wave) - 20) > 0.02)
