"""A photo or a video as an endless stream of frames, with the face box of each."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from avjax.constants import FPS
from avjax.errors import FaceNotFoundError, InputError
from avjax.faces import cache, tracking
from avjax.faces.alignment import fit_similarity, landmarks_in_box
from avjax.faces.tracking import FaceTrack
from avjax.media.image_io import is_image, read_image
from avjax.media.video_reader import (
    count_at_rate,
    ping_pong,
    ping_pong_indices,
    probe,
    read_frames,
)
from avjax.typing import Box, PathLike

MIN_FPS = 8  # frames of slower clips are repeated, so that the lips can move


@dataclasses.dataclass(frozen=True)
class FaceSource:
    """Frames that show a face.

    Attributes:
        shape: Height and width of the frames in pixels.
        fps: Frames per second.
        boxes: Face box of each frame, f32 [t 4]; NaN where no face was found.
        play: Function from a number n to an iterator over n frames, u8 [h w c=3]; a
            clip that is too short is played back and forth.
        track: Landmarks of each frame; None where the user gave the box.
        remarks: Sentences about the file, for a report.
    """

    shape: tuple[int, int]
    fps: Fraction
    boxes: np.ndarray
    play: Callable[[int], Iterator[np.ndarray]]
    track: FaceTrack | None = None
    remarks: tuple[str, ...] = ()

    @functools.cached_property
    def similarities(self) -> np.ndarray:
        """Similarity of each frame, see `avjax.faces.alignment`, f64 [t 4]."""
        if self.track is not None:
            return self.track.similarities
        return fit_similarity(np.stack([landmarks_in_box(box) for box in self.boxes]))

    @property
    def profile(self) -> np.ndarray:
        """Mask of the frames in which the face is seen from the side, bool [t]."""
        if self.track is not None:
            return self.track.profile
        return np.zeros(len(self.boxes), bool)


def open_face_source(
    source: PathLike | np.ndarray,
    box: tuple[float, ...] | None = None,
    face_index: int = 0,
) -> FaceSource:
    """Open a photo or a video and find the face in it.

    Args:
        source: The path of an image or a video, an image u8 [h w c=3], or frames u8
            [t h w c=3] at 25 frames per second.
        box: Position of the face as x, y, width, height in pixels, if it is known.
        face_index: Which face; 0 is the most important.

    Returns:
        The frames and the face box of each.

    Raises:
        InputError: The source or the box cannot be used.
        FaceNotFoundError: No face was found.
    """
    check_face_index(face_index, box)
    if isinstance(source, np.ndarray):
        return _open_array(source, box, face_index)
    if is_image(source):
        return _open_photo(read_image(source), source, box, face_index)
    return _open_video(source, box, face_index)


def _open_array(
    array: np.ndarray, box: tuple[float, ...] | None, face_index: int
) -> FaceSource:
    check_frames(array, "an image or frames", ndims=(3, 4))
    if array.ndim == 3:
        return _open_photo(array, "the image", box, face_index)
    track = tracking.track_face(array, face_index) if box is None else None
    boxes = _boxes(track, box, array.shape[1:3], len(array))
    _check_found(boxes, "the frames", face_index)
    period = ping_pong_indices(len(array), max(1, 2 * len(array) - 2))

    def play(count: int) -> Iterator[np.ndarray]:
        return itertools.islice((array[i] for i in itertools.cycle(period)), count)

    return FaceSource(array.shape[1:3], Fraction(FPS), boxes, play, track)


def _open_video(
    path: PathLike, box: tuple[float, ...] | None, face_index: int
) -> FaceSource:
    info = probe(path, "a picture or a video")
    if info.num_frames == 1:
        photo = _open_photo(next(read_frames(path)), path, box, face_index)
        return dataclasses.replace(photo, remarks=info.remarks)
    shape, fps, remarks = (info.height, info.width), info.fps, info.remarks
    if fps < MIN_FPS:
        fps = Fraction(FPS)
        rate = f"the clip has only {float(info.fps):.3g} fps"
        remark = f"warning: {rate}; its frames are repeated to reach {FPS} fps"
        remarks = (*remarks, remark)
    track = cache.track_video(path, face_index, fps) if box is None else None
    boxes = _boxes(track, box, shape, count_at_rate(path, fps))
    _check_found(boxes, path, face_index)
    return FaceSource(
        shape, fps, boxes, lambda count: ping_pong(path, count, fps), track, remarks
    )


def _open_photo(
    rgb: np.ndarray, name: PathLike, box: tuple[float, ...] | None, face_index: int
) -> FaceSource:
    shape = rgb.shape[0], rgb.shape[1]
    track = tracking.track_face([rgb], face_index) if box is None else None
    boxes = _boxes(track, box, shape, 1)
    _check_found(boxes, name, face_index)
    return FaceSource(
        shape, Fraction(FPS), boxes, lambda count: itertools.repeat(rgb, count), track
    )


def _boxes(
    track: FaceTrack | None,
    box: tuple[float, ...] | None,
    shape: tuple[int, int],
    num_frames: int,
) -> np.ndarray:
    """Return the box of each frame, f32 [t 4]: the user's box, or that of the track."""
    if track is not None:
        return track.boxes
    return np.tile(square_box(box or (), shape), (num_frames, 1))


def _check_found(boxes: np.ndarray, name: PathLike, face_index: int) -> None:
    """Raise FaceNotFoundError if no frame has a box."""
    if not np.isfinite(boxes).any():
        raise FaceNotFoundError(no_face_message(name, face_index))


def check_face_index(face_index: int, box: tuple[float, ...] | None) -> None:
    """Raise InputError if a face index is negative, or contradicts a box."""
    if face_index < 0:
        raise InputError(f"faces are counted from 0, so {face_index} is not an index")
    if face_index and box is not None:
        raise InputError("a box and a face index both choose a face; give one of them")


def check_frames(array: np.ndarray, name: str, ndims: tuple[int, ...] = (4,)) -> None:
    """Raise InputError unless an array is u8 [t h w c=3], or an image if allowed."""
    if (
        array.ndim not in ndims
        or array.shape[-1] != 3
        or array.dtype != np.uint8
        or not array.size
    ):
        layouts = {3: "[height, width, 3]", 4: "[time, height, width, 3]"}
        expected = " or ".join(layouts[ndim] for ndim in ndims)
        raise InputError(f"{name} must be an array of uint8 {expected}")


def no_face_message(name: PathLike, face_index: int) -> str:
    """Return the error message for a photo or video without a detected face."""
    missing = "no face"
    if face_index:
        missing += (
            f" number {face_index} (number 0 is the most important face, by its size "
            "and time on screen)"
        )
    return f"{missing} was found in {name}; give the box of the face"


def square_box(box: tuple[float, ...], shape: tuple[int, int]) -> np.ndarray:
    """Convert a user's box to the square around the same centre.

    Args:
        box: x, y, width, height in pixels.
        shape: Height and width of the image.

    Returns:
        x0, y0, x1, y1 of the square, f32 [4]. It may reach beyond the image.

    Raises:
        InputError: The box is empty, or reaches beyond the image.
    """
    text = ",".join(f"{number:g}" for number in box)
    if len(box) != 4 or not np.isfinite(box).all() or min(box[2:]) <= 0:
        raise InputError(f"the box {text} is not x,y,w,h with w and h above 0")
    x, y, width, height = box
    edges = Box.from_xywh(x, y, width, height)
    if x < 0 or y < 0 or edges.x1 > shape[1] or edges.y1 > shape[0]:
        raise InputError(
            f"the box {text} reaches beyond the image of {shape[1]} x {shape[0]} pixels"
        )
    middle = np.array([x + width / 2, y + height / 2])
    half = max(width, height) / 2
    return np.concatenate([middle - half, middle + half]).astype(np.float32)
