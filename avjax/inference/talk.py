"""Talking faces: a face and a sound -> frames in which the face says the sound.

Frames stream: of a clip of any length only one chunk is in memory.  Which system talks
is told by the weights (inference.talkers).
"""

import os
from collections.abc import Iterator

import numpy as np
import rich.console
import rich.progress

from avjax.errors import InputError
from avjax.features import audio as features
from avjax.features import speech
from avjax.inference.live import Hearing
from avjax.inference.picture import Painter
from avjax.inference.report import Report
from avjax.inference.source import Source, open_face
from avjax.inference.talkers import ContextTalker, Talker, open_talker
from avjax.media import audio, video

SOUND_RATE = 48_000  # of the sound in the file that is written
CONSOLE = rich.console.Console(stderr=True)

Path = str | os.PathLike


def talk(
    face: Path | np.ndarray,
    audio: Path | np.ndarray,
    *,
    weights: str = "grid-s1",
    system: str | None = None,
    lookahead: int | None = None,
    box: tuple[float, float, float, float] | None = None,
    face_index: int = 0,
    native: bool = False,
) -> "Talk":
    """Makes a face say a sound: an iterable of frames u8 [h w 3], and its report.

    face        a photo or a clip; a file, or one picture u8 [h w 3]
    audio       any file with sound in it, or a wave f32 [n] at 16 kHz
    weights     a bundled name, or a folder of weights
    system      synctalkface or cals, whose weights they are to be; None: any
    lookahead   frames of sound heard in advance, as in a live session (inference.live),
                by a system that hears any; None: as many as it can, of a sound that is
                known as a whole
    box         x, y, width, height of the face in pixels, where it is known
    face_index  which face, the largest being 0
    native      only the face, as large as the network draws it

    Raises InputError, one clear sentence, for what cannot be used.
    """
    talker = open_talker(weights, system, lookahead)
    wave = audio if isinstance(audio, np.ndarray) else read_sound(audio)
    if wave.ndim != 1 or not len(wave):
        raise InputError("a wave is an array of float32 [samples], not empty")
    source = open_face(face, box, face_index)
    return Talk(source, wave, talker, native)


class Talk:
    """Frames of a face that says a sound.  Iterating begins anew each time.

    fps     frames a second, those of the face's clip, or 25
    count   how many frames there will be
    shape   height and width of a frame
    report  what happened, complete when the iteration is
    """

    def __init__(
        self,
        source: Source,
        wave: np.ndarray,
        talker: Talker | ContextTalker,
        native: bool,
    ):
        self._source, self._talker, self._native = source, talker, native
        self._wave = wave
        self._pauses = speech.pauses(wave)
        self._speech = speech.sounds_like_speech(wave)
        self.fps = source.fps
        self.count = max(1, round(len(wave) / features.RATE * self.fps))
        self.shape = Painter(source, talker, native).shape
        self.report = self._blank_report()

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[np.ndarray]:
        self.report = self._blank_report()
        painter, number = Painter(self._source, self._talker, self._native), 0
        for told in self._told():
            for frame, patch, box in painter.paint(told):
                self.report.count(number, patch, box, self._quiet(number))
                number += 1
                yield frame

    def _told(self) -> Iterator[np.ndarray]:
        """What the frames are told, one by one if not all of the sound is known."""
        if getattr(self._talker, "lookahead", None) is None:
            mel = features.log_mel(self._talker.heard(self._wave))
            return self._talker.tell(mel, self.count, self.fps)
        return self._heard_live()

    def _heard_live(self) -> Iterator[np.ndarray]:
        hearing = Hearing(self._talker, self.fps)
        for start in range(0, len(self._wave), features.RATE):
            yield from hearing.feed(self._wave[start : start + features.RATE])
        yield from hearing.finish()

    def _blank_report(self) -> Report:
        size, pasted = self._talker.config.size, not self._native
        return Report(self.count, self.fps, size, pasted, self._speech)

    def _quiet(self, frame: int) -> bool:
        """Whether nobody speaks from one frame to the next, on either side of it."""
        first, last = (
            int((frame + side) / self.fps * speech.STEPS_PER_SECOND) for side in (-1, 2)
        )
        return bool(self._pauses[max(first, 0) : last + 1].all())


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
