"""Speech from silent lips: a clip -> the sound that goes with its mouth."""

import functools
from typing import NamedTuple

import numpy as np
import rich.progress

from avjax.algorithms.griffin_lim import SILENCE, GriffinLim, Vocoder
from avjax.audio.mel import RATE
from avjax.audio.speech_mel import HOP, PEAK
from avjax.errors import InputError
from avjax.media import audio_io as audio
from avjax.media import files
from avjax.media import mouth_video as clips
from avjax.media import video_reader as video
from avjax.media.mouth_video import Path, open_lips
from avjax.models.bridging import BridgingConfig
from avjax.pipelines.lipread import Box, blank, program
from avjax.pipelines.talk_report import spans
from avjax.typing import Params
from avjax.weights import open_part

PREFIX = "bridging-speech"
PIECE, FADE = 1600, 16  # columns that are voiced at once, and that two of them share
LOUDER = 4.0  # at most: who does not speak is not made to
GRIFFIN_LIM = GriffinLim()


class Speech(NamedTuple):
    """A voice.  wave f32 [n] at 16 kHz; mel f32 [f k]; missed: frames without face."""

    wave: np.ndarray
    mel: np.ndarray
    missed: list[int]

    def __str__(self) -> str:
        lines = [f"{len(self.wave) / RATE:.2f} s of speech"]
        if self.missed:
            where = ", ".join(spans(self.missed))
            missed = f"{len(self.missed)} frames of 25 a second showed no face"
            lines += [f"{missed}, and are silent: {where}"]
        return "\n".join(lines)


def speak(
    clip: Path,
    *,
    weights: str = "grid-s1",
    box: Box | None = None,
    face_index: int = 0,
    vocoder: Vocoder = GRIFFIN_LIM,
    shown: bool = False,
) -> Speech:
    """Gives a silent clip a voice.

    weights     a bundled name, or a folder of weights
    box         x, y, width, height of the face in pixels, where it is known
    face_index  which face, the largest being 0
    vocoder     what makes a wave of a voice_mel
    shown       whether whoever waits sees how far it is

    Raises InputError, one clear sentence, for what cannot be used.
    """
    config, variables = load(weights)
    lips = open_lips(clip, box, face_index, shown)
    ask = functools.partial(program(config), variables)
    mel = clips.answers(lips, config.size, ask, shown)
    each = len(mel) // len(lips)
    seen = np.repeat(lips.seen, each)[:, None]
    mel = np.where(seen, mel, np.float32(SILENCE))
    missed = np.flatnonzero(~lips.seen).tolist()
    return Speech(voiced(mel, vocoder), mel, missed)


def voiced(mel: np.ndarray, vocoder: Vocoder) -> np.ndarray:
    """A mel of any length -> its wave [n = 160 f], piece by piece, its peak at 0.9.

    Pieces have one length, so that one program serves them, and fade into each other.
    What is hardly there at all stays quiet.
    """
    wave = np.zeros(len(mel) * HOP, np.float32)
    rising = (np.arange(FADE * HOP, dtype=np.float32) + 0.5) / (FADE * HOP)
    for first in range(0, max(len(mel) - FADE, 1), PIECE - FADE):
        part = mel[first : first + PIECE]
        missing = (0, PIECE - len(part)), (0, 0)
        filled = np.pad(part, missing, constant_values=SILENCE)
        piece = np.array(vocoder(filled[None])[0][: len(part) * HOP])
        if first:
            piece[: FADE * HOP] *= rising
        if first + PIECE < len(mel):
            piece[-FADE * HOP :] *= rising[::-1]
        wave[first * HOP : first * HOP + len(piece)] += piece
    peak = np.max(np.abs(wave), initial=0)
    return wave * min(PEAK / max(peak, 1e-9), LOUDER)


def load(name: str) -> tuple[BridgingConfig, Params]:
    """Weights of a voice, by a bundled name or by folder."""
    config, variables = open_part(name, PREFIX, BridgingConfig, blank)
    if config.task != "speech":
        raise InputError(f"the weights {name} read lips, and have no voice")
    return config, variables


def write(out: Path, clip: Path, **options) -> Speech:
    """Writes what speak() says: a .wav, or as .mp4 the clip with its new sound."""
    kind = files.require_ending(out, ".wav", ".mp4")
    files.require_place(out)
    speech = speak(clip, shown=True, **options)
    if kind == ".wav":
        audio.write_wav(out, speech.wave, RATE)
        return speech
    info = video.probe(clip)
    frames = rich.progress.track(
        video.read_at_rate(clip, info.fps),
        "writing",
        total=info.frames,
        console=clips.CONSOLE,
        transient=True,
    )
    with video.VideoWriter(out, info.fps, speech.wave, rate=RATE) as writer:
        for frame in frames:
            writer.write(frame)
    return speech
