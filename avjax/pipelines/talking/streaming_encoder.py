"""Latents of audio that is still being recorded."""

import collections
import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from avjax.audio.streaming import StreamingMelWindows, samples_needed
from avjax.constants import FPS, SAMPLE_RATE
from avjax.pipelines.talking.audio_talkers import ContextTalker
from avjax.pipelines.talking.talker_functions import (
    interpolate_latents,
    jit_contextualize,
    jit_encode_window,
    latent_positions,
)


class StreamingEncoder:
    """Turn audio chunks into one latent per video frame, as soon as it is final.

    Args:
        talker: Makes latents of audio.
        fps: Frames per second of the output.

    Attributes:
        delay: Largest time in seconds from the moment of a frame until its latent is
            final.
    """

    def __init__(self, talker: ContextTalker, fps: Fraction):
        self._talker, self._fps = talker, fps
        self._encode_window = jit_encode_window(talker.config)
        self._contextualize = jit_contextualize(talker.config)
        self._windows = StreamingMelWindows()
        width = 1 + 2 * talker.context_frames
        self._features: collections.deque[np.ndarray | None] = collections.deque(
            maxlen=width
        )
        self._num_features = 0
        self._latents: collections.deque[np.ndarray] = collections.deque(maxlen=2)
        self._num_latents = 0
        self._next_frame = 0
        self._num_frames = math.inf  # known once the audio has ended
        self.delay = max_delay(talker.lookahead_frames) + (fps != FPS) / FPS

    def feed(self, wave: np.ndarray) -> Iterator[np.ndarray]:
        """Add audio.

        Args:
            wave: The next samples, f32 [n] at 16 kHz, of any length.

        Yields:
            The latent f32 [t=1 d] of each frame that became final.
        """
        for mel in self._windows.feed(wave):
            yield from self._add_window(mel)

    def finish(self) -> Iterator[np.ndarray]:
        """End the audio.

        Yields:
            The latent f32 [t=1 d] of each remaining frame.
        """
        seconds = self._windows.num_samples / SAMPLE_RATE
        self._num_frames = max(1, round(seconds * self._fps))
        for mel in self._windows.finish():
            yield from self._add_window(mel)
        for _ in range(self._talker.lookahead_frames):
            yield from self._add_window(None)
        while self._next_frame < self._num_frames:
            yield self._interpolate(np.array([self._num_latents - 1.0]))

    def _add_window(self, mel: np.ndarray | None) -> Iterator[np.ndarray]:
        """Add the mel window of one moment; None stands for one after the end."""
        variables = self._talker.variables
        features = None if mel is None else self._encode_window(variables, mel)
        self._features.append(None if features is None else np.asarray(features))
        self._num_features += 1
        if self._num_features > self._talker.lookahead_frames:
            self._latents.append(self._newest_latent())
            self._num_latents += 1
        while self._latents and self._next_frame < self._num_frames:
            position = latent_positions(np.array([self._next_frame]), self._fps)
            if np.ceil(position[0]) >= self._num_latents:
                break
            yield self._interpolate(position)

    def _newest_latent(self) -> np.ndarray:
        """Compute the latent of the moment `lookahead_frames` before the last one."""
        context, lookahead = self._talker.context_frames, self._talker.lookahead_frames
        num_ignored = context - lookahead
        window: list[np.ndarray | None] = [None] * (1 + 2 * context)
        window += [*self._features, *[None] * num_ignored]
        window = window[-1 - 2 * context :]
        filler = next(x for x in self._features if x is not None)
        frame_mask = np.array([x is not None for x in window], np.float32)
        features = np.stack([filler if x is None else x for x in window])
        latent = self._contextualize(
            self._talker.variables, features, frame_mask, lookahead
        )
        return np.asarray(latent)

    def _interpolate(self, position: np.ndarray) -> np.ndarray:
        """Interpolate the latent of the next frame between the last two latents."""
        self._next_frame += 1
        latents = np.stack(self._latents)
        return interpolate_latents(
            latents, position - (self._num_latents - len(latents))
        )


def max_delay(lookahead: int) -> float:
    """Compute the longest time from a moment until its latent is final.

    Windows begin at mel frames, 80 per second, so the time differs between five
    consecutive video frames.

    Args:
        lookahead: Video frames of audio that the model waits for.

    Returns:
        Seconds.
    """
    return max(
        samples_needed(t + lookahead) / SAMPLE_RATE - t / FPS for t in range(FPS // 5)
    )
