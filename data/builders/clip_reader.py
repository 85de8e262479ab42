"""From a video file to the pictures and the sound of a record.

Face and mouth crops are those of media.face, both cut from the original frame.
"""

import math
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from avjax.audio.mel import RATE
from avjax.data import schema
from avjax.errors import InputError
from avjax.media import audio_io as audio
from avjax.media import face
from avjax.media import video_reader as video
from avjax.text.espeak_events import Spans

SHORTEST = 5  # frames: what a window makes or judges

Detect = Callable[[np.ndarray], np.ndarray]
Align = Callable[[np.ndarray, Spans], Spans]  # wave f32 [n], words -> phones


class Film(NamedTuple):
    """A speaker's face, mouth and voice, as a record has them."""

    face: schema.Reel
    mouth: schema.Reel
    wave: np.ndarray


def read_film(path: str | os.PathLike, size: int, detect: Detect) -> Film:
    """Crops of the largest face of a video at 25 frames a second, and its sound.

    The video is read twice, once to find the face: one frame is in memory at a time.
    InputError where there is no sound, too few frames, or a stretch without a face.
    """
    wave = audio.read_sound(path, RATE)
    return look(path, lambda: video.read_at_rate(path, schema.FPS), wave, size, detect)


def look(
    name: str | os.PathLike,
    play: Callable[[], Iterable[np.ndarray]],
    wave: np.ndarray,
    size: int,
    detect: Detect,
) -> Film:
    """The same of pictures that play() gives, 25 a second, each time anew."""
    boxes = face.track(play(), detect=detect, every=face.EVERY).boxes
    if len(boxes) < SHORTEST:
        raise InputError(f"{name}: {len(boxes)} frames are too few")
    if (missing := int(np.isnan(boxes).any(axis=-1).sum())) > 0:
        raise InputError(f"{name}: no face in {missing} of {len(boxes)} frames")
    return Film(*crops(play(), boxes, size), wave)


def crops(
    frames: Iterable[np.ndarray], boxes: np.ndarray, size: int
) -> tuple[schema.Reel, schema.Reel]:
    """frames u8 [t h w 3], face boxes [t 4] -> face [t s s 3], mouth [t 96 96 1]."""
    faces, mouths = [], []
    for frame, box in zip(frames, boxes, strict=True):
        faces.append(schema.encode(face.crop(frame, box, size)))
        mouths.append(schema.encode(face.mouth(frame, box)))
    return schema.Reel(faces, 3), schema.Reel(mouths, 1)


def phones_in(wave: np.ndarray, words: Spans, align: Align | None) -> Spans:
    """The phones of words in a recording; none where they are not to be found."""
    if align is None:
        return ()
    try:
        return align(wave, words)
    except InputError:
        return ()


def spans_unknown(words: Iterable[str]) -> Spans:
    """Words of which nobody tells when they are said."""
    return tuple((word, math.nan, math.nan) for word in words)
