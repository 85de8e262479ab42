"""Level normalisation and mel windows of live audio, chunk by chunk.

This is the causal version of `avjax.audio.loudness` and `avjax.audio.mel`: the speech
level is that of the last seconds, and a pause starts only when it has lasted long
enough. The output depends on the samples alone, not on how they are cut into chunks.
"""

import collections

import numpy as np

from avjax.audio import loudness
from avjax.audio.mel import log_mel_range, mel_frames_at, mel_window_starts
from avjax.constants import FPS, HOP_LENGTH, MEL_WINDOW, SAMPLE_RATE

LEVEL_WINDOW_STEPS = int(loudness.LEVEL_WINDOW_SECONDS * loudness.LEVELS_PER_SECOND)
SMOOTHING_STEPS = 5  # power is averaged over 50 ms
CONTEXT_MELS = 4  # mel frames kept before a window; its first frame needs their samples


class StreamingNormalizer:
    """Causal level normalisation: scales speech and silences pauses step by step."""

    def __init__(self):
        self._levels = collections.deque(maxlen=LEVEL_WINDOW_STEPS)
        self._quiet_steps = loudness.MIN_PAUSE_STEPS  # a stream starts with a pause
        self._factor = 0.0
        self._rest = np.zeros(0, np.float32)

    def feed(self, wave: np.ndarray) -> np.ndarray:
        """Normalise the next samples.

        Args:
            wave: Waveform at 16 kHz, f32 [n].

        Returns:
            Normalised samples, f32; a remainder shorter than 10 ms is held back.
        """
        wave = np.concatenate([self._rest, wave.astype(np.float32)])
        complete = len(wave) // loudness.LEVEL_HOP * loudness.LEVEL_HOP
        self._rest = wave[complete:]
        steps = wave[:complete].reshape(-1, loudness.LEVEL_HOP)
        return np.concatenate([self._rest[:0], *map(self._step, steps)])

    def finish(self) -> np.ndarray:
        """Normalise the remainder with the gain of the last step.

        Returns:
            Normalised samples, f32, shorter than 10 ms.
        """
        return self._rest * np.float32(self._factor)

    def _step(self, samples: np.ndarray) -> np.ndarray:
        """Normalise 10 ms, with a linear transition from the previous gain."""
        self._levels.append(10 * np.log10(np.mean(samples**2) + 1e-12))
        recent = list(self._levels)[-SMOOTHING_STEPS:]
        powers = [10 ** (level / 10) for level in recent]
        level = 10 * np.log10(np.mean(powers))
        percentile = np.percentile(self._levels, loudness.LEVEL_PERCENTILE)
        speech_level = max(percentile, level)
        quiet = (
            level < speech_level - loudness.PAUSE_DEPTH_DB
            or speech_level < loudness.SILENCE_DB
        )
        self._quiet_steps = self._quiet_steps + 1 if quiet else 0
        gain = min(loudness.TARGET_LEVEL_DB - speech_level, loudness.MAX_GAIN_DB)
        pause = self._quiet_steps >= loudness.MIN_PAUSE_STEPS
        factor = 0.0 if pause else 10 ** (gain / 20)
        ramp = np.linspace(self._factor, factor, len(samples) + 1)[1:]
        self._factor = factor
        return samples * ramp.astype(np.float32)


class StreamingMelWindows:
    """Log-mel windows of live audio: one 0.2 s window per video frame.

    Each window begins 40 ms before its video frame and is returned as soon as no later
    sample can change it.

    Attributes:
        num_samples: Samples received so far.
    """

    def __init__(self):
        self._normalizer = StreamingNormalizer()
        self._wave = np.zeros(0, np.float32)  # normalised, from mel frame _first on
        self._first = 0
        self._next_frame = 0
        self.num_samples = 0

    def feed(self, wave: np.ndarray) -> list[np.ndarray]:
        """Process the next samples.

        Args:
            wave: Waveform at 16 kHz, f32 [n].

        Returns:
            Windows that became complete, in the order of their frames, f32 [16 k] each.
        """
        self.num_samples += len(wave)
        self._append(self._normalizer.feed(wave))
        windows = []
        while self._available() >= samples_needed(self._next_frame):
            windows.append(self._pop_window(np.inf))
        return windows

    def finish(self) -> list[np.ndarray]:
        """End the stream.

        Returns:
            Windows of all remaining frames, f32 [16 k] each.
        """
        self._append(self._normalizer.finish())
        last = self.num_samples // HOP_LENGTH
        remaining = range(self._next_frame, num_video_frames(self.num_samples))
        return [self._pop_window(last) for _ in remaining]

    def _append(self, normalized: np.ndarray) -> None:
        self._wave = np.concatenate([self._wave, normalized])

    def _available(self) -> int:
        """Count the normalised samples from the start of the stream."""
        return self._first * HOP_LENGTH + len(self._wave)

    def _pop_window(self, last: float) -> np.ndarray:
        """Compute the next window; mel frames after the last one repeat it."""
        mel_frames = np.clip(window_mel_frames(self._next_frame), 0, last).astype(int)
        drop = max(mel_frames[0] - CONTEXT_MELS - self._first, 0)
        self._wave = self._wave[drop * HOP_LENGTH :]
        self._first += drop
        self._next_frame += 1
        local = mel_frames - self._first
        mel = log_mel_range(self._wave, local[0], local[-1] + 1)
        return mel[local - local[0]]


def window_mel_frames(frame: int) -> np.ndarray:
    """List the mel frames in the window of a video frame.

    Args:
        frame: Number of the video frame.

    Returns:
        Mel frame numbers, i64 [16]; negative before the start of the stream.
    """
    start = mel_window_starts(1, FPS)[0] + frame / FPS
    return mel_frames_at(start) + np.arange(MEL_WINDOW)


def samples_needed(frame: int) -> int:
    """Compute how many samples must arrive before the window of a frame is final.

    Args:
        frame: Number of the video frame.

    Returns:
        Number of samples from the start of the stream.
    """
    centre = int(window_mel_frames(frame)[-1]) * HOP_LENGTH
    return centre + 2 * HOP_LENGTH  # the FFT window reaches this far past its centre


def num_video_frames(samples: int) -> int:
    """Compute the number of video frames that go with some audio.

    Args:
        samples: Number of samples at 16 kHz.

    Returns:
        Number of frames at 25 fps, at least 1.
    """
    return max(1, round(samples / SAMPLE_RATE * FPS))


def normalize_speech_causal(wave: np.ndarray) -> np.ndarray:
    """Normalise a whole recording as if it arrived live.

    Args:
        wave: Waveform at 16 kHz, f32 [n].

    Returns:
        Normalised waveform, f32 [n].
    """
    normalizer = StreamingNormalizer()
    return np.concatenate([normalizer.feed(wave), normalizer.finish()])
