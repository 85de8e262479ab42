"""HDTF: people who speak into a camera, in stretches of videos that others have put up.

Source  Zhang et al., "Flow-Guided One-Shot Talking Face Generation With a High-
        Resolution Audio-Visual Dataset", CVPR 2021.  It is a list: the videos are to be
        got from where they were put up.

Layout  RD_annotion_time.txt (so spelled), WDA_..., WRA_..., in lines such as
        "Radio11.mp4 00:30-01:00 01:30-02:30"; RD_crop_wh.txt, ..., "Radio11_1.mp4 557
        478 0 478": left, width, top and height of the square around the second stretch.
        Beside them, or in a folder, the videos: Radio11.mp4, or Radio11_1.mp4 already
        cut out.
"""

import dataclasses
import itertools
import pathlib
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from avjax.audio.mel import RATE
from avjax.data import schema
from avjax.data.builders import clip_reader as film
from avjax.errors import InputError
from avjax.media import audio_io as audio
from avjax.media import face
from avjax.media import video_reader as video

_LISTS = ("RD", "WDA", "WRA")
_OF_TWENTY = {0: "val", 1: "test"}  # speakers of twenty that are not trained on


class Stretch(NamedTuple):
    """A part of a video, in seconds, and the square that is looked at, in pixels."""

    name: str  # Radio11_1
    path: pathlib.Path
    start: float
    end: float
    square: tuple[int, int, int, int]  # left, width, top, height

    def __str__(self) -> str:
        return f"{self.name} of {self.path}"


@dataclasses.dataclass(frozen=True)
class Hdtf:
    """HDTF: speeches and broadcasts; what is said is not known.

    raw     the folder with the lists
    size    pixels of the side of a face crop
    detect  finds the faces of an image

    It has no splits of its own: here one speaker of twenty is for val and one for test.
    """

    raw: str
    size: int = 128
    detect: film.Detect = dataclasses.field(default=face.detect, repr=False)

    name = "hdtf"
    tracks = 0

    def listing(self) -> Mapping[str, list[Stretch]]:
        root = pathlib.Path(self.raw)
        found = {path.name: path for path in sorted(root.rglob("*.mp4"))}
        splits = {"train": [], "val": [], "test": []}
        for stretch in read_lists(root):
            whole = f"{video_of(stretch.name)}.mp4"
            path = found.get(f"{stretch.name}.mp4")
            if path is not None:  # it begins and ends with its file
                stretch = stretch._replace(start=0.0, end=np.inf)
            path = path or found.get(whole, root / whole)
            place = zlib.crc32(speaker_of(stretch.name).encode()) % 20
            split = _OF_TWENTY.get(place, "train")
            splits[split].append(stretch._replace(path=path))
        return splits

    def read(self, stretch: Stretch) -> dict:
        wave = audio.read_sound(stretch.path, RATE)
        first, last = (min(t * RATE, len(wave)) for t in (stretch.start, stretch.end))
        given = stretch.name, lambda: frames_of(stretch), wave[int(first) : int(last)]
        seen = film.look(*given, self.size, self.detect)
        return schema.record(
            **seen._asdict(),
            text="",
            speaker=speaker_of(stretch.name),
            clip=stretch.name,
        )


def read_lists(root: pathlib.Path) -> list[Stretch]:
    """All stretches of which the square is known; their videos may be missing."""
    stretches, lists = [], [n for n in _LISTS if (root / times_of(n)).is_file()]
    if not lists:
        raise InputError(f"{root} holds no list of HDTF (RD_annotion_time.txt, ...)")
    for which in lists:
        squares = dict(rows_of(root / f"{which}_crop_wh.txt"))
        for name, spans in rows_of(root / times_of(which)):
            for number, span in enumerate(spans):
                clip = f"{name.removesuffix('.mp4')}_{number}"
                square = squares.get(f"{clip}.mp4")
                if square is not None:
                    stretches.append(stretch_of(clip, span, square, root))
    return stretches


def times_of(which: str) -> str:
    return f"{which}_annotion_time.txt"


def rows_of(path: pathlib.Path) -> Iterator[tuple[str, list[str]]]:
    """The first column of a list, and the others."""
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise InputError(f"{path} is missing") from error
    for words in filter(None, map(str.split, lines)):
        yield words[0], words[1:]


def stretch_of(clip: str, span: str, square: list[str], root: pathlib.Path) -> Stretch:
    """One stretch from the words of both lists."""
    try:
        start, end = map(seconds_of, span.split("-"))
        left, width, top, height = map(int, square)
    except ValueError as error:
        raise InputError(f"{root}: {clip} is at {span!r}, {square}: unclear") from error
    return Stretch(clip, root, start, end, (left, width, top, height))


def seconds_of(clock: str) -> float:
    """ "01:30" or "1:01:30" -> seconds."""
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def video_of(clip: str) -> str:
    """Radio11_1 -> Radio11, WDA_JoeCrowley_0 -> WDA_JoeCrowley."""
    return clip.rpartition("_")[0]


def speaker_of(clip: str) -> str:
    """Who speaks: WDA_AdamSchiff_000_2 -> WDA_AdamSchiff; Radio11_1 -> Radio11."""
    name, _, number = video_of(clip).rpartition("_")
    return name if name and number.isdigit() else video_of(clip)


def frames_of(stretch: Stretch) -> Iterator[np.ndarray]:
    """Its pictures, 25 a second, as much of them as is in the square.

    A file of the stretch alone may have been cut to the square before.
    """
    fps, (left, width, top, height) = schema.FPS, stretch.square
    frames = video.read_at_rate(stretch.path, fps)
    last = None if np.isinf(stretch.end) else round(stretch.end * fps)
    for frame in itertools.islice(frames, round(stretch.start * fps), last):
        if last is None and frame.shape[:2] == (height, width):
            yield frame
            continue
        part = frame[max(top, 0) : top + height, max(left, 0) : left + width]
        if part.shape[:2] != (height, width) or not part.size:
            size = f"{frame.shape[1]} x {frame.shape[0]}"
            told = f"the square {stretch.square} leaves the picture of {size} pixels"
            raise InputError(f"{stretch}: {told}")
        yield np.ascontiguousarray(part)
