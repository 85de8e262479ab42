"""Sound that is still being spoken: prepared and cut into windows as it arrives.

As audio.loudness and audio.mel do it with a whole recording, but no rule looks
ahead: a voice is as loud as it has lately been, a pause begins when it has lasted, and
nothing is known of the recording as a whole.  What comes out depends on the samples
alone, not on how they are cut into chunks.
"""

import collections

import numpy as np

from avjax.audio import loudness as speech
from avjax.audio import mel as audio

FPS = 25  # windows a second, one for each frame of what hears them
NEAR = int(speech.NEAR_SECONDS * speech.STEPS_PER_SECOND)  # steps
SMOOTH = 5  # steps over which power is averaged: 50 ms
BEFORE = 4  # columns in front of a window, of which its first one takes samples


class LiveSpeech:
    """Brings a voice to the common level, its pauses to silence, step by step."""

    def __init__(self):
        self._levels = collections.deque(maxlen=NEAR)
        self._quiet = speech.SHORTEST_PAUSE  # steps on end; it begins with a pause
        self._factor = 0.0
        self._rest = np.zeros(0, np.float32)

    def feed(self, wave: np.ndarray) -> np.ndarray:
        """wave f32 [n] -> as much of it as is whole steps, prepared, f32."""
        wave = np.concatenate([self._rest, wave.astype(np.float32)])
        whole = len(wave) // speech.STEP * speech.STEP
        self._rest = wave[whole:]
        steps = wave[:whole].reshape(-1, speech.STEP)
        return np.concatenate([self._rest[:0], *map(self._step, steps)])

    def finish(self) -> np.ndarray:
        """What is less than a step, at the level of the last one."""
        return self._rest * np.float32(self._factor)

    def _step(self, samples: np.ndarray) -> np.ndarray:
        self._levels.append(10 * np.log10(np.mean(samples**2) + 1e-12))
        powers = [10 ** (level / 10) for level in list(self._levels)[-SMOOTH:]]
        level = 10 * np.log10(np.mean(powers))
        loud = max(np.percentile(self._levels, speech.LOUD), level)
        quiet = level < loud - speech.DEPTH_DB or loud < speech.SILENCE_DB
        self._quiet = self._quiet + 1 if quiet else 0
        gain = min(speech.GOAL_DB - loud, speech.LARGEST_GAIN_DB)
        factor = 0.0 if self._quiet >= speech.SHORTEST_PAUSE else 10 ** (gain / 20)
        ramp = np.linspace(self._factor, factor, len(samples) + 1)[1:]
        self._factor = factor
        return samples * ramp.astype(np.float32)


class LiveWindows:
    """The 0.2 s of log-mel that begin 40 ms before each frame, as they become final.

    heard  samples so far
    """

    def __init__(self):
        self._speech = LiveSpeech()
        self._wave = np.zeros(0, np.float32)  # prepared, from column _first on
        self._first = 0
        self._frame = 0  # the next one
        self.heard = 0

    def feed(self, wave: np.ndarray) -> list[np.ndarray]:
        """wave f32 [n] at 16 kHz -> the windows f32 [16 k] of the next frames."""
        self.heard += len(wave)
        self._take(self._speech.feed(wave))
        windows = []
        while self._first * audio.HOP + len(self._wave) >= samples_for(self._frame):
            windows.append(self._window(np.inf))
        return windows

    def finish(self) -> list[np.ndarray]:
        """The windows of all frames that are left, after the last sound."""
        self._take(self._speech.finish())
        last = self.heard // audio.HOP
        left = range(self._frame, frames_in(self.heard))
        return [self._window(last) for _ in left]

    def _take(self, prepared: np.ndarray) -> None:
        self._wave = np.concatenate([self._wave, prepared])

    def _window(self, last: float) -> np.ndarray:
        """That of the next frame; columns behind the last one are like it."""
        wanted = np.clip(columns_of(self._frame), 0, last).astype(int)
        drop = max(wanted[0] - BEFORE - self._first, 0)
        self._wave, self._first = self._wave[drop * audio.HOP :], self._first + drop
        self._frame += 1
        here = wanted - self._first
        mel = audio.log_mel_between(self._wave, here[0], here[-1] + 1)
        return mel[here - here[0]]


def columns_of(frame: int) -> np.ndarray:
    """The numbers of the columns that a frame hears, [16]; some may be negative."""
    start = audio.frame_starts(1, FPS)[0] + frame / FPS
    return audio.columns_at(start) + np.arange(audio.WINDOW)


def samples_for(frame: int) -> int:
    """How much sound there must be, at least, before the window of a frame is final."""
    middle = int(columns_of(frame)[-1]) * audio.HOP
    return middle + 2 * audio.HOP  # a column looks so far around its middle


def frames_in(samples: int) -> int:
    """How many frames go with so much sound."""
    return max(1, round(samples / audio.RATE * FPS))


def prepare(wave: np.ndarray) -> np.ndarray:
    """A whole recording, prepared as if it had been heard live.  f32 [n] -> f32 [n]."""
    live = LiveSpeech()
    return np.concatenate([live.feed(wave), live.finish()])
