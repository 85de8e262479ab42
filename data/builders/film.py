"""From a video file to the pictures and the sound of a record.

Face crops are the squares of media.face.  The mouth crop is a square of 0.6 times that
side, centred left to right and at 3/4 of the height, where the square has its mouth:
nose tip to chin.  It is cut from the original frame, so it is sharper than the face.
"""

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

import cv2
import numpy as np

from avjax.data import schema
from avjax.errors import InputError
from avjax.features.audio import RATE
from avjax.media import audio, face, video

MOUTH_SIDE = 0.6  # of the face square
MOUTH_HEIGHT = 0.75
SHORTEST = 5  # frames: what a window makes or judges
EVERY = 3  # frames from look to look of the detector: 0.12 s

Detect = Callable[[np.ndarray], np.ndarray]


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
    frames = video.read_at_rate(path, schema.FPS)
    boxes = face.track(frames, detect=detect, every=EVERY).boxes
    if len(boxes) < SHORTEST:
        raise InputError(f"{path}: {len(boxes)} frames are too few")
    if (missing := int(np.isnan(boxes).any(axis=-1).sum())) > 0:
        raise InputError(f"{path}: no face in {missing} of {len(boxes)} frames")
    return Film(*crops(video.read_at_rate(path, schema.FPS), boxes, size), wave)


def crops(
    frames: Iterable[np.ndarray], boxes: np.ndarray, size: int
) -> tuple[schema.Reel, schema.Reel]:
    """frames u8 [t h w 3], face boxes [t 4] -> face [t s s 3], mouth [t 96 96 1]."""
    faces, mouths = [], []
    for frame, box in zip(frames, boxes, strict=True):
        faces.append(schema.encode(face.crop(frame, box, size)))
        mouths.append(schema.encode(grey_crop(frame, mouth_box(box))))
    return schema.Reel(faces, 3), schema.Reel(mouths, 1)


def mouth_box(box: np.ndarray) -> np.ndarray:
    """The square around the mouth of a face square.  [4] -> [4]"""
    x0, y0, x1, y1 = box
    x, y = (x0 + x1) / 2, y0 + MOUTH_HEIGHT * (y1 - y0)
    half = MOUTH_SIDE * (x1 - x0) / 2
    return np.array([x - half, y - half, x + half, y + half], np.float32)


def grey_crop(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """frame u8 [h w 3], box [4] -> u8 [96 96 1]"""
    crop = face.crop(frame, box, schema.MOUTH)
    return cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[..., None]
