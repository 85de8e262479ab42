"""Track faces in video files; observations are cached on disk by file content."""

import contextlib
import hashlib
import os
import pathlib
import zipfile
from fractions import Fraction

import numpy as np

from avjax.console import report_items
from avjax.errors import InputError
from avjax.faces.observation import Observations, observe_faces
from avjax.faces.tracking import FaceTrack, link_tracks, select_track
from avjax.media.files import atomic_file, cache_folder, wrap_os_errors
from avjax.media.video_reader import count_at_rate, probe, read_at_rate
from avjax.typing import PathLike

VERSION = 4  # increase it with every change of what is observed


def track_video(
    path: PathLike, index: int = 0, fps: float | Fraction | None = None
) -> FaceTrack:
    """Track one face through a video file.

    What is seen of all faces is cached by the content of the file, so a renamed file or
    another face in it is not searched again.

    Args:
        path: The video file.
        index: Which face; 0 is the most important.
        fps: Sample the video at this many frames per second. None: its frame rate.

    Returns:
        The track; all landmarks are NaN if there is no such face.

    Raises:
        InputError: The video cannot be read.
    """
    return select_track(_cached_observations(path, fps), index)


def track_all_in_video(
    path: PathLike, fps: float | Fraction | None = None
) -> list[FaceTrack]:
    """Track all faces in a video file.

    Args:
        path: The video file.
        fps: Sample the video at this many frames per second. None: its frame rate.

    Returns:
        One track for each person, the most important one first.

    Raises:
        InputError: The video cannot be read.
    """
    return link_tracks(_cached_observations(path, fps))


def _cached_observations(path: PathLike, fps: float | Fraction | None) -> Observations:
    fps = probe(path).fps if fps is None else fps
    folder = cache_folder() or pathlib.Path(os.devnull)  # where nothing can be kept
    name = f"{fingerprint(path)}-{float(fps):g}fps-{VERSION}.npz"
    cache = folder / "faces" / name
    observations = _load(cache)
    if observations is None:
        count = count_at_rate(path, fps)
        frames = report_items(read_at_rate(path, fps), "finding the face", count)
        observations = observe_faces(frames, float(fps))
        _save(cache, observations)
    return observations


def fingerprint(path: PathLike) -> str:
    """Return the SHA-256 digest of a file in hexadecimal digits."""
    with wrap_os_errors(path, "read"), open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load(cache: pathlib.Path) -> Observations | None:
    """Load cached observations; None if the file is absent or damaged."""
    try:
        with np.load(cache, allow_pickle=False) as arrays:
            values = {name: arrays[name] for name in Observations._fields}
            num_frames, fps = int(values["num_frames"]), float(values["fps"])
            return Observations(**values)._replace(num_frames=num_frames, fps=fps)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _save(cache: pathlib.Path, observations: Observations) -> None:
    """Save observations; errors are ignored, because the cache is optional."""
    with contextlib.suppress(InputError, OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(cache) as temporary, open(temporary, "wb") as file:
            np.savez(file, **observations._asdict())
