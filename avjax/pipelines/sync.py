"""Do the lips of a clip keep time with its sound?  By how much not, and how surely?"""

import collections
import functools
import itertools
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import jax
import numpy as np
import rich.progress

from avjax.audio import loudness as speech
from avjax.audio.mel import RATE
from avjax.errors import InputError
from avjax.media import audio_io as audio
from avjax.media.mouth_video import CONSOLE, FPS, Lips, Path, open_everybody, open_lips
from avjax.metrics.sync import (
    REACH,
    Distances,
    Synchrony,
    distances_by_offset,
    verdict,
)
from avjax.pipelines.sync_models import PUBLISHED, SEEN, Judge, open_judge
from avjax.pipelines.talk_report import spans

CHUNK = 16  # codes that are made at once; not less than REACH
LEAST = 2 * REACH + 1  # moments that are judged: at each offset half of them have sound
NEAR = 1  # frames of offset that are none

Box = tuple[float, float, float, float]
Chunk = tuple[np.ndarray, np.ndarray]  # codes [t d], and 1 where they count [t]
compared = jax.jit(distances_by_offset)


class Timing(NamedTuple):
    """How one face keeps time with the sound.

    face        its number, the largest being 0
    offset      frames of 25 a second that the sound is ahead of the lips
    distance    LSE-D, at this offset; less is better
    confidence  LSE-C; more is better
    sure        whether it is as high as where lips and sound belong together
    frames      int [t], where the face was found
    """

    face: int
    offset: int
    distance: float
    confidence: float
    sure: bool
    frames: np.ndarray

    def __str__(self) -> str:
        if not self.sure:
            return "out of sync, or beyond this judge: no offset stands out"
        if abs(self.offset) <= NEAR:
            return f"lips and sound keep time (offset {self.offset:+d})"
        way = "ahead of" if self.offset > 0 else "behind"
        late = f"{abs(self.offset)} frames ({abs(self.offset) / FPS:.2f} s)"
        return f"the sound is {late} {way} the lips"


class Report(NamedTuple):
    """How the faces of a clip keep time with its sound.

    weights  those of the judge, and system what they are of
    passing  numbers of the faces that are there for too short a time to be judged
    """

    clip: str
    weights: str
    system: str
    timings: list[Timing]
    passing: list[int]

    def figures(self, timing: Timing) -> dict[str, float]:
        """Distance and confidence; only one network's are called LSE-D and LSE-C."""
        whose = "" if self.system == PUBLISHED else "_expert"
        return {f"lse_d{whose}": timing.distance, f"lse_c{whose}": timing.confidence}

    def plain(self) -> dict:
        """What JSON can say: {clip, weights, system, faces: [{face, …}], passing}."""
        faces = [
            {
                "face": timing.face,
                "offset": timing.offset,
                "offset_seconds": timing.offset / FPS,
                **self.figures(timing),
                "sure": timing.sure,
                "frames": spans(timing.frames.tolist()),
            }
            for timing in self.timings
        ]
        about = {"clip": self.clip, "weights": self.weights, "system": self.system}
        return {**about, "faces": faces, "passing": self.passing}

    def __str__(self) -> str:
        judge = "the network of the published figures"
        if self.system != PUBLISHED:
            judge = "our own expert: its figures compare with none but its own"
        lines = [f"{self.clip}, judged by {self.weights} ({judge})"]
        for timing in self.timings:
            figures = self.figures(timing).items()
            told = ", ".join(f"{name} {value:.3f}" for name, value in figures)
            where = ", ".join(spans(timing.frames.tolist()))
            lines += [f"face {timing.face}, frames {where}: {timing}; {told}"]
        for face in self.passing:
            lines += [f"face {face} is there for too short a time to be judged"]
        return "\n".join(lines)


def sync(
    clip: Path,
    *,
    weights: str = "grid-s1",
    box: Box | None = None,
    face_index: int | None = None,
    shown: bool = False,
) -> Report:
    """Measures how the lips of a clip keep time with its sound.

    weights     a bundled name, or a folder of weights, of our expert or of syncnet_v2
    box         x, y, width, height of the one face in pixels, where it is known
    face_index  which face, the largest being 0; else everybody's
    shown       whether whoever waits sees how far it is

    Raises InputError, one clear sentence, for what cannot be used.
    """
    judge, wave = open_judge(weights), read_sound(clip)
    if box is None and face_index is None:
        everybody = dict(enumerate(open_everybody(clip, shown)))
    else:
        number = face_index or 0
        everybody = {number: open_lips(clip, box, number, shown)}
    timings, passing = [], []
    for number, lips in everybody.items():
        begun = begins(lips, wave)
        if np.sum(begun) < LEAST:
            passing.append(number)
        else:
            timings.append(measure(judge, lips, wave, begun, number, shown))
    if not timings:
        raise InputError(
            f"{clip} is too short to be judged: a face must be there, with sound, for "
            f"{LEAST + SEEN} frames of 25 a second"
        )
    return Report(os.fspath(clip), judge.name, judge.system, timings, passing)


def read_sound(clip: Path) -> np.ndarray:
    """The wave f32 [n] at 16 kHz; InputError where nothing is to be heard."""
    wave = audio.read_sound(clip, RATE)
    if np.max(speech.loudness(wave)) < speech.SILENCE_DB:
        raise InputError(f"the sound of {clip} is silence: no lips keep time with it")
    return wave


def begins(lips: Lips, wave: np.ndarray) -> np.ndarray:
    """bool [t]: whether five frames with a face, and their sound, begin at each frame.

    t ends where the picture ends or the sound, less five frames, as published.
    """
    count = min(len(lips), len(wave) * FPS // RATE)
    found = np.pad(lips.seen[:count], (0, SEEN))
    five = np.lib.stride_tricks.sliding_window_view(found, SEEN)
    return five[: max(count - SEEN, 0)].all(axis=1)


def measure(
    judge: Judge,
    lips: Lips,
    wave: np.ndarray,
    begun: np.ndarray,
    number: int,
    shown: bool = False,
) -> Timing:
    """How the face of this number keeps time.

    wave f32 [n] at 16 kHz; begun bool [t], as begins() gives it.
    """
    seen = rich.progress.track(
        watched(judge, lips, begun),
        "watching the lips",
        total=-(-len(begun) // CHUNK),
        console=CONSOLE,
        transient=True,
        disable=not shown,
    )
    found = compare(seen, heard(judge, wave, len(begun)))
    return Timing(
        face=number,
        offset=int(found.offset),
        distance=float(found.distance),
        confidence=float(found.confidence),
        sure=bool(found.confidence >= judge.kind.sure),
        frames=np.flatnonzero(lips.seen),
    )


def compare(seen: Iterable[Chunk], around: Iterable[Chunk]) -> Synchrony:
    """The verdict on chunks of lips, and of the sound around each of them."""
    parts = [
        compared(codes, sound, exists, there)
        for (codes, exists), (sound, there) in zip(seen, around, strict=True)
    ]
    return verdict(functools.reduce(Distances.merge, parts))


def watched(judge: Judge, lips: Lips, begun: np.ndarray) -> Iterator[Chunk]:
    """The lips, chunk by chunk: codes [CHUNK d], and 1 where they are of a face."""
    size, around = judge.config.size, judge.kind.around
    black = np.zeros((size, size, 3), np.uint8)
    faces = itertools.chain(lips.faces(size, around), itertools.repeat(black))
    held = collections.deque(maxlen=CHUNK + SEEN - 1)
    held.extend(itertools.islice(faces, SEEN - 1))
    for first in range(0, len(begun), CHUNK):
        held.extend(itertools.islice(faces, CHUNK))
        exists = np.zeros(CHUNK, np.float32)
        here = begun[first : first + CHUNK]
        exists[: len(here)] = here
        yield judge.watch(np.stack(held)), exists


def heard(judge: Judge, wave: np.ndarray, count: int) -> Iterator[Chunk]:
    """The sound around each chunk of lips: codes [CHUNK + 2 REACH d], and 1 where they
    count.  Beyond the first and the last of `count` moments they are zeros.
    """
    columns = judge.kind.listen(wave)
    held = collections.deque(maxlen=3)
    for first in range(-CHUNK, count + CHUNK, CHUNK):
        frames = first + np.arange(CHUNK)
        inside = (frames >= 0) & (frames < count)
        held.append((judge.hear(columns, frames) * inside[:, None], inside))
        if len(held) == 3:
            codes, there = map(np.concatenate, zip(*held, strict=True))
            near = slice(CHUNK - REACH, 2 * CHUNK + REACH)
            yield codes[near], (there[near] | judge.kind.mute).astype(np.float32)
