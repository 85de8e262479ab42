"""HDTF: people who speak into a camera, in stretches of published videos.

Source: Zhang et al., "Flow-Guided One-Shot Talking Face Generation With a High-
Resolution Audio-Visual Dataset", CVPR 2021. The corpus is a list of videos,
which have to be downloaded separately.

Layout: RD_annotion_time.txt (sic), WDA_..., WRA_..., with lines such as
"Radio11.mp4 00:30-01:00 01:30-02:30"; RD_crop_wh.txt, ..., with lines such as
"Radio11_1.mp4 557 478 0 478": left, width, top and height of the square around the face
of the second stretch. The videos are next to them or in a folder: Radio11.mp4, or
Radio11_1.mp4 if the stretch has been cut out.
"""

import dataclasses
import itertools
import pathlib
import zlib
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np

from avjax.constants import FPS, SAMPLE_RATE
from avjax.data.builders.clip_reader import crop_speaker
from avjax.data.builders.source import CorpusSource, Tracker
from avjax.data.schema import make_record
from avjax.errors import InputError
from avjax.faces.tracking import track_face
from avjax.media.audio_io import read_audio
from avjax.media.video_reader import read_at_rate
from avjax.text.normalization import read_text

_LISTS = ("RD", "WDA", "WRA")
_NUM_GROUPS = 20  # number of groups of speakers
_GROUP_SPLITS = {0: "val", 1: "test"}  # the other groups are in train


class HdtfClip(NamedTuple):
    """A stretch of a video.

    Attributes:
        name: Name of the stretch: "Radio11_1".
        path: The video file.
        start: Start in seconds.
        end: End in seconds; infinity: the end of the file.
        square: The square around the face in pixels: left, width, top, height.
    """

    name: str
    path: pathlib.Path
    start: float
    end: float
    square: tuple[int, int, int, int]

    def __str__(self) -> str:
        return f"{self.name} of {self.path}"


@dataclasses.dataclass(frozen=True)
class HdtfSource(CorpusSource):
    """HDTF: speeches and broadcasts, without transcripts.

    HDTF has no splits: here one speaker in twenty is in val, and one in test.

    Attributes:
        raw: Folder with the lists.
        face_size: Side of a face crop in pixels.
        tracker: Tracks the face through the frames of a clip.
    """

    raw: str
    face_size: int = 128
    tracker: Tracker = dataclasses.field(default=track_face, repr=False)

    name: ClassVar[str] = "hdtf"

    def list_clips(self) -> dict[str, list[HdtfClip]]:
        """List the stretches of train, val and test. See `CorpusSource.list_clips`."""
        root = pathlib.Path(self.raw)
        videos = {path.name: path for path in sorted(root.rglob("*.mp4"))}
        splits = {"train": [], "val": [], "test": []}
        for clip in read_lists(root):
            whole_video = f"{video_name(clip.name)}.mp4"
            path = videos.get(f"{clip.name}.mp4")
            if path is not None:  # the stretch has been cut out
                clip = clip._replace(start=0.0, end=np.inf)
            path = path or videos.get(whole_video, root / whole_video)
            group = zlib.crc32(speaker_name(clip.name).encode()) % _NUM_GROUPS
            split = _GROUP_SPLITS.get(group, "train")
            splits[split].append(clip._replace(path=path))
        return splits

    def read_clip(self, clip: HdtfClip) -> dict[str, Any]:
        """Read one stretch. See `CorpusSource.read_clip`."""
        wave = read_audio(clip.path, SAMPLE_RATE)
        first = int(min(clip.start * SAMPLE_RATE, len(wave)))
        last = int(min(clip.end * SAMPLE_RATE, len(wave)))
        speaker = crop_speaker(
            lambda: read_square(clip),
            wave[first:last],
            self.face_size,
            self.tracker,
            name=clip.name,
        )
        return make_record(
            **speaker._asdict(),
            text="",
            speaker=speaker_name(clip.name),
            clip=clip.name,
        )


def read_lists(root: pathlib.Path) -> list[HdtfClip]:
    """Read the lists of HDTF.

    Args:
        root: Folder with the lists.

    Returns:
        All stretches whose square is known; their videos may be missing, and `path` is
        the folder.

    Raises:
        InputError: There are no lists, or a line cannot be parsed.
    """
    lists = [name for name in _LISTS if _times_file(root, name).is_file()]
    if not lists:
        raise InputError(f"{root} has no list of HDTF (RD_annotion_time.txt, ...)")
    clips = []
    for list_name in lists:
        squares = dict(_read_rows(root / f"{list_name}_crop_wh.txt"))
        for video, spans in _read_rows(_times_file(root, list_name)):
            for number, span in enumerate(spans):
                name = f"{video.removesuffix('.mp4')}_{number}"
                square = squares.get(f"{name}.mp4")
                if square is not None:
                    clips.append(parse_clip(name, span, square, root))
    return clips


def parse_clip(name: str, span: str, square: list[str], root: pathlib.Path) -> HdtfClip:
    """Parse one stretch.

    Args:
        name: Name of the stretch.
        span: Its times: "00:30-01:00".
        square: The four numbers of its square.
        root: Folder with the lists.

    Returns:
        The stretch.

    Raises:
        InputError: The times or the square cannot be parsed.
    """
    try:
        start, end = map(parse_clock, span.split("-"))
        left, width, top, height = map(int, square)
    except ValueError as error:
        raise InputError(
            f"{root}: times {span!r} or square {square} of {name} cannot be read"
        ) from error
    return HdtfClip(name, root, start, end, (left, width, top, height))


def parse_clock(clock: str) -> float:
    """Convert a time of a list to seconds.

    Args:
        clock: The time: "01:30" or "1:01:30".

    Returns:
        Time in seconds.

    Raises:
        ValueError: A part is not a number.
    """
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def video_name(clip: str) -> str:
    """Find the video of a stretch.

    Args:
        clip: Name of the stretch: "Radio11_1".

    Returns:
        Name of the video without suffix: "Radio11".
    """
    return clip.rpartition("_")[0]


def speaker_name(clip: str) -> str:
    """Find the speaker of a stretch.

    Args:
        clip: Name of the stretch: "WDA_AdamSchiff_000_2".

    Returns:
        Name of the speaker: "WDA_AdamSchiff".
    """
    name, _, number = video_name(clip).rpartition("_")
    return name if name and number.isdigit() else video_name(clip)


def read_square(clip: HdtfClip) -> Iterator[np.ndarray]:
    """Read the frames of a stretch, 25 per second, cropped to its square.

    A file that holds only the stretch may have been cropped already.

    Args:
        clip: The stretch.

    Yields:
        Frames, u8 [h w 3].

    Raises:
        InputError: The square is not inside the frame.
    """
    left, width, top, height = clip.square
    whole_file = bool(np.isinf(clip.end))
    last = None if whole_file else round(clip.end * FPS)
    frames = read_at_rate(clip.path, FPS)
    for frame in itertools.islice(frames, round(clip.start * FPS), last):
        if whole_file and frame.shape[:2] == (height, width):
            yield frame
            continue
        square = frame[max(top, 0) : top + height, max(left, 0) : left + width]
        if square.shape[:2] != (height, width) or not square.size:
            raise InputError(
                f"{clip}: the square {clip.square} is not inside the frame of "
                f"{frame.shape[1]} x {frame.shape[0]} pixels"
            )
        yield np.ascontiguousarray(square)


def _times_file(root: pathlib.Path, list_name: str) -> pathlib.Path:
    """Return the file with the times of a list."""
    return root / f"{list_name}_annotion_time.txt"


def _read_rows(path: pathlib.Path) -> Iterator[tuple[str, list[str]]]:
    """Read the first column of a list, and the others."""
    for words in filter(None, map(str.split, read_text(path).splitlines())):
        yield words[0], words[1:]
