"""A video as mouth images at 25 frames per second, in overlapping windows.

Windows overlap, so that a network sees the context of every frame whose output is used.
Of a long video, one window is in memory at a time. Windows have few different lengths,
so that few programs are compiled.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from avjax.console import status, track
from avjax.constants import FPS
from avjax.errors import FaceNotFoundError, InputError
from avjax.faces import cache, crop, tracking
from avjax.faces.alignment import fit_similarity, landmarks_in_box
from avjax.faces.mouth_crop import MEAN_GREY, center_crop_mouths
from avjax.faces.source import (
    check_face_index,
    check_frames,
    no_face_message,
    square_box,
)
from avjax.media import video_reader
from avjax.media.image_io import is_image
from avjax.typing import PathLike

WINDOW_LENGTHS = (25, 30, 40, 50, 75, 100)  # frames; long videos use the last one
CONTEXT_FRAMES = 20  # frames at each end of a window that another window outputs


class MouthWindow(NamedTuple):
    """Consecutive frames of a video.

    Attributes:
        first: Number of the first frame.
        images: u8 [t h w c=1]; after the end of the video, the last image repeats.
        frame_mask: f32 [t], 0 after the end and where no face was found, else 1.
        core: The frames of the window whose outputs are used.
    """

    first: int
    images: np.ndarray
    frame_mask: np.ndarray
    core: slice


@dataclasses.dataclass(frozen=True)
class MouthVideo:
    """A video of a speaking face, sampled at 25 frames per second.

    Attributes:
        source: The path of a video, or frames u8 [t h w c=3] at 25 frames per second.
        boxes: Face box of each frame, f32 [t 4]; NaN where no face was found.
        lower_face: Show the whole lower face instead of the mouth, as published lip
            readers expect.
        track: The track of the face; None: only boxes are known.
    """

    source: PathLike | np.ndarray
    boxes: np.ndarray
    lower_face: bool = False
    track: tracking.FaceTrack | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def face_found(self) -> np.ndarray:
        """Mask of the frames in which the face was found, bool [t]."""
        return np.isfinite(self.boxes[:, 0])

    @property
    def profile(self) -> np.ndarray:
        """Mask of the frames in which the face is seen from the side, bool [t]."""
        return np.zeros(len(self), bool) if self.track is None else self.track.profile

    @property
    def similarities(self) -> np.ndarray:
        """Similarities, see `avjax.faces.alignment`, f64 [t 4]; NaN without a face."""
        if self.track is not None:
            return self.track.similarities
        landmarks = np.stack([landmarks_in_box(box) for box in self.boxes])
        return fit_similarity(landmarks)

    def frames(self) -> Iterator[np.ndarray]:
        """Read the frames u8 [h w c=3] at 25 frames per second."""
        if isinstance(self.source, np.ndarray):
            return iter(self.source)
        return video_reader.read_at_rate(self.source, FPS)

    def mouth_images(self, size: int) -> Iterator[np.ndarray]:
        """Read the mouth in every frame.

        Args:
            size: Side of the images in pixels.

        Yields:
            Images u8 [size size 1]; uniformly grey where no face was found.
        """
        blank = np.full((size, size, 1), MEAN_GREY, np.uint8)
        for frame, box in zip(self.frames(), self.boxes, strict=True):
            if not np.isfinite(box[0]):
                yield blank
            elif self.lower_face:
                yield crop.crop_lower_face(frame, box, size)
            else:
                yield center_crop_mouths(crop.crop_mouth(frame, box)[None], size)[0]

    def face_images(
        self, size: int, crop_region: Callable[[np.ndarray], np.ndarray]
    ) -> Iterator[np.ndarray]:
        """Read the face in every frame.

        Args:
            size: Side of the images in pixels.
            crop_region: Function from a face box f32 [4] to the box to crop, f32 [4].

        Yields:
            Images u8 [size size 3]; black where no face was found.
        """
        blank = np.zeros((size, size, 3), np.uint8)
        for frame, box in zip(self.frames(), self.boxes, strict=True):
            has_face = np.isfinite(box[0])
            yield crop.crop_box(frame, crop_region(box), size) if has_face else blank

    def windows(self, size: int) -> Iterator[MouthWindow]:
        """Read the video in overlapping windows of one length.

        Args:
            size: Side of the images in pixels.

        Yields:
            The windows in order; their `core` frames cover each frame exactly once.
        """
        count = len(self)
        longest = WINDOW_LENGTHS[-1]
        length = min((n for n in WINDOW_LENGTHS if n >= count), default=longest)
        images = self.mouth_images(size)
        window: list[np.ndarray] = []
        previous, core_start = 0, 0
        for start in window_starts(count, length):
            end = min(start + length, count)
            window = window[start - previous :]
            window += itertools.islice(images, end - start - len(window))
            padding = length - len(window)
            frame_mask = self.face_found[start:end].astype(np.float32)
            core_end = end if end == count else end - CONTEXT_FRAMES
            yield MouthWindow(
                first=start,
                images=np.stack(window + padding * window[-1:]),
                frame_mask=np.pad(frame_mask, (0, padding)),
                core=slice(core_start - start, core_end - start),
            )
            previous, core_start = start, core_end


def window_starts(num_frames: int, length: int) -> list[int]:
    """Return the first frame of each window; the last window ends with the video.

    Args:
        num_frames: Number of frames of the video.
        length: Number of frames of a window.

    Returns:
        Frame numbers in ascending order.
    """
    last = num_frames - length
    if last <= 0:
        return [0]
    return [*range(0, last, length - 2 * CONTEXT_FRAMES), last]


def open_mouth_video(
    video: PathLike | np.ndarray,
    box: tuple[float, ...] | None = None,
    face_index: int = 0,
    progress: bool = False,
) -> MouthVideo:
    """Open a video and find the speaking face in it.

    Args:
        video: The path of a video, or frames u8 [t h w c=3] at 25 frames per second.
        box: Position of the face as x, y, width, height in pixels, if it is known.
        face_index: Which face; 0 is the most important.
        progress: Show a spinner while the face is searched.

    Returns:
        The video and the face box of each frame.

    Raises:
        InputError: The video or the box cannot be used.
        FaceNotFoundError: No face was found.
    """
    check_face_index(face_index, box)
    check_video(video)
    if box is not None:
        return MouthVideo(video, _constant_boxes(video, box))
    with status("finding the face", progress=progress):
        track = _track(video, face_index)
    if not track.present.any():
        name = "the frames" if isinstance(video, np.ndarray) else video
        raise FaceNotFoundError(no_face_message(name, face_index))
    return MouthVideo(video, track.boxes, track=track)


def _track(video: PathLike | np.ndarray, face_index: int) -> tracking.FaceTrack:
    """Track a face."""
    if isinstance(video, np.ndarray):
        return tracking.track_face(video, face_index)
    return cache.track_video(video, face_index, fps=FPS)


def _constant_boxes(video: PathLike | np.ndarray, box: tuple[float, ...]) -> np.ndarray:
    """Repeat one box x, y, width, height for every frame; return f32 [t 4]."""
    if isinstance(video, np.ndarray):
        count, height, width = video.shape[:3]
    else:
        info = video_reader.probe(video)
        height, width = info.height, info.width
        count = video_reader.count_at_rate(video, FPS)
    return np.tile(square_box(box, (height, width)), (count, 1))


def open_all_faces(
    video: PathLike | np.ndarray, progress: bool = False
) -> list[MouthVideo]:
    """Open a video once for each face in it.

    Args:
        video: The path of a video, or frames u8 [t h w c=3] at 25 frames per second.
        progress: Show a spinner while the faces are searched.

    Returns:
        One `MouthVideo` for each face, the most important first.

    Raises:
        InputError: The video cannot be used.
        FaceNotFoundError: No face was found.
    """
    check_video(video)
    with status("finding the faces", progress=progress):
        if isinstance(video, np.ndarray):
            tracks = tracking.track_all_faces(video)
        else:
            tracks = cache.track_all_in_video(video, fps=FPS)
    if not tracks:
        name = "the frames" if isinstance(video, np.ndarray) else video
        raise FaceNotFoundError(no_face_message(name, 0))
    return [MouthVideo(video, track.boxes, track=track) for track in tracks]


def check_video(video: PathLike | np.ndarray) -> None:
    """Raise InputError for a photo, and for an array of another layout."""
    if isinstance(video, np.ndarray):
        check_frames(video, "a video")
    elif is_image(video):
        raise InputError(f"{video} is a photo; give a video")


def run_windows(
    video: MouthVideo,
    size: int,
    network: Callable[[np.ndarray, np.ndarray], np.ndarray],
    progress: bool = False,
) -> np.ndarray:
    """Run a network over a video window by window, and concatenate its outputs.

    Args:
        video: The video.
        size: Side of the mouth images in pixels.
        network: Function from images u8 [1 t h w c=1] and a frame mask f32 [1 t] to
            outputs [1 r*t ...], where r is the number of outputs per frame.
        progress: Show a progress bar.

    Returns:
        The outputs for all frames, [r*t ...].
    """
    parts = []
    windows = track(
        video.windows(size),
        "reading the lips",
        total=len(window_starts(len(video), WINDOW_LENGTHS[-1])),
        progress=progress,
    )
    for window in windows:
        outputs = np.asarray(network(window.images[None], window.frame_mask[None]))[0]
        rate = len(outputs) // len(window.frame_mask)
        parts.append(outputs[rate * window.core.start : rate * window.core.stop])
    return np.concatenate(parts)
