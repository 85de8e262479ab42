"""From a mel back to a wave: what anything that speaks ends with.

Sources  Griffin and Lim, "Signal Estimation from Modified Short-Time Fourier
         Transform", 1984; Perraudin, Balazs, Søndergaard, "A Fast Griffin-Lim
         Algorithm", 2013 (the momentum); Lee and Seung, "Algorithms for Non-negative
         Matrix Factorization", 2001 (the update that fits magnitudes to a mel)

A window of 640 samples is 4 hops of 160.  Frames are therefore 4 shifted views of the
hops of a wave, and their overlap-add is a sum of 4 shifted views: nothing is gathered.
"""

import dataclasses
import functools
from typing import Protocol

import chex
import jax
import jax.numpy as jnp
import numpy as np
from einops import einsum, rearrange

from avjax.audio.mel import MELS
from avjax.audio.speech_mel import (
    HOP,
    PRE_EMPHASIS,
    VOICE_DB_PER_UNIT,
    VOICE_FFT,
    hann,
    voice_filters,
)
from avjax.typing import Array

_HOPS = VOICE_FFT // HOP  # in a window
_BEFORE = 2  # hops of the first window that come before the wave
_AFTER = 1  # hops of the last window that come after it
_TINY = 1e-12
SILENCE, LOUDEST = -1.0, 2.0  # of a voice_mel; no real sound has more


class Vocoder(Protocol):
    """Anything that makes a wave of a mel."""

    def __call__(self, mel: Array) -> Array:
        """mel [b f k], as voice_mel gives it -> wave f32 [b n], n = 160 f, at 16 kHz.

        Below SILENCE and above LOUDEST there is no sound: it must bear that.
        """


@dataclasses.dataclass(frozen=True)
class GriffinLim:
    """The vocoder without weights: phases that agree with each other, by iteration.

    One compiled program for each shape of mel.  The same mel gives the same wave, and
    but for rounding also in another batch.

    iterations  of the phases
    momentum    how far each iteration goes beyond its goal; 0 is the plain algorithm
    fitting     iterations of the magnitudes behind the mel
    emphasis    of the pre-emphasis that the mel was made with, undone at the end
    """

    iterations: int = 60
    momentum: float = 0.99
    fitting: int = 30
    emphasis: float = PRE_EMPHASIS

    def __call__(self, mel: Array) -> Array:
        return _griffin_lim(self, mel)


@functools.partial(jax.jit, static_argnums=0)
@jax.default_matmul_precision("float32")  # three digits, as on a GPU, would be heard
def _griffin_lim(config: GriffinLim, mel: Array) -> Array:
    chex.assert_shape(mel, (None, None, MELS))
    magnitude = magnitude_of(jnp.clip(mel, SILENCE, LOUDEST), config.fitting)
    emphasised = with_phase(magnitude, config.iterations, config.momentum)
    return de_emphasise(emphasised, config.emphasis)


def magnitude_of(mel: Array, steps: int) -> Array:
    """A spectrum that has this mel.  voice_mel [b f k] -> magnitudes [b f bin] >= 0.

    Many have.  Each step multiplies a bin by how much too little its bands hold, so
    that quiet bands are met as well as loud ones.  The floor of a mel, -1, is silence.
    """
    filters = jnp.asarray(voice_filters(), jnp.float32)
    bands = jnp.where(mel > -1, 10 ** ((mel - 1) * (VOICE_DB_PER_UNIT / 20)), 0)
    weight = jnp.sum(filters, axis=0)
    share = jnp.where(weight > 0, filters / jnp.maximum(weight, _TINY)[None], 0)

    def improve(_, magnitude: Array) -> Array:
        there = einsum(magnitude, filters, "b f bin, k bin -> b f k")
        lacking = bands / jnp.maximum(there, _TINY)
        return magnitude * einsum(lacking, share, "b f k, k bin -> b f bin")

    start = einsum(bands, share, "b f k, k bin -> b f bin")
    return jax.lax.fori_loop(0, steps, improve, start)


def with_phase(magnitude: Array, iterations: int, momentum: float) -> Array:
    """A wave whose spectra are near to these magnitudes.  [b f bin] -> [b n]."""
    turns = jax.random.uniform(jax.random.key(0), magnitude.shape[1:], jnp.float32)
    start = magnitude * jnp.exp(2j * jnp.pi * turns)[None]

    def improve(_, state: tuple[Array, Array]) -> tuple[Array, Array]:
        spectra, last = state
        agreed = spectra_of(wave_of(spectra))
        beyond = agreed + momentum * (agreed - last)
        phase = beyond / jnp.maximum(jnp.abs(beyond), _TINY)
        return magnitude * phase, agreed

    state = start, jnp.zeros_like(start)
    spectra, _ = jax.lax.fori_loop(0, iterations, improve, state)
    return wave_of(spectra)


def spectra_of(wave: Array) -> Array:
    """wave [b n = 160 f] -> spectra [b f bin]; beyond its ends there is silence."""
    windowed = frames_of(wave) * jnp.asarray(_window())[None, None]
    return jnp.fft.rfft(windowed, axis=-1)


def wave_of(spectra: Array) -> Array:
    """The wave whose spectra are nearest to these.  [b f bin] -> [b n = 160 f]."""
    window = jnp.asarray(_window())[None, None]
    windowed = jnp.fft.irfft(spectra, VOICE_FFT, axis=-1) * window
    ones = jnp.ones((1, *windowed.shape[1:]))
    return overlap_add(windowed) / overlap_add(jnp.square(window) * ones)


def frames_of(wave: Array) -> Array:
    """The 640 samples around each column.  [b n = 160 f] -> [b f 640]."""
    hops = rearrange(wave, "b (f hop) -> b f hop", hop=HOP)
    hops = jnp.pad(hops, ((0, 0), (_BEFORE, _AFTER), (0, 0)))
    columns = wave.shape[1] // HOP
    shifted = [hops[:, first : first + columns] for first in range(_HOPS)]
    return jnp.concatenate(shifted, axis=-1)


def overlap_add(frames: Array) -> Array:
    """What frames add up to, of the wave that frames_of cuts.  [b f 640] -> [b n]."""
    parts = rearrange(frames, "b f (part hop) -> part b f hop", part=_HOPS)
    hops = sum(
        jnp.pad(part, ((0, 0), (first, _HOPS - 1 - first), (0, 0)))
        for first, part in enumerate(parts)
    )
    inside = hops[:, _BEFORE : hops.shape[1] - _AFTER]
    return rearrange(inside, "b f hop -> b (f hop)")


def de_emphasise(wave: Array, emphasis: float) -> Array:
    """Each sample plus `emphasis` of the one before it made so: [b n] -> [b n].

    Within a hop by one triangular matrix, from hop to hop by what the last left over.
    """
    hops = rearrange(wave, "b (f hop) -> b f hop", hop=HOP)
    distance = np.subtract.outer(np.arange(HOP), np.arange(HOP))
    kernel = np.where(distance >= 0, emphasis ** np.abs(distance), 0)
    alone = einsum(hops, jnp.asarray(kernel, jnp.float32), "b f i, o i -> b f o")
    fading = jnp.asarray(emphasis ** np.arange(1, HOP + 1), jnp.float32)

    def pass_on(left: Array, last: Array) -> tuple[Array, Array]:
        return last + fading[-1] * left, left

    lasts = rearrange(alone[..., -1], "b f -> f b")
    _, left = jax.lax.scan(pass_on, jnp.zeros_like(wave, shape=wave.shape[:1]), lasts)
    whole = alone + einsum(left, fading, "f b, hop -> b f hop")
    return rearrange(whole, "b f hop -> b (f hop)")


def _window() -> np.ndarray:
    return hann(VOICE_FFT).astype(np.float32)
