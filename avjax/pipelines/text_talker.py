"""Weights that can say what is written: TAEM, with the talker that it speaks through.

Text is what text.phonemes calls Spans: sounds, and the seconds at which one gives way
to the next.  A long one is read piece by piece, each with all around it that has a say,
so that pieces meet without a seam and one compiled program serves any length.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np

from avjax import weights
from avjax.audio.streaming import FPS
from avjax.errors import InputError
from avjax.models.cals import CalsConfig
from avjax.models.taem import Taem, TaemConfig
from avjax.models.talker import start_talker
from avjax.nn.duration import NEAR
from avjax.pipelines.audio_talkers import ContextTalker, Talker, at_rate, compiled
from avjax.text.phonemes import BLANK, SOUNDS, Spans
from avjax.typing import Array, Key, Params

SYSTEM = "taem"
OURS = "text_to_audio"  # the part that is not the talker's
MOMENTS = 16  # told at once, 25 a second
ROOM = 192  # sounds that are read at once


@dataclasses.dataclass(frozen=True)
class Prompter:
    """TAEM, ready to tell a talker what it is to hear.  variables are by part.

    Latents of a moment depend on the sounds within config.window moments of it, and on
    config.reach more of them to either side.  Of sounds that last less than 10 ms each,
    not all may find room.
    """

    config: TaemConfig
    variables: Mapping[str, Mapping[str, Params]]

    @property
    def talker(self) -> Talker | ContextTalker:
        """The one that stayed as it was: it can still be told by sound."""
        config = self.config.talker
        parts = {part: own for part, own in self.variables.items() if part != OURS}
        if isinstance(config, CalsConfig):
            return ContextTalker(config, parts)
        return Talker(config, parts["face"])

    def times(self, sounds: np.ndarray, portrait: np.ndarray) -> Spans:
        """How long each sound lasts when this person says it, a step at least.

        sounds i32 [l] of text.phonemes, portrait u8 [h w 3]
        """
        around = self.config.reach + NEAR
        own, seconds = ROOM - 2 * around, []
        for first in range(0, len(sounds), own):
            begin = max(first - around, 0)
            said = filled(sounds[begin : first + own + around])
            given = said[None], portrait[None]
            edges = timing(self.config)(self.variables[OURS], *given)
            seconds.append(np.diff(edges[0])[first - begin :][:own])
        lengths = np.concatenate(seconds)[: len(sounds)]
        lengths = np.maximum(lengths.astype(np.float64), 1 / self.config.rate)
        edges = np.concatenate([[0.0], np.cumsum(lengths)])
        return Spans(sounds, edges.astype(np.float32))

    def tell(
        self, spans: Spans, portrait: np.ndarray, frames: int, fps: Fraction
    ) -> Iterator[np.ndarray]:
        """Latents f32 [t d] of talkers.CHUNK frames after the other.

        portrait u8 [h w 3], the face crop by which the speaker is known
        """
        last = max(0, int(np.ceil(spans.edges[-1] * FPS - 0.5)) - 1)
        units = functools.partial(self.latents, spans, portrait)
        return at_rate(units, frames, fps, last)

    def latents(
        self, spans: Spans, portrait: np.ndarray, begin: int, end: int
    ) -> np.ndarray:
        """Those of moments begin to end (excluded), 25 a second, f32 [t d]."""
        window, parts = self.config.window, []
        for first in range(begin, end, MOMENTS):
            said, edges = near(spans, first - window, stretch(self.config), self.config)
            given = said[None], edges[None], portrait[None]
            told = telling(self.config)(self.variables[OURS], *given)
            parts.append(np.asarray(told[0, window : window + MOMENTS]))
        return np.concatenate(parts)[: end - begin]


def stretch(config: TaemConfig) -> int:
    """Moments that go through the network together: some, and all that tell of them."""
    return MOMENTS + 2 * config.window


def near(
    spans: Spans, first: int, moments: int, config: TaemConfig
) -> tuple[np.ndarray, np.ndarray]:
    """The sounds of so many moments, and those that tell of them, ROOM at most.

    -> sounds i32 [ROOM], edges f32 [ROOM + 1] in seconds from the first moment on.
    """
    times = spans.edges.astype(np.float64) - first / FPS
    begin = np.searchsorted(times[1:-1], 0, "right") - config.reach
    end = np.searchsorted(times[1:-1], moments / FPS, "right") + 1 + config.reach
    begin, end = max(begin, 0), min(end, len(spans.sounds))
    over = max(end - begin - ROOM, 0)
    begin, end = begin + over // 2, end - (over - over // 2)
    edges = np.full(ROOM + 1, times[end], np.float32)
    edges[: end - begin + 1] = times[begin : end + 1]
    return filled(spans.sounds[begin:end]), edges


def filled(sounds: np.ndarray) -> np.ndarray:
    """Sounds [l], followed by none until there are ROOM of them."""
    return np.pad(sounds, (0, ROOM - len(sounds)), constant_values=BLANK)


@functools.cache
def timing(config: TaemConfig) -> Callable[..., Array]:
    """(variables, sounds [b l], portrait) -> edges [b l + 1], as Taem.times."""
    network = Taem(config)

    def time(variables, sounds, portrait):
        return network.apply(variables, sounds, portrait, method="times")

    return compiled(time)


@functools.cache
def telling(config: TaemConfig) -> Callable[..., Array]:
    """(variables, sounds [b l], edges, portrait) -> latents [b t d] of a stretch."""
    network, moments = Taem(config), stretch(config)

    def tell(variables, sounds, edges, portrait):
        given = sounds, edges, portrait, moments
        return network.apply(variables, *given, method="hear")

    return compiled(tell)


def open_prompter(name: str) -> Prompter:
    """Weights by a bundled name, with or without `taem`, or by folder."""
    prompter = Prompter(*weights.open_parts(name, SYSTEM, TaemConfig, blank))
    if prompter.config.sounds != len(SOUNDS):
        raise InputError(f"the weights {name} tell other sounds than these apart")
    return prompter


def blank(config: TaemConfig) -> dict[str, Params]:
    """Variables of a TAEM that has learnt nothing, by its parts."""
    key = jax.random.key(0)
    ours = start_text(Taem(config), key)
    return {OURS: ours, **start_talker(config.talker, key)}


def start_text(text: Taem, key: Key) -> Mapping:
    """Variables of the part that is not the talker's, drawn by a key."""
    config = text.config
    said, edges = jnp.ones((1, 1), jnp.int32), jnp.array([[0.0, 0.04]])
    portrait = jnp.zeros((1, config.size, config.size, 3), jnp.uint8)
    heard = jnp.zeros((1, 1, config.talker.latent))
    given = said, edges, portrait, heard, jnp.zeros((1, 1))
    keys = {"params": key, "dropout": key}
    return text.init(keys, *given, method="rehearse")
