"""Read parts of a waveform in order, from blocks of any length."""

from collections.abc import Iterable, Iterator

import numpy as np

from avjax.audio.loudness import rms_levels_db
from avjax.constants import SAMPLE_RATE


class WaveReader:
    """Reads parts of a waveform, one after the other, and forgets what it has read."""

    def __init__(self, blocks: Iterable[np.ndarray]):
        """Prepare to read.

        Args:
            blocks: Consecutive parts of the waveform, each f32 [n].
        """
        self._blocks = iter(blocks)
        self._waiting = np.zeros(0, np.float32)
        self._start = 0  # number of the first waiting sample

    def read(self, start: int, stop: int) -> np.ndarray:
        """Read the samples from `start` to `stop`.

        Args:
            start: Number of the first sample; not below the `stop` of the last call.
            stop: Number of the first sample after the last one.

        Returns:
            The samples, f32 [n]; fewer at the end of the waveform.
        """
        parts, end = [self._waiting], self._start + len(self._waiting)
        while end < stop and (block := next(self._blocks, None)) is not None:
            end += len(block)
            if end <= start:
                continue
            parts.append(block)
        wave = np.concatenate(parts)
        offset = end - len(wave)
        self._waiting = wave[max(stop - offset, 0) :]
        self._start = end - len(self._waiting)
        return wave[max(start - offset, 0) : max(stop - offset, 0)]

    def read_levels(self) -> np.ndarray:
        """Read the whole waveform, a second at a time.

        Returns:
            Its levels, 100 per second, as `rms_levels_db` computes them, [steps].
        """
        return np.concatenate([rms_levels_db(second) for second in self._seconds()])

    def _seconds(self) -> Iterator[np.ndarray]:
        """Read one second after the other, and at least one part."""
        start = self._start
        while True:
            second = self.read(start, start + SAMPLE_RATE)
            if len(second) or start == 0:
                yield second
            if len(second) < SAMPLE_RATE:
                return
            start += SAMPLE_RATE
