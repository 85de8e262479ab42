"""Track faces in video files; detections are cached on disk by file content."""

import contextlib
import hashlib
import pathlib
import zipfile

import numpy as np

from avjax.errors import InputError
from avjax.media.face_detection import detect_faces
from avjax.media.face_tracking import (
    MAX_GAP_FRAMES,
    Detections,
    FaceTrack,
    detect_in_frames,
    link_all_tracks,
    link_track,
)
from avjax.media.files import atomic_file, cache_folder, wrap_os_errors
from avjax.media.video_reader import read_at_rate, read_frames
from avjax.typing import PathLike

VERSION = 1  # increase it with every change of the detector's results


def track_video(
    path: PathLike,
    index: int = 0,
    detect_every: int = 1,
    max_gap: int = MAX_GAP_FRAMES,
    fps: float | None = None,
) -> FaceTrack:
    """Track one face through a video file.

    The detections are cached by the content of the file, so the detector does not run
    again for a renamed file or for another face.

    Args:
        path: The video file.
        index: Which face; 0 is the largest.
        detect_every: Run the detector on every n-th frame; boxes between are
            interpolated.
        max_gap: The longest gap, in frames, to interpolate over.
        fps: Sample the video at this many frames per second. None: its own frames.

    Returns:
        The track, one box for each frame.

    Raises:
        InputError: The video cannot be read.
    """
    return link_track(_cached_detections(path, detect_every, fps), index, max_gap)


def track_all_in_video(
    path: PathLike, detect_every: int = 1, fps: float | None = None
) -> list[FaceTrack]:
    """Track all faces in a video file.

    Args:
        path: The video file.
        detect_every: Run the detector on every n-th frame.
        fps: Sample the video at this many frames per second. None: its own frames.

    Returns:
        One track for each face, the most important first.

    Raises:
        InputError: The video cannot be read.
    """
    return link_all_tracks(_cached_detections(path, detect_every, fps))


def _cached_detections(
    path: PathLike, detect_every: int, fps: float | None
) -> Detections:
    rate = f"-{fps:g}fps" if fps else ""
    name = f"{fingerprint(path)}-{detect_every}{rate}-{VERSION}.npz"
    cache = cache_folder() / "faces" / name
    detections = _load(cache)
    if detections is None:
        frames = read_at_rate(path, fps) if fps else read_frames(path)
        detections = detect_in_frames(frames, detect_faces, detect_every)
        _save(cache, detections)
    return detections


def fingerprint(path: PathLike) -> str:
    """Return the SHA-256 digest of a file in hexadecimal digits."""
    with wrap_os_errors(path, "read"), open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load(cache: pathlib.Path) -> Detections | None:
    """Load cached detections; None if the file is absent or damaged."""
    try:
        with np.load(cache, allow_pickle=False) as arrays:
            num_frames, detect_every = map(int, arrays["extent"])
            return Detections(
                arrays["frame"], arrays["boxes"], num_frames, detect_every
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _save(cache: pathlib.Path, detections: Detections) -> None:
    """Save detections; errors are ignored, because the cache is optional."""
    extent = np.array([detections.num_frames, detections.detect_every])
    with contextlib.suppress(InputError, OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(cache) as temporary, open(temporary, "wb") as file:
            np.savez(
                file, frame=detections.frame, boxes=detections.boxes, extent=extent
            )
