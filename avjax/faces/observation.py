"""Find the faces of a video and follow each from frame to frame by its landmarks.

Whole frames are searched only at the start, after cuts, when a face is lost, and now
and then for new ones.
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import NamedTuple

import cv2
import numpy as np

from avjax.constants import FPS
from avjax.faces.alignment import fit_similarity
from avjax.faces.appearance import appearance_distances, describe_face, normalize
from avjax.faces.detection import Faces, detect_faces, refine_landmarks

MAX_FACES = 10  # that are followed at once
SEARCH_SECONDS = 1.0  # from one search for new people to the next
RETRY_SECONDS = 0.12  # from one search to the next while a face is missing
THOROUGH_SECONDS = 0.5  # from one search for small and tilted faces to the next
MIN_SCORE = 0.6  # probability of a face with which it is followed
MAX_MOVE = 0.6  # largest move from a frame to the next, in eye distances
MAX_GROWTH = 1.3  # largest change of size from a frame to the next
SAME_PLACE = 0.7  # in eye distances: two faces cannot be closer
MAX_CHANGE = 0.15  # of the half that changes less; a larger one is another person
MEMORY = 0.9  # share of the past in the appearance of a face
CUT_LEVELS = 25.0  # grey levels by which the frames at a cut differ
BLANK_LEVELS = 4.0  # standard deviation, in grey levels, of a frame without a picture
THUMBNAIL = (32, 18)  # size in pixels at which frames are compared
SAMPLES = (128, 72)  # size to which larger frames are sampled before

Detect = Callable[[np.ndarray, bool], Faces]
Refine = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, float]]


class Observations(NamedTuple):
    """All faces that were seen in a video.

    A trace is one face, followed from frame to frame without a gap.

    Attributes:
        frame: Frame number of each observation, i64 [n], ascending.
        trace: Number of its trace, i64 [n].
        landmarks: f32 [n 5 2] in pixels.
        descriptors: Mean appearance of each trace, f32 [m 2 d].
        cuts: First frame of each scene but the first, i64 [c].
        num_frames: Number of frames of the video.
        fps: Frames per second.
    """

    frame: np.ndarray
    trace: np.ndarray
    landmarks: np.ndarray
    descriptors: np.ndarray
    cuts: np.ndarray
    num_frames: int
    fps: float


def observe_faces(
    images: Iterable[np.ndarray],
    fps: float = FPS,
    detect: Detect = detect_faces,
    refine: Refine = refine_landmarks,
) -> Observations:
    """Find and follow all faces in a sequence of images.

    Args:
        images: Frames u8 [h w c=3]. They are read once and not kept in memory.
        fps: Frames per second.
        detect: Function from an image, and whether to search it thoroughly, to faces.
        refine: Function from an image, and landmarks f32 [5 2] near which a face is
            expected, to its landmarks f32 [5 2] and the probability of a face.

    Returns:
        All observations.
    """
    observer = _Observer(fps, detect, refine)
    for image in images:
        observer.add(image)
    return observer.observations()


def face_distance(landmarks: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Compare the places and the sizes of two faces.

    Args:
        landmarks: f32 [5 2] in pixels.
        other: f32 [5 2] in pixels.

    Returns:
        The distance of their mouths in units of the larger eye distance, and the larger
        of their sizes over the smaller one.
    """
    (a, b, *mouth), (c, d, *other_mouth) = fit_similarity(np.stack([landmarks, other]))
    sizes = sorted([float(np.hypot(a, b)), float(np.hypot(c, d))])
    away = float(np.hypot(*np.subtract(mouth, other_mouth)))
    return away / max(sizes[1], 1e-6), sizes[1] / max(sizes[0], 1e-6)


@dataclasses.dataclass
class _Trace:
    """A face that is being followed.

    Attributes:
        number: Number of the trace.
        landmarks: Its last landmarks, f32 [5 2].
        recent: Its appearance in recent frames, f32 [2 d].
        change: Distance of the last frame from it.
    """

    number: int
    landmarks: np.ndarray
    recent: np.ndarray
    change: float = 0.0


class _Observer:
    """Reads frames one after another; of those before, it holds a thumbnail."""

    def __init__(self, fps: float, detect: Detect, refine: Refine):
        self._fps, self._detect, self._refine = fps, detect, refine
        self._rows: list[tuple[int, int, np.ndarray]] = []
        self._totals: list[np.ndarray] = []  # sums of the descriptors of each trace
        self._active: list[_Trace] = []
        self._cuts: list[int] = []
        self._num_frames = 0
        self._thumbnail: np.ndarray | None = None
        self._restart()

    def _restart(self) -> None:
        """Forget all faces; search the next frame thoroughly."""
        self._active = []
        self._most_faces = 1  # at once in this scene
        self._searched = self._searched_thoroughly = -np.inf  # frames

    def add(self, image: np.ndarray) -> None:
        """Observe the next frame."""
        if self._is_cut(image):
            self._cuts.append(self._num_frames)
            self._restart()
        followed = [trace for trace in self._active if self._follow(image, trace)]
        followed = _without_duplicates(followed)
        if len(followed) < len(self._active):
            self._searched = -np.inf
        self._active = followed
        self._search(image)
        self._most_faces = max(self._most_faces, len(self._active))
        for trace in self._active:
            self._rows.append((self._num_frames, trace.number, trace.landmarks))
        self._num_frames += 1

    def observations(self) -> Observations:
        """Return what has been observed so far."""
        return Observations(
            np.asarray([frame for frame, _, _ in self._rows], np.int64),
            np.asarray([number for _, number, _ in self._rows], np.int64),
            np.asarray([row[2] for row in self._rows], np.float32).reshape(-1, 5, 2),
            normalize(np.asarray(self._totals, np.float32)),
            np.asarray(self._cuts, np.int64),
            self._num_frames,
            self._fps,
        )

    def _is_cut(self, image: np.ndarray) -> bool:
        """Compare a frame with the one before; blank frames are no scenes."""
        small = _make_thumbnail(image)
        if small.std() < BLANK_LEVELS:
            return False
        before, self._thumbnail = self._thumbnail, small
        if before is None:
            return False
        return cv2.norm(before, small, cv2.NORM_L1) > CUT_LEVELS * small.size

    def _follow(self, image: np.ndarray, trace: _Trace) -> bool:
        """Find a face in the next frame; False if it is lost."""
        landmarks, score = self._refine(image, trace.landmarks)
        if score < MIN_SCORE:
            return False
        away, growth = face_distance(landmarks, trace.landmarks)
        if away > MAX_MOVE or growth > MAX_GROWTH:
            return False
        descriptor = describe_face(image, landmarks)
        changes = appearance_distances(descriptor, trace.recent)
        if min(changes) > MAX_CHANGE:
            return False
        trace.change = float(np.mean(changes))
        trace.landmarks = landmarks
        trace.recent = normalize(MEMORY * trace.recent + (1 - MEMORY) * descriptor)
        self._totals[trace.number] += descriptor
        return True

    def _search(self, image: np.ndarray) -> None:
        """Search the frame for new faces, if it is time."""
        now, fps = self._num_frames, self._fps
        missing = len(self._active) < self._most_faces
        interval = RETRY_SECONDS if missing else SEARCH_SECONDS
        if now - self._searched < interval * fps:
            return
        pause = now - self._searched_thoroughly
        thorough = not self._active and pause >= THOROUGH_SECONDS * fps
        self._searched = now
        if thorough:
            self._searched_thoroughly = now
        for landmarks in self._detect(image, thorough).landmarks:
            known = [
                face_distance(trace.landmarks, landmarks)[0] < SAME_PLACE
                for trace in self._active
            ]
            if any(known) or len(known) >= MAX_FACES:
                continue
            descriptor = describe_face(image, landmarks)
            self._active.append(_Trace(len(self._totals), landmarks, descriptor))
            self._totals.append(descriptor.copy())


def _make_thumbnail(image: np.ndarray) -> np.ndarray:
    """Shrink a frame; to save time, not every pixel of a large one is read."""
    if image.shape[1] > SAMPLES[0] and image.shape[0] > SAMPLES[1]:
        image = cv2.resize(image, SAMPLES, interpolation=cv2.INTER_LINEAR)
    return cv2.resize(image, THUMBNAIL, interpolation=cv2.INTER_AREA)


def _without_duplicates(traces: list[_Trace]) -> list[_Trace]:
    """Of traces that have met at one face, keep the one that looks like it."""
    kept: list[_Trace] = []
    for trace in sorted(traces, key=lambda trace: trace.change):
        places = (face_distance(trace.landmarks, one.landmarks) for one in kept)
        if all(away >= SAME_PLACE for away, _ in places):
            kept.append(trace)
    return sorted(kept, key=lambda trace: trace.number)
