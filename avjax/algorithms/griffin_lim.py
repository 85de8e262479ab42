"""Griffin-Lim vocoder: waveforms from mel spectrograms, without learned weights.

Sources  Griffin and Lim, "Signal Estimation from Modified Short-Time Fourier
         Transform", 1984; Perraudin, Balazs, Søndergaard, "A Fast Griffin-Lim
         Algorithm", 2013 (the momentum); Lee and Seung, "Algorithms for Non-negative
         Matrix Factorization", 2001 (the update that fits magnitudes to a mel)

A window of 640 samples is 4 hops of 160. Frames are therefore 4 shifted views of the
hops of a waveform, and their overlap-add is a sum of 4 shifted views, without gathers.
"""

import dataclasses
from collections.abc import Callable
from typing import Protocol

import chex
import jax
import jax.numpy as jnp
import numpy as np
from einops import einsum, rearrange
from jax.core import Tracer

from avjax.audio.mel import hann
from avjax.audio.speech_mel import (
    PRE_EMPHASIS,
    SPEECH_MEL_HOP,
    VOCODER_DB_PER_UNIT,
    VOCODER_FFT,
    vocoder_filters,
)
from avjax.compilation import cached_jit
from avjax.constants import NUM_MELS
from avjax.typing import Array

_HOPS_PER_WINDOW = VOCODER_FFT // SPEECH_MEL_HOP
_HOPS_BEFORE = 2  # hops of the first window that lie before the waveform
_HOPS_AFTER = 1  # hops of the last window that lie after the waveform
_EPSILON = 1e-12
SILENCE, MAX_LEVEL = -1.0, 2.0  # range of a vocoder_mel; real audio is never louder


class Vocoder(Protocol):
    """A function from mel spectrograms to waveforms."""

    def __call__(self, mel: Array) -> Array:
        """Compute waveforms.

        Args:
            mel: Mel spectrogram as `avjax.audio.speech_mel.vocoder_mel` defines it,
                [b f k]. Values outside of SILENCE and MAX_LEVEL must be accepted.

        Returns:
            Waveforms at 16 kHz, f32 [b n] with n = 160 f.
        """
        ...


@dataclasses.dataclass(frozen=True)
class GriffinLim:
    """The Griffin-Lim vocoder with momentum.

    One program is compiled for each shape of mel. The same mel gives the same waveform,
    also within another batch, except for rounding.

    Attributes:
        iterations: Iterations of the phases.
        momentum: Extrapolation of each iteration; 0 is the original algorithm.
        magnitude_iterations: Iterations that fit the magnitudes to the mel.
        pre_emphasis: Pre-emphasis of the mel, which is undone at the end.
    """

    iterations: int = 60
    momentum: float = 0.99
    magnitude_iterations: int = 30
    pre_emphasis: float = PRE_EMPHASIS

    def __call__(self, mel: Array) -> Array:
        """Compute waveforms f32 [b n = 160 f] from a vocoder_mel [b f k]."""
        is_traced = isinstance(mel, Tracer)  # a part of another program
        return self.invert(mel) if is_traced else jit_griffin_lim(self)(mel)

    @jax.default_matmul_precision("float32")  # the default of a GPU would be audible
    def invert(self, mel: Array) -> Array:
        """Compute waveforms as `__call__` does, without compiling."""
        chex.assert_shape(mel, (None, None, NUM_MELS))
        magnitude = mel_to_magnitude(
            jnp.clip(mel, SILENCE, MAX_LEVEL), self.magnitude_iterations
        )
        emphasized = estimate_phase(magnitude, self.iterations, self.momentum)
        return de_emphasize(emphasized, self.pre_emphasis)


@cached_jit
def jit_griffin_lim(vocoder: GriffinLim) -> Callable[[Array], Array]:
    """Compile the computation of waveforms [b n] from mels [b f k]."""
    return vocoder.invert


def mel_to_magnitude(mel: Array, iterations: int) -> Array:
    """Find a magnitude spectrogram with a given mel spectrogram.

    The solution is not unique. Each iteration multiplies a bin by the ratio of the
    wanted to the current level of its bands, so that quiet bands converge as well as
    loud ones. The lowest level, -1, is silence.

    Args:
        mel: Spectrogram as `vocoder_mel` defines it, [b f k].
        iterations: Number of iterations.

    Returns:
        Magnitudes, not negative, [b f bin].
    """
    filters = jnp.asarray(vocoder_filters(), jnp.float32)
    bands = jnp.where(mel > -1, 10 ** ((mel - 1) * (VOCODER_DB_PER_UNIT / 20)), 0)
    total = jnp.sum(filters, axis=0)
    share = jnp.where(total > 0, filters / jnp.maximum(total, _EPSILON)[None], 0)

    def update(_: int, magnitude: Array) -> Array:
        current = einsum(magnitude, filters, "b f bin, k bin -> b f k")
        ratio = bands / jnp.maximum(current, _EPSILON)
        return magnitude * einsum(ratio, share, "b f k, k bin -> b f bin")

    initial = einsum(bands, share, "b f k, k bin -> b f bin")
    return jax.lax.fori_loop(0, iterations, update, initial)


def estimate_phase(magnitude: Array, iterations: int, momentum: float) -> Array:
    """Find a waveform whose spectrogram has given magnitudes.

    Args:
        magnitude: Magnitudes, [b f bin].
        iterations: Number of iterations.
        momentum: Extrapolation of each iteration.

    Returns:
        Waveforms, [b n].
    """
    turns = jax.random.uniform(jax.random.key(0), magnitude.shape[1:], jnp.float32)
    initial = magnitude * jnp.exp(2j * jnp.pi * turns)[None]

    def update(_: int, state: tuple[Array, Array]) -> tuple[Array, Array]:
        spectrogram, previous = state
        consistent = stft(istft(spectrogram))
        extrapolated = consistent + momentum * (consistent - previous)
        phase = extrapolated / jnp.maximum(jnp.abs(extrapolated), _EPSILON)
        return magnitude * phase, consistent

    state = initial, jnp.zeros_like(initial)
    spectrogram, _ = jax.lax.fori_loop(0, iterations, update, state)
    return istft(spectrogram)


def stft(wave: Array) -> Array:
    """Compute the short-time Fourier transform; beyond its ends a waveform is silent.

    Args:
        wave: Waveforms, [b n = 160 f].

    Returns:
        Complex spectrogram, [b f bin].
    """
    windowed = frame(wave) * jnp.asarray(_window())[None, None]
    return jnp.fft.rfft(windowed, axis=-1)


def istft(spectrogram: Array) -> Array:
    """Compute the waveform whose spectrogram is closest to the given one.

    Args:
        spectrogram: Complex spectrogram, [b f bin].

    Returns:
        Waveforms, [b n = 160 f].
    """
    window = jnp.asarray(_window())[None, None]
    windowed = jnp.fft.irfft(spectrogram, VOCODER_FFT, axis=-1) * window
    ones = jnp.ones((1, *windowed.shape[1:]))
    return overlap_add(windowed) / overlap_add(jnp.square(window) * ones)


def frame(wave: Array) -> Array:
    """Cut the 640 samples around each mel frame.

    Args:
        wave: Waveforms, [b n = 160 f].

    Returns:
        Frames, [b f 640].
    """
    hops = rearrange(wave, "b (f hop) -> b f hop", hop=SPEECH_MEL_HOP)
    hops = jnp.pad(hops, ((0, 0), (_HOPS_BEFORE, _HOPS_AFTER), (0, 0)))
    num_frames = wave.shape[1] // SPEECH_MEL_HOP
    shifted = [hops[:, i : i + num_frames] for i in range(_HOPS_PER_WINDOW)]
    return jnp.concatenate(shifted, axis=-1)


def overlap_add(frames: Array) -> Array:
    """Add overlapping frames: the transpose of `frame`.

    Args:
        frames: Frames, [b f 640].

    Returns:
        Waveforms, [b n = 160 f].
    """
    parts = rearrange(frames, "b f (part hop) -> part b f hop", part=_HOPS_PER_WINDOW)
    hops = sum(
        (
            jnp.pad(part, ((0, 0), (i, _HOPS_PER_WINDOW - 1 - i), (0, 0)))
            for i, part in enumerate(parts)
        ),
        start=jnp.zeros(()),
    )
    inside = hops[:, _HOPS_BEFORE : hops.shape[1] - _HOPS_AFTER]
    return rearrange(inside, "b f hop -> b (f hop)")


def de_emphasize(wave: Array, pre_emphasis: float) -> Array:
    """Undo a pre-emphasis: add to each sample a part of the previous result.

    Samples of a hop are computed by one triangular matrix; a scan passes the last
    sample from hop to hop.

    Args:
        wave: Waveforms, [b n = 160 f].
        pre_emphasis: Coefficient of the pre-emphasis filter.

    Returns:
        Waveforms, [b n].
    """
    hops = rearrange(wave, "b (f hop) -> b f hop", hop=SPEECH_MEL_HOP)
    delay = np.subtract.outer(np.arange(SPEECH_MEL_HOP), np.arange(SPEECH_MEL_HOP))
    kernel = np.where(delay >= 0, pre_emphasis ** np.abs(delay), 0)
    within_hop = einsum(hops, jnp.asarray(kernel, jnp.float32), "b f i, o i -> b f o")
    decay = jnp.asarray(pre_emphasis ** np.arange(1, SPEECH_MEL_HOP + 1), jnp.float32)

    def next_hop(carried: Array, last: Array) -> tuple[Array, Array]:
        return last + decay[-1] * carried, carried

    last = rearrange(within_hop[..., -1], "b f -> f b")
    _, carried = jax.lax.scan(
        next_hop, jnp.zeros_like(wave, shape=wave.shape[:1]), last
    )
    result = within_hop + einsum(carried, decay, "f b, hop -> b f hop")
    return rearrange(result, "b f hop -> b (f hop)")


def _window() -> np.ndarray:
    """Return the Hann window, f32 [640]."""
    return hann(VOCODER_FFT).astype(np.float32)
