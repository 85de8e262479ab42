"""Follow one person's face from one part of a video to the next."""

from collections.abc import Iterable, Iterator

import numpy as np

from avjax.constants import FPS
from avjax.data.builders.source import PeopleTracker

MAX_MOVE = 0.5  # of the same face between two parts, in sides of its box


class FaceFollower:
    """Chooses one face in each part of a video.

    In a new shot it is the most important face, or the one with the given index.
    Otherwise it is the face that is where the last part left it.

    Attributes:
        num_faces: Largest number of faces that were visible for a second in one part.
    """

    def __init__(self, tracker: PeopleTracker, face_index: int = 0):
        """Prepare to follow a face.

        Args:
            tracker: Tracks all faces through frames.
            face_index: Which face; 0 is the most important.
        """
        self.num_faces = 0
        self._tracker, self._face_index = tracker, face_index
        self._shot, self._last = -1, None

    def follow(self, frames: Iterable[np.ndarray], shot: int) -> np.ndarray:
        """Find the face in the next part of the video.

        Args:
            frames: Frames, u8 [t h w c=3]; they are read once and not kept.
            shot: Number of the shot that the frames belong to.

        Returns:
            Its landmarks in pixels, f32 [t 5 2]; NaN where the face was not found.
        """
        counter = [0]
        counted = _count(frames, counter)
        tracks = self._tracker(counted)
        boxes = [track.boxes for track in tracks]
        visible = [np.isfinite(track[:, 0]).sum() for track in boxes]
        needed = min(FPS, counter[0])
        seen = int(np.sum([count >= needed for count in visible]))
        self.num_faces = max(self.num_faces, seen)
        if shot != self._shot:
            self._last = None
        chosen = self._choose(boxes)
        self._shot, self._last = shot, None
        if chosen is None:
            return np.full((counter[0], 5, 2), np.nan, np.float32)
        if np.isfinite(boxes[chosen][-FPS:, 0]).any():
            self._last = boxes[chosen][np.isfinite(boxes[chosen][:, 0])][-1]
        return tracks[chosen].landmarks

    def _choose(self, boxes: list[np.ndarray]) -> int | None:
        """Choose the face of the last part, or else the one with the index."""
        if self._last is not None:
            starts = [track[:FPS][np.isfinite(track[:FPS, 0])] for track in boxes]
            distances = [
                _distance(start[0], self._last) if len(start) else np.inf
                for start in starts
            ]
            if distances and min(distances) < MAX_MOVE:
                return int(np.argmin(distances))
        return self._face_index if self._face_index < len(boxes) else None


def _distance(box: np.ndarray, other: np.ndarray) -> float:
    """Distance of the centres of two squares in sides of the larger one."""
    shift = (box[:2] + box[2:] - other[:2] - other[2:]) / 2
    return float(np.hypot(*shift) / max(box[2] - box[0], other[2] - other[0]))


def _count(frames: Iterable[np.ndarray], counter: list[int]) -> Iterator[np.ndarray]:
    """Pass frames on, and count them in counter[0]."""
    for frame in frames:
        counter[0] += 1
        yield frame
