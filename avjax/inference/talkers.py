"""Weights that can talk: what they make of a sound, and of it and a face, a picture.

A talker gives
    config      with size, the sides of a face crop
    tell        the log-mel of a recording -> what drawing is to be told, frame by frame
    draw        what is told, face crops, a reference -> the crops, drawn anew
Shapes are fixed, so that one compiled program serves a recording of any length.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np

from avjax.errors import InputError
from avjax.features import audio, speech
from avjax.features.live import FPS, frames_in
from avjax.inference import weights
from avjax.media import face
from avjax.models import synctalkface
from avjax.models.cals import AudioToLip, CalsConfig, LipToFace
from avjax.models.synctalkface import SyncTalkFace, SyncTalkFaceConfig
from avjax.nn.conv import cpu_options
from avjax.typing import Array, Params

CHUNK = 16  # frames that go through a network together

SYSTEMS = ("synctalkface", "cals")  # a bare name such as `puppet` is the first's


@dataclasses.dataclass(frozen=True)
class Talker:
    """SyncTalkFace, ready to talk: every frame is told its own 0.2 s of sound."""

    config: SyncTalkFaceConfig
    variables: Mapping[str, Params]

    def tell(self, mel: np.ndarray, frames: int, fps: Fraction) -> Iterator[np.ndarray]:
        """mel [f k] -> f32 [t 16 k] of CHUNK frames after the other; less at last."""
        starts = audio.frame_starts(frames, float(fps))
        for first in range(0, frames, CHUNK):
            yield audio.windows(mel, starts[first : first + CHUNK])

    def heard(self, wave: np.ndarray) -> np.ndarray:
        """The sound as it was in training: published ones heard it as it came."""
        return wave if self.config.published else speech.prepare(wave)

    def framed(self, boxes: np.ndarray) -> np.ndarray:
        """Where faces were cut out in training.  Squares [t 4] -> boxes [t 4]."""
        return face.upright(boxes) if self.config.published else boxes

    def draw(self, told: np.ndarray, crops: np.ndarray, reference) -> np.ndarray:
        """told [t ...], crops u8 [t h w 3], reference u8 [h w 3] -> u8 [t h w 3].

        t is CHUNK at most; without a reference there is nothing to draw.  Published
        faces have each frame itself as their reference.
        """
        return drawn(speaking(self.config), self.variables, told, crops, reference)


@dataclasses.dataclass(frozen=True)
class ContextTalker:
    """CALS, ready to talk: every frame is told a unit, made of the sound around it."""

    config: CalsConfig
    variables: Mapping[str, Mapping[str, Params]]
    lookahead: int | None = None  # frames heard in advance; None: all that it can

    @property
    def ahead(self) -> int:
        window = self.config.window
        return window if self.lookahead is None else min(self.lookahead, window)

    def tell(self, mel: np.ndarray, frames: int, fps: Fraction) -> Iterator[np.ndarray]:
        """mel [f k] -> units f32 [t d] of CHUNK frames after the other.

        There are 25 units a second at any frame rate; between two moments of them a
        frame is told of both.
        """
        last = frames_in((len(mel) - 1) * audio.HOP) - 1
        places = np.minimum(places_of(np.arange(frames), fps), last)
        for first in range(0, frames, CHUNK):
            here = places[first : first + CHUNK]
            begin, end = int(here[0]), int(np.ceil(here[-1])) + 1
            units = self.units(mel, begin, end, last)
            yield between(units, here - begin)

    def units(self, mel: np.ndarray, begin: int, end: int, last: int) -> np.ndarray:
        """The units of moments begin to end (excluded), of which there are last + 1."""
        window, parts = self.config.window, []
        for first in range(begin, end, CHUNK):
            moments = first + np.arange(-window, CHUNK + window)
            starts = audio.frame_starts(1, FPS)[0] + moments / FPS
            exists = ((moments >= 0) & (moments <= last)).astype(np.float32)
            given = audio.windows(mel, starts), exists, self.ahead
            hearing = self.variables["audio_to_lip"]
            parts.append(np.asarray(telling(self.config)(hearing, *given)))
        return np.concatenate(parts)[: end - begin]

    def heard(self, wave: np.ndarray) -> np.ndarray:
        """The sound as it was in training."""
        return speech.prepare(wave)

    def framed(self, boxes: np.ndarray) -> np.ndarray:
        """Where faces were cut out in training: squares [t 4], as they are found."""
        return boxes

    def draw(self, told: np.ndarray, crops: np.ndarray, reference) -> np.ndarray:
        """As Talker's."""
        given = self.variables["lip_to_face"], told, crops, reference
        return drawn(moving(self.config), *given)


def places_of(frames: np.ndarray, fps: Fraction) -> np.ndarray:
    """Where frames of a clip lie among moments, of which there are 25 a second."""
    return np.round(np.asarray(frames) * FPS / float(fps), 6)


def between(units: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Units [n d] at places [t] between their numbers -> f32 [t d]."""
    before = places.astype(int)
    share = (places - before)[:, None].astype(np.float32)
    after = np.minimum(before + 1, len(units) - 1)
    return (1 - share) * units[before] + share * units[after]


def drawn(
    program: Callable[..., Array],
    variables: Mapping,
    told: np.ndarray,
    crops: np.ndarray,
    reference: np.ndarray | None,
) -> np.ndarray:
    """What a program of CHUNK frames, or of one, makes of as many or less."""
    if reference is None:
        return crops
    missing = CHUNK - len(crops) if len(crops) > 1 else 0
    told, filled = (
        np.pad(array, ((0, missing), *((0, 0),) * (array.ndim - 1)))
        for array in (told, crops)
    )
    return np.asarray(program(variables, told, filled, reference))[: len(crops)]


def compiled(function: Callable[..., Array]) -> Callable[..., Array]:
    return jax.jit(function, compiler_options=cpu_options())


@functools.cache
def speaking(config: SyncTalkFaceConfig) -> Callable[..., Array]:
    """(variables, mels, crops, reference) -> pictures, of SyncTalkFace."""
    network = SyncTalkFace(config)

    def speak(variables, mels, crops, reference):
        same = crops if config.published else reference[None]
        faces = faces_of(crops, same, config.signed)
        spoken = network.apply(variables, mels[None], faces, method="speak")
        return synctalkface.to_pixels(spoken.frames[0], config.signed)

    return compiled(speak)


@functools.cache
def telling(config: CalsConfig) -> Callable[..., Array]:
    """(variables, mels [t 16 k], exists [t], ahead) -> units of all moments of which
    the window is there, [t - 2 W d].
    """
    network = AudioToLip(config)

    def tell(variables, mels, exists, ahead):
        given = mels[None], exists[None], jnp.asarray(ahead)[None]
        units = network.apply(variables, *given)[0]
        return units[config.window : len(units) - config.window]

    return compiled(tell)


@functools.cache
def moving(config: CalsConfig) -> Callable[..., Array]:
    """(variables, units, crops, reference) -> pictures, of CALS."""
    network = LipToFace(config)

    def move(variables, units, crops, reference):
        faces = faces_of(crops, reference[None], config.signed)
        frames = network.apply(variables, units[None], faces)
        return synctalkface.to_pixels(frames[0], config.signed)

    return compiled(move)


def faces_of(crops: Array, references: Array, signed: bool) -> Array:
    """Crops u8 [t h w 3] of a clip, references u8 [t or 1 h w 3] -> [1 t h w 6]."""
    targets = synctalkface.from_pixels(crops, signed)[None]
    same = synctalkface.from_pixels(references, signed)[None]
    return synctalkface.face_input(targets, jnp.broadcast_to(same, targets.shape))


def open_talker(
    name: str, system: str | None = None, lookahead: int | None = None
) -> Talker | ContextTalker:
    """Weights by a bundled name, with or without the system, or by folder.

    system     whose they are to be; None: whichever they are
    lookahead  frames heard in advance, 25 a second, of a system that hears any; None:
               all that it can
    """
    if lookahead is not None and lookahead < 0:
        raise InputError(f"a lookahead of {lookahead} frames is none")
    found = system or system_of(name)
    if found == "cals":
        given = name, found, CalsConfig, blank_cals
        return ContextTalker(*weights.open_parts(*given), lookahead)
    talker = Talker(*weights.open_part(name, SYSTEMS[0], SyncTalkFaceConfig, blank))
    if lookahead is not None:
        raise InputError(
            f"the weights {name} are of {found}, which hears nothing in advance"
        )
    return talker


def system_of(name: str) -> str:
    """The system of weights; of a bare name, the first that has such."""
    known = weights.bundled()
    bare = [system for system in SYSTEMS if f"{system}-{name}" in known]
    return bare[0] if bare else weights.system_at(name)


def blank(config: SyncTalkFaceConfig) -> Params:
    """Variables of a SyncTalkFace that has learnt nothing."""
    side = config.size
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(0)}
    given = ((1, 1, 16, 80), (1, 1, side, side, 6), (1, 5, side, side, 3))
    return SyncTalkFace(config).init(keys, *map(jnp.zeros, given))


def blank_cals(config: CalsConfig) -> dict[str, Params]:
    """The same of CALS, by its parts."""
    key, side = jax.random.key(0), config.size
    sound = jnp.zeros((1, 1, 16, 80)), jnp.ones((1, 1)), jnp.zeros(1, jnp.int32)
    face = jnp.zeros((1, 1, config.units)), jnp.zeros((1, 1, side, side, 6))
    return {
        "audio_to_lip": AudioToLip(config).init(key, *sound),
        "lip_to_face": LipToFace(config).init(key, *face),
    }
