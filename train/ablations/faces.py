"""Detection of faces: how many are found, how exact their landmarks are, and how fast.

    AVJAX_REAL=/path/to/real python -m avjax.train.ablations.faces [--json PATH]

Every clip in AVJAX_REAL (grid, news, bangla, talking) gives one frame; portraits and 24
puppets are added. Each image is shown as it is, and distorted; of a corpus of more than
a hundred images, every eighth one is distorted:

    turned    by 15, 30 or 45 degrees to either side
    dark      at a sixth of its brightness, with noise
    covered   a box of one colour over the mouth, or over one eye
    small     the face box has 64 or 40 pixels, in an image of 1280 x 720

A face is found if a detection has about its place and size. The error is the mean
distance of the five landmarks from the truth, in percent of the distance of the eyes.
The truth of a puppet is its geometry. That of other images is the median of what is
found in six slightly moved, turned and scaled copies of the undistorted frame, so
it tells how stable landmarks are and not whether they are right. `other` counts what is
found where no face is known. The last rows count it in images without people: two
dogs (AVJAX_REAL/portraits), photographs of things (denoise/polyu), and noise.
"""

import itertools
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np

from avjax.data import puppet
from avjax.data.puppet.eyes import EYE_LINE
from avjax.data.puppet.portrait import BUST_VIEW
from avjax.data.puppet.renderer import render_view
from avjax.errors import InputError
from avjax.faces.alignment import face_boxes, fit_similarity
from avjax.faces.detection import detect_faces
from avjax.media.image_io import read_image
from avjax.media.video_reader import read_frames
from avjax.train.ablations.results import ResultTable, make_parser, real_clips_folder

FRAME = 10  # of each clip
NUM_PUPPETS, PUPPET_SIZE = 24, 256
DOGS = "LivePortrait__s30.jpg", "ATVGnet__test7.jpg"
NUM_COPIES = 6
EVERY = 8  # image of a large corpus is distorted
SMALL_SHAPE = 720, 1280
MAX_DISTANCE, MAX_RATIO = 0.3, 1.6  # of a detection's box from the true one
COLUMNS = (
    *("images", "shown", "number", "found, %", "landmark error, % (median)"),
    *("landmark error, % (9 of 10 below)", "other", "ms"),
)


class TrueFace(NamedTuple):
    """An image and where its face is.

    Attributes:
        corpus: Name of the corpus.
        image: u8 [h w 3].
        landmarks: f64 [5 2].
    """

    corpus: str
    image: np.ndarray
    landmarks: np.ndarray


def make_puppets() -> Iterator[TrueFace]:
    """Render silent puppets; their landmarks follow from their geometry."""
    scale = PUPPET_SIZE / BUST_VIEW.side
    origin = np.array([BUST_VIEW.left, BUST_VIEW.top])
    for index in range(NUM_PUPPETS):
        person = puppet.make_puppet(0, index)
        face, pose = person.face, puppet.still_pose(1)
        frames, lips = render_view(
            person, puppet.articulate((), 1), pose, PUPPET_SIZE, BUST_VIEW
        )
        height = EYE_LINE - 0.13 * face.eye_size  # of the pupils
        points = [
            [0.5 - face.eyes, height],
            [0.5 + face.eyes, height],
            [0.5, face.nose_length],
        ]
        pixels = (np.array(points) - origin) * scale - 0.5
        landmarks = np.concatenate([pixels, lips[0, [0, 6]]])
        yield TrueFace("puppets", frames[0], landmarks)


def read_images(real: pathlib.Path) -> Iterator[tuple[str, np.ndarray]]:
    """Read one frame of every clip, and the portraits of people."""
    clips = {
        "GRID": (real / "grid" / "video").glob("*/*.mpg"),
        "news": (real / "news").glob("*.mp4"),
        "Bangla": (real / "bangla").glob("*.mp4"),
        "talking": (real / "talking").glob("*.mp4"),
    }
    for corpus, paths in clips.items():
        for path in sorted(paths):
            try:
                frames = itertools.islice(read_frames(path), FRAME, FRAME + 1)
                for frame in frames:
                    yield corpus, frame
            except InputError as error:
                print(f"skipped: {error}")
    for path in sorted((real / "portraits").iterdir()):
        if path.name not in DOGS:
            yield "portraits", read_image(path)


def find_truth(corpus: str, image: np.ndarray) -> TrueFace | None:
    """Locate the face by the median over slightly distorted copies of the image."""
    rng = np.random.default_rng(0)
    height, width = image.shape[:2]
    found = []
    for _ in range(NUM_COPIES):
        shift = rng.uniform(-0.02, 0.02, 2) * max(height, width)
        matrix = cv2.getRotationMatrix2D(
            (width / 2, height / 2), rng.uniform(-4, 4), rng.uniform(0.9, 1.1)
        )
        matrix[:, 2] += shift
        faces = detect_faces(warp(image, matrix, (height, width)))
        if len(faces.scores):
            inverse = cv2.invertAffineTransform(matrix)
            found.append(move(faces.landmarks[0], inverse))
    if len(found) < NUM_COPIES / 2:
        return None
    return TrueFace(corpus, image, np.median(found, axis=0))


def move(landmarks: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Map landmarks [5 2] by an affine map [2 3]."""
    return landmarks @ matrix[:, :2].T + matrix[:, 2]


def warp(image: np.ndarray, matrix: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Map an image by an affine map [2 3], averaging where it shrinks."""
    scale = float(np.hypot(*matrix[:, 0]))
    if scale < 0.7:
        size = [max(1, round(n * scale)) for n in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.diag([1 / scale, 1 / scale, 1])
        matrix[:, 2] += matrix[:, :2] @ [(1 - scale) / 2, (1 - scale) / 2]
    border = cv2.BORDER_REPLICATE
    return cv2.warpAffine(image, matrix, shape[::-1], borderMode=border)


def turn(face: TrueFace, degrees: float) -> TrueFace:
    """Turn an image about its face, in a frame that shows all of it."""
    diagonal = int(np.ceil(np.hypot(*face.image.shape[:2])))
    middle = face.landmarks.mean(0)
    matrix = cv2.getRotationMatrix2D(middle.tolist(), -degrees, 1.0)
    matrix[:, 2] += diagonal / 2 - middle
    image = warp(face.image, matrix, (diagonal, diagonal))
    return face._replace(image=image, landmarks=move(face.landmarks, matrix))


def darken(face: TrueFace) -> TrueFace:
    """Show a sixth of the brightness with the noise of a camera."""
    noise = np.random.default_rng(0).normal(0, 2, face.image.shape)
    image = np.clip(face.image / 6 + noise, 0, 255).astype(np.uint8)
    return face._replace(image=image)


def cover(face: TrueFace, points: list[int], width: float, height: float) -> TrueFace:
    """Cover some landmarks by a box, its sides in eye distances."""
    scale = np.hypot(*(face.landmarks[1] - face.landmarks[0]))
    middle = face.landmarks[points].mean(0)
    half = np.array([width, height]) * scale / 2
    start, end = (np.rint(middle + s * half).astype(int) for s in (-1, 1))
    image = face.image.copy()
    cv2.rectangle(image, start.tolist(), end.tolist(), (96, 110, 130), -1)
    return face._replace(image=image)


def shrink(face: TrueFace, pixels: int) -> TrueFace:
    """Show the face so that its box has this side, in a grey image."""
    box = face_boxes(fit_similarity(face.landmarks))
    scale = pixels / float(box[2] - box[0])
    middle = np.array(SMALL_SHAPE[::-1]) / 2
    matrix = np.array([[scale, 0, 0], [0, scale, 0]])
    matrix[:, 2] = middle - scale * face.landmarks.mean(0)
    image = np.full((*SMALL_SHAPE, 3), 110, np.uint8)
    small = warp(face.image, matrix, SMALL_SHAPE)
    height, width = face.image.shape[:2]
    left, top = np.clip(np.rint(matrix[:, 2]).astype(int), 0, None)
    right, bottom = np.rint(matrix @ [width, height, 1]).astype(int)
    image[top:bottom, left:right] = small[top:bottom, left:right]
    return face._replace(image=image, landmarks=move(face.landmarks, matrix))


DISTORTIONS: dict[str, list[Callable[[TrueFace], TrueFace]]] = {
    "as it is": [lambda face: face],
    "turned by 15°": [lambda face: turn(face, 15), lambda face: turn(face, -15)],
    "turned by 30°": [lambda face: turn(face, 30), lambda face: turn(face, -30)],
    "turned by 45°": [lambda face: turn(face, 45), lambda face: turn(face, -45)],
    "dark": [darken],
    "mouth covered": [lambda face: cover(face, [3, 4], 1.3, 0.8)],
    "one eye covered": [lambda face: cover(face, [0], 0.7, 0.6)],
    "box of 64 pixels": [lambda face: shrink(face, 64)],
    "box of 40 pixels": [lambda face: shrink(face, 40)],
}


class Found(NamedTuple):
    """What was found in one image.

    Attributes:
        error: Of the landmarks, in eye distances; NaN if the face was not found.
        others: Number of other detections.
        seconds: Time that it took.
    """

    error: float
    others: int
    seconds: float


def measure(face: TrueFace) -> Found:
    """Search an image and compare what is found with the truth."""
    start = time.process_time()
    faces = detect_faces(face.image)
    seconds = time.process_time() - start
    middle, size = face.landmarks.mean(0), box_side(face.landmarks)
    errors = []
    for landmarks in faces.landmarks:
        away = np.hypot(*(landmarks.mean(0) - middle)) / size
        ratio = box_side(landmarks) / size
        if away < MAX_DISTANCE and 1 / MAX_RATIO < ratio < MAX_RATIO:
            distances = np.hypot(*(landmarks - face.landmarks).T)
            eyes = np.hypot(*(face.landmarks[1] - face.landmarks[0]))
            errors.append(float(distances.mean() / eyes))
    return Found(min(errors, default=np.nan), len(faces.scores) - len(errors), seconds)


def box_side(landmarks: np.ndarray) -> float:
    """Return the side of the face box of landmarks."""
    box = face_boxes(fit_similarity(landmarks))
    return float(box[2] - box[0])


def read_empty_images(real: pathlib.Path) -> dict[str, list[np.ndarray]]:
    """Read images without people."""
    dogs = [read_image(real / "portraits" / name) for name in DOGS]
    photos = sorted((real / "denoise" / "polyu").glob("*_mean.JPG"))
    things = [path for path in photos if "bulletin" not in path.name]  # portraits
    noise = []
    for n in range(1, 61):
        rng = np.random.default_rng(n)
        coarse = rng.integers(0, 256, (480 // n + 2, 640 // n + 2, 3), np.uint8)
        noise.append(cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC))
    return {
        "two dogs": dogs,
        "photographs of things": [read_image(path) for path in things],
        "noise, fine to coarse": noise,
    }


def main() -> None:
    """Measure all images and print the table."""
    parser = make_parser(__doc__)
    arguments = parser.parse_args()
    real = real_clips_folder(parser)
    faces, unknown = list(make_puppets()), 0
    for corpus, image in read_images(real):
        face = find_truth(corpus, image)
        faces += [face] if face else []
        unknown += face is None
    table = ResultTable("Detection of faces", *COLUMNS)
    for corpus in dict.fromkeys(face.corpus for face in faces):
        chosen = [face for face in faces if face.corpus == corpus]
        few = chosen[:: EVERY if len(chosen) > 100 else 1]
        for name, distortions in DISTORTIONS.items():
            shown = chosen if name == "as it is" else few
            found = [measure(distort(f)) for f in shown for distort in distortions]
            errors = np.array([one.error for one in found])
            known = errors[np.isfinite(errors)]
            median, high = 100 * np.quantile(
                known if len(known) else np.nan, [0.5, 0.9]
            )
            others = sum(one.others for one in found)
            seconds = float(np.mean([one.seconds for one in found]))
            share = 100 * len(known) / len(found)
            row = len(found), share, median, high, others, 1e3 * seconds
            table.add(corpus, name, *row)
    for name, images in read_empty_images(real).items():
        start = time.process_time()
        count = sum(len(detect_faces(image).scores) for image in images)
        seconds = (time.process_time() - start) / max(1, len(images))
        table.add(name, "as it is", len(images), None, None, None, count, 1e3 * seconds)
    data = "one frame of each clip; the clips are not part of the project"
    if unknown:
        data += f"; {unknown} frames without a known face were left out"
    table.write(arguments.json, data=data)


if __name__ == "__main__":
    main()
