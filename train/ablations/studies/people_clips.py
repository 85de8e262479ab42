"""Real clips with their landmarks, and how generated frames differ from them."""

import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from avjax.media.audio_io import read_audio
from avjax.media.video_reader import read_clip
from avjax.train.ablations.studies.face_mesh import (
    LIPS,
    MIN_CONFIDENCE,
    NOSE,
    OUTER_LIPS,
    OVAL,
    FaceMesh,
    MeshPoints,
)

CLIPS_OF_PATTERN = 6  # the first ones
MAX_FRAMES = 250
MOUTH_MARGIN = 0.25  # in eye distances


class Clip(NamedTuple):
    """A clip of a person.

    Attributes:
        frames: At 25 per second, u8 [t h w 3].
        wave: At 16 kHz, f32 [n].
        mesh: Landmarks of the frames.
    """

    frames: np.ndarray
    wave: np.ndarray
    mesh: list[MeshPoints]


def read_people(
    real: pathlib.Path, patterns: Sequence[str], model: pathlib.Path
) -> Iterator[Clip]:
    """Read the first clips of some people, and find their landmarks."""
    for pattern in patterns:
        for path in itertools.islice(sorted(real.glob(pattern)), CLIPS_OF_PATTERN):
            frames = read_clip(path)[:MAX_FRAMES]
            mesh = FaceMesh(model)
            points = [mesh.find(frame) for frame in frames]
            yield Clip(frames, read_audio(path), points)


def compare(
    clip: Clip, result: np.ndarray, model: pathlib.Path, backwards: bool, own: bool
) -> list[float]:
    """Compare generated frames with a clip.

    Args:
        clip: The clip.
        result: Generated frames, u8 [t h w 3].
        model: The file of the face mesh.
        backwards: The generated frames are those of the clip played backwards.
        own: The sound is that of the clip.

    Returns:
        The values of the columns from `opening r` on.
    """
    mesh = FaceMesh(model)
    count = min(len(result), len(clip.frames))
    shown = [mesh.find(frame) for frame in result[:count]]
    true = clip.mesh[:count]
    openings = np.array([[points.opening for points in mesh] for mesh in (true, shown)])
    order = range(len(clip.frames))[:: -1 if backwards else 1]
    skin, mouth, sharp = np.array(
        [
            compare_frames(clip.frames[i], clip.mesh[i], result[t], shown[t])
            for t, i in enumerate(order[:count])
        ]
    ).T
    distances = [
        np.hypot(*(b.points - a.points)[list(LIPS)].T).mean() / a.eye_distance
        for a, b in zip(true, shown, strict=True)
    ]
    std = openings.std(axis=1)
    lost = np.mean([points.confidence < MIN_CONFIDENCE for points in shown])
    return [
        float(np.corrcoef(openings)[0, 1]) if own else np.nan,
        float(std[1] / max(std[0], 1e-6)),
        100 * float(np.mean(distances)) if own and not backwards else np.nan,
        psnr(skin),
        psnr(mouth) if own and not backwards else np.nan,
        float(np.median(sharp)),
        100 * float(lost),
    ]


def compare_frames(
    frame: np.ndarray, true: MeshPoints, result: np.ndarray, shown: MeshPoints
) -> tuple[float, float, float]:
    """Compare one frame with its edited version.

    Returns:
        Mean squared errors of the lower face without the mouth, and of the mouth; and
        the ratio of the sharpness of the mouth.
    """
    face, mouth = (np.zeros(frame.shape[:2], np.uint8) for _ in range(2))
    cv2.fillPoly(face, [true.points[list(OVAL)].astype(np.int32)], (1,))
    for points in (true.points, shown.points):
        cv2.fillPoly(mouth, [points[list(OUTER_LIPS)].astype(np.int32)], (1,))
    margin = max(3, int(MOUTH_MARGIN * true.eye_distance)) | 1
    mouth = cv2.dilate(mouth, np.ones((margin, margin), np.uint8)) > 0
    below = np.arange(frame.shape[0])[:, None] >= true.points[NOSE, 1]
    skin = (face > 0) & below & ~mouth
    error = (frame.astype(np.float64) - result) ** 2
    sharpness = [
        cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_64F)[mouth].var()
        for image in (frame, result)
    ]
    ratio = sharpness[1] / max(sharpness[0], 1e-6)
    return float(error[skin].mean()), float(error[mouth].mean()), float(ratio)


def psnr(errors: np.ndarray) -> float:
    """Compute the PSNR in decibel of mean squared errors of frames [t]."""
    return float(10 * np.log10(255**2 / max(float(np.nanmean(errors)), 1e-3)))
