"""Faces found in a video, kept on disk under the content of the file."""

import contextlib
import hashlib
import os
import pathlib
import zipfile

import numpy as np

from avjax.errors import InputError
from avjax.media.face_detection import detect
from avjax.media.face_tracking import MAX_GAP, Looks, Track, follow, follow_all, look
from avjax.media.files import cache_folder, refusing, whole_file
from avjax.media.video_reader import read_at_rate, read_frames

VERSION = 1  # to be raised with every change of what the detector finds


def cached_track(
    path: str | os.PathLike,
    index: int = 0,
    every: int = 1,
    max_gap: int = MAX_GAP,
    fps: float | None = None,
) -> Track:
    """track() over a video's own frames, or over those that it shows at another rate.

    What the detector finds is kept on disk under the content of the file, so that
    neither another name for it nor the choice of another face makes it look again.
    """
    return follow(_cached_looks(path, every, fps), index, max_gap)


def cached_tracks(
    path: str | os.PathLike, every: int = 1, fps: float | None = None
) -> list[Track]:
    """The same for everybody who is found, the most important first."""
    return follow_all(_cached_looks(path, every, fps))


def _cached_looks(path: str | os.PathLike, every: int, fps: float | None) -> Looks:
    rate = f"-{fps:g}fps" if fps else ""
    name = f"{fingerprint(path)}-{every}{rate}-{VERSION}.npz"
    kept = cache_folder() / "faces" / name
    looks = _load(kept)
    if looks is None:
        frames = read_at_rate(path, fps) if fps else read_frames(path)
        looks = look(frames, detect, every)
        _keep(kept, looks)
    return looks


def fingerprint(path: str | os.PathLike) -> str:
    """A name for the content of a file."""
    with refusing(path, "read"), open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load(kept: pathlib.Path) -> Looks | None:
    """What was kept, if it is there and sound."""
    try:
        with np.load(kept, allow_pickle=False) as arrays:
            frames, every = map(int, arrays["extent"])
            return Looks(arrays["frame"], arrays["boxes"], frames, every)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _keep(kept: pathlib.Path, looks: Looks) -> None:
    """Writes what was found; where that cannot be done, it will be found again."""
    extent = np.array([looks.frames, looks.every])
    with contextlib.suppress(InputError, OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(kept) as part, open(part, "wb") as file:
            np.savez(file, frame=looks.frame, boxes=looks.boxes, extent=extent)
