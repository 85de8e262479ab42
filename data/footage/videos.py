"""Find the videos below a folder, their speakers and their transcripts."""

import collections
import os
import pathlib
from typing import NamedTuple

from avjax.data.footage.transcripts import SUFFIXES as TRANSCRIPT_SUFFIXES
from avjax.errors import InputError, not_a_folder
from avjax.typing import PathLike

VIDEO_SUFFIXES = (
    *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".h264"),
    *(".hevc", ".m1v", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov"),
    *(".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv"),
    *(".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv"),
)


class Video(NamedTuple):
    """A video file.

    Attributes:
        path: The file.
        name: Its path below the folder, with "/" between the parts.
        clip: The name without suffix, from which clips get their names; with suffix
            if another video has the same one.
        speaker: Name of the speaker.
        transcript: The text beside it; None: there is none.
    """

    path: pathlib.Path
    name: str
    clip: str
    speaker: str
    transcript: pathlib.Path | None


class Footage(NamedTuple):
    """The files below a folder.

    Attributes:
        videos: Videos, sorted by name.
        ignored: Names of files that are neither videos nor transcripts of one.
    """

    videos: list[Video]
    ignored: list[str]


def find_footage(raw: PathLike, one_speaker: bool = False) -> Footage:
    """Find all videos below a folder; links are followed, hidden files left out.

    Args:
        raw: The folder. A folder in it is a speaker; a video that is directly in it is
            a speaker, too.
        one_speaker: All videos show one speaker, whose name is that of the folder.

    Returns:
        The videos and the other files.

    Raises:
        InputError: If there is no such folder, or it has no videos.
    """
    root = pathlib.Path(raw)
    if not root.is_dir():
        raise InputError(not_a_folder(raw))
    names = _list_files(root)
    videos = [name for name in names if _suffix(name) in VIDEO_SUFFIXES]
    if not videos:
        raise InputError(f"{raw} has no videos (*.mp4, *.mov, *.mkv, ...)")
    stems = collections.Counter(os.path.splitext(name)[0] for name in videos)
    transcripts: dict[str, list[str]] = {}
    for name in names:
        if _suffix(name) in TRANSCRIPT_SUFFIXES:
            transcripts.setdefault(os.path.splitext(name)[0], []).append(name)
    found = []
    for name in videos:
        stem, _ = os.path.splitext(name)
        texts = sorted(
            transcripts.get(stem, []),
            key=lambda text: TRANSCRIPT_SUFFIXES.index(_suffix(text)),
        )
        speaker = name.partition("/")[0] if "/" in name else stem
        found.append(
            Video(
                path=root / name,
                name=name,
                clip=stem if stems[stem] == 1 else name,
                speaker=root.resolve().name if one_speaker else speaker,
                transcript=root / texts[0] if texts else None,
            )
        )
    used = {text for stem in stems for text in transcripts.get(stem, [])}
    return Footage(found, sorted(set(names) - set(videos) - used))


def _list_files(root: pathlib.Path) -> list[str]:
    """List the files below a folder, without hidden ones, each folder once."""
    names, visited = [], set()
    for folder, folders, files in os.walk(root, followlinks=True):
        visited.add(os.path.realpath(folder))
        folders[:] = [
            name
            for name in sorted(folders)
            if not name.startswith(".")
            and os.path.realpath(os.path.join(folder, name)) not in visited
        ]
        below = pathlib.Path(folder).relative_to(root)
        names += [
            (below / name).as_posix() for name in files if not name.startswith(".")
        ]
    return sorted(names)


def _suffix(name: str) -> str:
    """Return the suffix of a file name in lower case."""
    return os.path.splitext(name)[1].lower()
