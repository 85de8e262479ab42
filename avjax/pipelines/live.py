"""A face that says what is still being spoken: chunks of sound in, frames out.

    session = live("me.jpg", weights="runs/cals_puppet/weights", lookahead=5)
    for chunk in microphone:            # f32 [n] at 16 kHz, of any length
        for frame in session.hear(chunk): show(frame)
    for frame in session.finish(): show(frame)

A frame is given as soon as it is final: `delay` seconds after what it shows was said.
Frames are those of talk(..., lookahead=5), to the bit, however the sound is cut.
"""

import collections
import functools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction

import jax.numpy as jnp
import numpy as np

from avjax.audio.loudness import check_wave
from avjax.audio.mel import RATE
from avjax.audio.streaming import FPS, LiveWindows, samples_for
from avjax.errors import InputError
from avjax.media.face_source import Path, open_face
from avjax.models.cals import AudioToLip, CalsConfig
from avjax.pipelines.audio_talkers import (
    ContextTalker,
    between,
    compiled,
    open_talker,
    places_of,
)
from avjax.pipelines.compositor import Painter
from avjax.typing import Array


def live(
    face: Path | np.ndarray,
    *,
    weights: str,
    lookahead: int = 5,
    box: tuple[float, float, float, float] | None = None,
    face_index: int = 0,
    native: bool = False,
) -> "Live":
    """A session in which a face says what it hears; options as those of talk().

    lookahead  frames heard in advance, 25 a second: more of them are better lips and a
               longer delay

    Raises InputError, one clear sentence, for what cannot be used.
    """
    talker = open_talker(weights, "cals", lookahead)
    return Live(Painter(open_face(face, box, face_index), talker, native), talker)


class Live:
    """One face, one voice.

    fps    frames a second, those of the face's clip, or 25
    delay  seconds of sound, at most, from the moment that a frame shows until it is
           final; it is given with the chunk in which it is, 10 ms later at most
    """

    def __init__(self, painter: Painter, talker: ContextTalker):
        self._painter = painter
        self._hearing = Hearing(talker, painter.fps)
        self._over = False
        self.fps = painter.fps
        self.delay = self._hearing.delay

    def hear(self, wave: np.ndarray) -> list[np.ndarray]:
        """wave f32 [n] at 16 kHz, the next of it -> the frames that are now final.

        InputError for what is no wave, and once the session is finished.
        """
        if self._over:
            raise InputError("the session is finished: begin another one")
        wave = np.asarray(wave)
        check_wave(wave)
        return self._paint(self._hearing.feed(wave))

    def finish(self) -> list[np.ndarray]:
        """The rest of the frames, which are given once: nothing more will be said."""
        if self._over:
            return []
        self._over = True
        return self._paint(self._hearing.finish())

    def _paint(self, told: Iterator[np.ndarray]) -> list[np.ndarray]:
        return [one.frame for each in told for one in self._painter.paint(each)]


class Hearing:
    """Sound in, and out what each frame is to be told, as soon as that is final."""

    def __init__(self, talker: ContextTalker, fps: Fraction):
        self._talker, self._fps = talker, fps
        self._windows = LiveWindows()
        width = 1 + 2 * talker.config.window
        self._phones = collections.deque(maxlen=width)
        self._heard = 0  # phones so far
        self._units = collections.deque(maxlen=2)
        self._made = 0  # units so far
        self._frame = 0  # the next one
        self._frames = math.inf  # how many there will be, once that is known
        self.delay = delay(talker.ahead) + (fps != FPS) / FPS

    def feed(self, wave: np.ndarray) -> Iterator[np.ndarray]:
        """wave f32 [n] -> f32 [1 d] for each of the next frames."""
        for mel in self._windows.feed(wave):
            yield from self._hear(mel)

    def finish(self) -> Iterator[np.ndarray]:
        """The same for the frames that are left."""
        self._frames = max(1, round(self._windows.heard / RATE * self._fps))
        for mel in self._windows.finish():
            yield from self._hear(mel)
        for _ in range(self._talker.ahead):
            yield from self._hear(None)
        while self._frame < self._frames:
            yield self._tell(np.array([self._made - 1.0]))

    def _hear(self, mel: np.ndarray | None) -> Iterator[np.ndarray]:
        """One moment more; None is one that never comes."""
        config, hearing = self._talker.config, self._talker.variables["audio_to_lip"]
        phone = None if mel is None else np.asarray(phoning(config)(hearing, mel))
        self._phones.append(phone)
        self._heard += 1
        if self._heard > self._talker.ahead:
            self._units.append(self._unit())
            self._made += 1
        while self._units and self._frame < self._frames:
            place = places_of(np.array([self._frame]), self._fps)
            if np.ceil(place[0]) >= self._made:
                break
            yield self._tell(place)

    def _unit(self) -> np.ndarray:
        """That of the moment that lies `ahead` before the last one heard."""
        config, hearing = self._talker.config, self._talker.variables["audio_to_lip"]
        row, ahead = list(self._phones), self._talker.ahead
        after = config.window - ahead  # moments that are not waited for
        row = [None] * (1 + 2 * config.window) + row + [None] * after
        row = row[-1 - 2 * config.window :]
        some = next(phone for phone in self._phones if phone is not None)
        exists = np.array([phone is not None for phone in row], np.float32)
        phones = [some if phone is None else phone for phone in row]
        return np.asarray(unit_of(config)(hearing, np.stack(phones), exists, ahead))

    def _tell(self, place: np.ndarray) -> np.ndarray:
        """What the next frame is told, from the last two units."""
        self._frame += 1
        units = np.stack(self._units)
        return between(units, place - (self._made - len(units)))


def delay(ahead: int) -> float:
    """Seconds from a moment until its unit is final, for the one that waits longest.

    Windows begin with columns, 80 a second, so that waits differ: five frames in turn.
    """
    return max(samples_for(t + ahead) / RATE - t / FPS for t in range(FPS // 5))


@functools.cache
def phoning(config: CalsConfig) -> Callable[..., Array]:
    """(variables, mel [16 k]) -> a phone [d]."""
    network = AudioToLip(config)

    def phone(variables, mel):
        return network.apply(variables, mel[None, None], method="hear")[0, 0]

    return compiled(phone)


@functools.cache
def unit_of(config: CalsConfig) -> Callable[..., Array]:
    """(variables, phones [2 W + 1 d], exists [2 W + 1], ahead) -> the middle's unit."""
    network = AudioToLip(config)

    def tell(variables, phones, exists, ahead):
        given = phones[None], exists[None], jnp.asarray(ahead)[None]
        return network.apply(variables, *given, method="tell")[0, config.window]

    return compiled(tell)
