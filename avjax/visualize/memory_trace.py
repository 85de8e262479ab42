"""What a memory does while a clip plays: where lips and sound point, and what fires.

Sources  Kim et al., ICCV 2021, whose abstract claims that both memories correspond
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple, Self

import jax
import numpy as np

from avjax.audio.mel import RATE
from avjax.audio.speech_mel import COLUMNS_PER_FRAME, heard_mel
from avjax.compilation import cpu_options
from avjax.errors import InputError
from avjax.media import audio_io as audio
from avjax.media.mouth_video import FPS, Lips
from avjax.models.bridging import Bridging, BridgingConfig, from_grey
from avjax.pipelines.lipread import PREFIX, blank
from avjax.typing import Array, Params
from avjax.weights import open_part


class Bridge(NamedTuple):
    """A memory during some frames of a clip, 25 a second.

    by_lips, by_sound  f32 [t m]  where each of the two points
    recalled, heard    f32 [t d]  the sound that the lips recall, and the real one
    seen               bool [t]   where a face was found; without, lips point nowhere
                                  and recall nothing: all is 0
    first              the number of the first frame
    """

    by_lips: np.ndarray
    by_sound: np.ndarray
    recalled: np.ndarray
    heard: np.ndarray
    seen: np.ndarray
    first: int = 0

    @property
    def start(self) -> float:
        """In seconds."""
        return self.first / FPS

    @property
    def end(self) -> float:
        return (self.first + len(self.seen)) / FPS

    def between(self, start: float, end: float) -> Self:
        """Only these seconds, such as those of one word."""
        begun = max(0, round(start * FPS) - self.first)
        over = max(begun + 1, round(end * FPS) - self.first)
        if begun >= len(self.seen):
            raise InputError(f"from {start:g} to {end:g} s there is no frame")
        parts = (array[begun:over] for array in self[:-1])
        return type(self)(*parts, self.first + begun)


def observe(lips: Lips, config: BridgingConfig, variables: Params) -> Bridge:
    """Watches and hears a clip, a window at a time; InputError where it is silent."""
    lips = dataclasses.replace(lips, wide=config.published)
    wave = audio.read_sound(lips.path, RATE)
    length = len(lips) * RATE // FPS
    mel = heard_mel(np.pad(wave[:length], (0, max(0, length - len(wave)))))
    parts = []
    for window in lips.windows(config.size):
        columns = COLUMNS_PER_FRAME * len(window.pictures)
        at = COLUMNS_PER_FRAME * window.first + np.arange(columns)
        there = mel[np.minimum(at, len(mel) - 1)]
        found = program(config)(variables, window.pictures[None], there[None])
        parts.append([np.asarray(array)[0, window.kept] for array in found])
    bridge = Bridge(*map(np.concatenate, zip(*parts, strict=True)), lips.seen)
    bridge.by_lips[~lips.seen] = bridge.recalled[~lips.seen] = 0
    return bridge


@functools.cache
def program(config: BridgingConfig) -> Callable[..., tuple[Array, ...]]:
    """The compiled function of one window -> the first four of a Bridge, [b t ...]."""
    network = Bridging(config)

    def both(bound: Bridging, pictures: Array, mel: Array):
        heard = bound.hear(mel)
        recalled, by_lips = bound.recall(bound.watch(pictures))
        _, by_sound, _ = bound.memory.store(heard)
        return by_lips, by_sound, recalled, heard

    def look(variables, pictures: Array, mel: Array):
        return network.apply(variables, from_grey(pictures), mel, method=both)

    return jax.jit(look, compiler_options=cpu_options())


def load(name: str) -> tuple[BridgingConfig, Params]:
    """Weights with a memory, of any task, by a bundled name or by folder."""
    config, variables = open_part(name, PREFIX, BridgingConfig, blank)
    if not config.slots:
        raise InputError(f"the weights {name} have no memory")
    return config, variables


def use(address: np.ndarray) -> np.ndarray:
    """The share of each slot in all that was pointed at.  [t m] -> [m]"""
    return np.sum(address, axis=0) / max(np.sum(address), 1e-30)


def entropy(shares: np.ndarray) -> np.ndarray:
    """In bits.  [... m] -> [...]: of use(), 2 to its power tells how many are in use;
    of an address, how many each frame points at.
    """
    return -np.sum(shares * np.log2(np.maximum(shares, 1e-30)), axis=-1)


def most_used(address: np.ndarray, slots: int) -> np.ndarray:
    """The slots that are pointed at most, the first one most.  [t m] -> int [slots]"""
    return np.argsort(-use(address), kind="stable")[:slots]


def strongest(address: np.ndarray, slot: int, frames: int) -> np.ndarray:
    """The frames that fire a slot most, the first one most.  [t m] -> int [frames]

    A frame beside one that fires it more comes after all that are not: it shows the
    same moment again.
    """
    fired = address[:, slot]
    around = np.pad(fired, 1, constant_values=-np.inf)
    peak = (fired >= around[:-2]) & (fired > around[2:])
    return np.lexsort((-fired, ~peak))[:frames]


def by_time(address: np.ndarray) -> np.ndarray:
    """The slots in the order in which they are fired.  [t m] -> int [m]"""
    when = np.arange(len(address)) @ address / np.maximum(np.sum(address, 0), 1e-30)
    return np.argsort(when, kind="stable")
