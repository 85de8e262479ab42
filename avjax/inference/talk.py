"""Talking faces: a face and a sound -> frames in which the face says the sound.

Frames stream: of a clip of any length only one chunk is in memory.  Chunks have a fixed
shape, so that one compiled program serves them all.
"""

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Iterator, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import rich.console
import rich.progress

from avjax.errors import InputError
from avjax.features import audio as features
from avjax.features import speech
from avjax.inference import weights as published
from avjax.inference.report import Report
from avjax.inference.source import Source, open_face
from avjax.media import audio, face, video
from avjax.models import synctalkface
from avjax.models.synctalkface import SyncTalkFace, SyncTalkFaceConfig
from avjax.nn.conv import cpu_options
from avjax.typing import Array, Params

CHUNK = 16  # frames that go through the network together
SYSTEM = "synctalkface"  # a bare name such as `puppet` is one of its sets of weights
SOUND_RATE = 48_000  # of the sound in the file that is written
CONSOLE = rich.console.Console(stderr=True)

Path = str | os.PathLike


def talk(
    face: Path | np.ndarray,
    audio: Path | np.ndarray,
    *,
    weights: str = "grid-s1",
    box: tuple[float, float, float, float] | None = None,
    face_index: int = 0,
    native: bool = False,
) -> "Talk":
    """Makes a face say a sound: an iterable of frames u8 [h w 3], and its report.

    face        a photo or a clip; a file, or one picture u8 [h w 3]
    audio       any file with sound in it, or a wave f32 [n] at 16 kHz
    weights     a bundled name, or a folder of weights
    box         x, y, width, height of the face in pixels, where it is known
    face_index  which face, the largest being 0
    native      only the face, as large as the network draws it

    Raises InputError, one clear sentence, for what cannot be used.
    """
    model = load(weights)
    wave = audio if isinstance(audio, np.ndarray) else read_sound(audio)
    if wave.ndim != 1 or not len(wave):
        raise InputError("a wave is an array of float32 [samples], not empty")
    source = open_face(face, box, face_index)
    return Talk(source, wave, model, native)


class Talk:
    """Frames of a face that says a sound.  Iterating begins anew each time.

    fps     frames a second, those of the face's clip, or 25
    count   how many frames there will be
    shape   height and width of a frame
    report  what happened, complete when the iteration is
    """

    def __init__(self, source: Source, wave: np.ndarray, model: "Model", native: bool):
        self._source, self._model, self._native = source, model, native
        self._mel = features.log_mel(model.heard(wave))
        self._pauses = speech.pauses(wave)
        self.fps = source.fps
        self.count = max(1, round(len(wave) / features.RATE * self.fps))
        size = model.config.size
        self.shape = (size, size) if native else source.shape
        self._speech = speech.sounds_like_speech(wave)
        self.report = self._blank_report()

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[np.ndarray]:
        self.report = self._blank_report()
        boxes = self._model.framed(self._source.boxes)
        boxes = boxes[video.bounce(len(boxes), self.count)]
        starts = features.frame_starts(self.count, float(self.fps))
        pictures = self._source.play(self.count)
        reference = None
        for first in range(0, self.count, CHUNK):
            chunk = list(itertools.islice(pictures, CHUNK))
            here = boxes[first : first + len(chunk)]
            crops = self._crops(chunk, here)
            if reference is None and np.isfinite(here).any():
                reference = crops[int(np.flatnonzero(np.isfinite(here[:, 0]))[0])]
            mels = features.windows(self._mel, starts[first : first + len(chunk)])
            patches = self._model.speak(mels, crops, reference)
            for index, picture in enumerate(chunk):
                patch = patches[index] if np.isfinite(here[index, 0]) else None
                quiet = self._quiet(first + index)
                self.report.count(first + index, patch, here[index], quiet)
                yield self._finish(picture, patch, here[index])

    def _blank_report(self) -> Report:
        size, pasted = self._model.config.size, not self._native
        return Report(self.count, self.fps, size, pasted, self._speech)

    def _crops(self, pictures: list[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Face crops u8 [t h w 3]; black where there is no face."""
        size = self._model.config.size
        blank = np.zeros((size, size, 3), np.uint8)
        pairs = zip(pictures, boxes, strict=True)
        return np.stack(
            [
                face.crop(picture, box, size) if np.isfinite(box[0]) else blank
                for picture, box in pairs
            ]
        )

    def _finish(self, picture, patch, box) -> np.ndarray:
        if self._native:
            blank = np.zeros((*self.shape, 3), np.uint8)
            return blank if patch is None else patch
        return picture if patch is None else face.paste(picture, patch, box)

    def _quiet(self, frame: int) -> bool:
        """Whether nobody speaks from one frame to the next, on either side of it."""
        first, last = (
            int((frame + side) / self.fps * speech.STEPS_PER_SECOND) for side in (-1, 2)
        )
        return bool(self._pauses[max(first, 0) : last + 1].all())


@dataclasses.dataclass(frozen=True)
class Model:
    """Weights, ready to speak."""

    config: SyncTalkFaceConfig
    variables: Mapping[str, Params]

    def heard(self, wave: np.ndarray) -> np.ndarray:
        """The sound as it was in training: published ones heard it as it came."""
        return wave if self.config.published else speech.prepare(wave)

    def framed(self, boxes: np.ndarray) -> np.ndarray:
        """Where faces were cut out in training.  Squares [t 4] -> boxes [t 4]."""
        return face.upright(boxes) if self.config.published else boxes

    def speak(self, mels: np.ndarray, crops: np.ndarray, reference) -> np.ndarray:
        """mels f32 [t 16 80], crops u8 [t h w 3], reference u8 [h w 3] -> u8 [t h w 3].

        t is CHUNK at most; without a reference there is nothing to draw.  Published
        faces have each frame itself as their reference.
        """
        if reference is None:
            return crops
        missing = CHUNK - len(crops)
        mels, crops_filled = (
            np.pad(array, ((0, missing), *((0, 0),) * (array.ndim - 1)))
            for array in (mels, crops)
        )
        frames = program(self.config)(self.variables, mels, crops_filled, reference)
        return np.asarray(frames)[: len(crops)]


@functools.cache
def program(config: SyncTalkFaceConfig) -> Callable[..., Array]:
    """The compiled function of one chunk."""
    network = SyncTalkFace(config)

    def speak(variables, mels, crops, reference):
        targets = synctalkface.from_pixels(crops, config.signed)[None]
        same = synctalkface.from_pixels(reference, config.signed)[None, None]
        same = targets if config.published else jnp.broadcast_to(same, targets.shape)
        faces = synctalkface.face_input(targets, same)
        spoken = network.apply(variables, mels[None], faces, method="speak")
        return synctalkface.to_pixels(spoken.frames[0], config.signed)

    return jax.jit(speak, compiler_options=cpu_options())


def load(name: str) -> Model:
    """Weights by a bundled name, with or without the system, or by folder."""
    return Model(*published.open_part(name, SYSTEM, SyncTalkFaceConfig, blank))


def blank(config: SyncTalkFaceConfig) -> Params:
    """Variables of a face that has learnt nothing."""
    side = config.size
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(0)}
    given = ((1, 1, 16, 80), (1, 1, side, side, 6), (1, 5, side, side, 3))
    return SyncTalkFace(config).init(keys, *map(jnp.zeros, given))


def read_sound(path: Path) -> np.ndarray:
    return audio.read_sound(path, features.RATE)


def write(out: Path, face: Path, sound: Path, **options) -> Report:
    """Writes what talk() yields, with its sound, as one mp4.  Options as talk()'s."""
    with rich.progress.Progress(console=CONSOLE, transient=True) as progress:
        task = progress.add_task("finding the face", total=None)
        frames = talk(face, sound, **options)
        progress.update(task, description="drawing", total=frames.count)
        wave = audio.read_sound(sound, SOUND_RATE)
        with video.VideoWriter(out, frames.fps, wave, rate=SOUND_RATE) as writer:
            for frame in frames:
                writer.write(frame)
                progress.advance(task)
    return frames.report
