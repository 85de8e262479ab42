"""Weights that can talk: what they make of a sound, and of it and a face, a picture.

A talker gives
    config      with size, the sides of a face crop
    tell        the log-mel of a recording -> its latents, frame by frame
    draw        latents, face crops, a reference -> the crops, drawn anew
where latents are those of models.talker.  Shapes are fixed, so that one compiled
program serves a recording of any length.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np

from avjax import weights
from avjax.audio import loudness as speech
from avjax.audio import mel as audio
from avjax.audio.streaming import FPS, frames_in
from avjax.compilation import cpu_options
from avjax.errors import InputError
from avjax.media import face
from avjax.models import synctalkface
from avjax.models.cals import AudioToLip, CalsConfig
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.models.talker import blank, blank_cals, latents_of
from avjax.typing import Array, Params

CHUNK = 16  # frames that go through a network together

SYSTEMS = ("synctalkface", "cals")  # a bare name such as `puppet` is the first's


@dataclasses.dataclass(frozen=True)
class Talker:
    """SyncTalkFace, ready to talk: every frame is told of its own 0.2 s of sound."""

    config: SyncTalkFaceConfig
    variables: Mapping[str, Params]

    def tell(self, mel: np.ndarray, frames: int, fps: Fraction) -> Iterator[np.ndarray]:
        """mel [f k] -> latents f32 [t d] of CHUNK frames on end; of fewer at last."""
        starts = audio.frame_starts(frames + CHUNK, float(fps))
        for first in range(0, frames, CHUNK):
            mels = audio.windows(mel, starts[first : first + CHUNK])
            latents = hearing(self.config)({"face": self.variables}, mels)
            yield np.asarray(latents)[: frames - first]

    def heard(self, wave: np.ndarray) -> np.ndarray:
        """The sound as it was in training: published ones heard it as it came."""
        return wave if self.config.published else speech.prepare(wave)

    def framed(self, boxes: np.ndarray) -> np.ndarray:
        """Where faces were cut out in training.  Squares [t 4] -> boxes [t 4]."""
        return face.upright(boxes) if self.config.published else boxes

    def draw(self, latents: np.ndarray, crops: np.ndarray, reference) -> np.ndarray:
        """latents [t d], crops u8 [t h w 3], reference u8 [h w 3] -> u8 [t h w 3].

        t is CHUNK at most; without a reference there is nothing to draw.  Published
        faces have each frame itself as their reference.
        """
        own = self.config.published and reference is not None
        given = latents, crops, crops if own else reference
        return drawn(self.config, {"face": self.variables}, *given)


@dataclasses.dataclass(frozen=True)
class ContextTalker:
    """CALS, ready to talk: a frame's latent is a unit, made of the sound around it."""

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
        # Only to within a column does a mel tell how long its sound is.
        known = frames if fps == FPS else frames_in((len(mel) - 1) * audio.HOP)
        last = known - 1
        units = functools.partial(self.units, mel, last)
        return at_rate(units, frames, fps, last)

    def units(self, mel: np.ndarray, last: int, begin: int, end: int) -> np.ndarray:
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

    def draw(self, latents: np.ndarray, crops: np.ndarray, reference) -> np.ndarray:
        """As Talker's."""
        return drawn(self.config, self.variables, latents, crops, reference)


def at_rate(
    units: Callable[[int, int], np.ndarray], frames: int, fps: Fraction, last: int
) -> Iterator[np.ndarray]:
    """Latents f32 [t d] of CHUNK frames after the other, of moments 25 a second.

    units  (first, one after the last) -> latents of those moments;  last, of all
    """
    places = np.minimum(places_of(np.arange(frames), fps), last)
    for first in range(0, frames, CHUNK):
        here = places[first : first + CHUNK]
        begin, end = int(here[0]), int(np.ceil(here[-1])) + 1
        yield between(units(begin, end), here - begin)


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
    config: SyncTalkFaceConfig | CalsConfig,
    variables: Mapping[str, Mapping[str, Params]],
    latents: np.ndarray,
    crops: np.ndarray,
    references: np.ndarray | None,
) -> np.ndarray:
    """What the program of CHUNK frames, or of one, makes of as many or less.

    references  u8 [h w 3] of all frames, or of each [t h w 3]
    """
    if references is None:
        return crops
    missing = CHUNK - len(crops) if len(crops) > 1 else 0

    def filled(array: np.ndarray) -> np.ndarray:
        return np.pad(array, ((0, missing), *((0, 0),) * (array.ndim - 1)))

    same = references[None] if references.ndim == 3 else filled(references)
    given = filled(latents), filled(crops), same
    return np.asarray(drawing(config)(variables, *given))[: len(crops)]


def compiled(function: Callable[..., Array]) -> Callable[..., Array]:
    return jax.jit(function, compiler_options=cpu_options())


@functools.cache
def hearing(config: SyncTalkFaceConfig) -> Callable[..., Array]:
    """(variables, mels [t 16 k]) -> latents [t d] of SyncTalkFace."""
    space = latents_of(config)

    def hear(variables, mels):
        return space.hear(variables, mels[None], jnp.ones((1, len(mels))))[0]

    return compiled(hear)


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
def drawing(config: SyncTalkFaceConfig | CalsConfig) -> Callable[..., Array]:
    """(variables, latents [t d], crops, references) -> pictures, by any talker."""
    space = latents_of(config)

    def draw(variables, latents, crops, references):
        faces = faces_of(crops, references, config.signed)
        frames = space.draw(variables, latents[None], faces)
        return synctalkface.to_pixels(frames[0], config.signed)

    return compiled(draw)


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


def system_of(name: str, systems: Sequence[str] = SYSTEMS) -> str:
    """The system of weights; of a bare name, the first of these that has such."""
    known = weights.bundled()
    bare = [system for system in systems if f"{system}-{name}" in known]
    return bare[0] if bare else weights.system_at(name)
