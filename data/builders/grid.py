"""GRID: 34 speakers, each with 1000 sentences of six words from a fixed grammar.

Source: Cooke et al., "An audio-visual corpus for speech perception and automatic speech
recognition", JASA 2006. CC BY 4.0.

Layout: any folder with *.mpg below one folder for each speaker (s1, s2, ...): GRID's
own s1/video/mpg_6000/bbaf2n.mpg with s1/align/bbaf2n.align, or video/s1/bbaf2n.mpg with
align/s1/bbaf2n.align. Without an alignment the words are known from the name of the
file, but not their times.
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterable
from typing import Any, ClassVar

from avjax.constants import SAMPLES_PER_FRAME
from avjax.data.builders.clip_reader import (
    find_phones,
    read_speaker_clip,
    untimed_words,
)
from avjax.data.builders.source import Aligner, CorpusSource, Tracker
from avjax.data.schema import make_record
from avjax.errors import InputError, not_a_folder
from avjax.faces.tracking import track_face
from avjax.text.intervals import Interval, Intervals
from avjax.text.normalization import read_text
from avjax.typing import PathLike

_TICKS_PER_SECOND = 25_000  # unit of the times in an alignment file
_NUM_FRAMES = 75  # length of a recording: 3 s
_MIN_FRAMES = 70  # a shorter recording is incomplete
_SILENCES = {"sil", "sp"}
_DIGITS = (
    *("zero", "one", "two", "three", "four"),
    *("five", "six", "seven", "eight", "nine"),
)
_GRAMMAR = (  # {character of a file name: word}, for each of the six words
    {word[0]: word for word in ("bin", "lay", "place", "set")},
    {word[0]: word for word in ("blue", "green", "red", "white")},
    {word[0]: word for word in ("at", "by", "in", "with")},
    {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"},
    dict(zip("z123456789", _DIGITS, strict=True)),
    {word[0]: word for word in ("again", "now", "please", "soon")},
)


@dataclasses.dataclass(frozen=True)
class GridClip:
    """One recording.

    Attributes:
        speaker: s1 to s34.
        video: The video file.
        alignment: The file with the times of the words, if there is one.
    """

    speaker: str
    video: pathlib.Path
    alignment: pathlib.Path | None

    def __str__(self) -> str:
        return f"{self.speaker}/{self.video.stem}"


@dataclasses.dataclass(frozen=True)
class GridSource(CorpusSource):
    """GRID: sentences of six words such as "place blue in u eight now".

    Of the recordings of a speaker in the order of their names, number i (from 0) is in
    the split val if 4 i mod 27 < 4, and in test if 8 <= 4 i mod 27 < 12: 40 of 270
    each, evenly spread.

    Attributes:
        raw: Folder with the videos.
        face_size: Side of a face crop in pixels.
        train_speakers: Speakers of train, val and test; all others are in unseen.
        tracker: Tracks the face through the frames of a clip.
        aligner: Finds the phones of a clip; a clip that it cannot align has none.
    """

    raw: str
    face_size: int = 96
    train_speakers: tuple[str, ...] = ("s1",)
    tracker: Tracker = dataclasses.field(default=track_face, repr=False)
    aligner: Aligner | None = dataclasses.field(default=None, repr=False)

    name: ClassVar[str] = "grid"

    def list_clips(self) -> dict[str, list[GridClip]]:
        """List the recordings of the splits train, val, test and unseen.

        See `CorpusSource.list_clips`.
        """
        splits = {"train": [], "val": [], "test": [], "unseen": []}
        speakers: dict[str, list[GridClip]] = {}
        for clip in find_clips(self.raw):
            speakers.setdefault(clip.speaker, []).append(clip)
        for speaker, clips in speakers.items():
            for number, clip in enumerate(clips):
                known = speaker in self.train_speakers
                splits[split_of(number) if known else "unseen"].append(clip)
        return splits

    def read_clip(self, clip: GridClip) -> dict[str, Any]:
        """Read one recording. See `CorpusSource.read_clip`."""
        words = read_align(clip.alignment) if clip.alignment else ()
        text = [word.label for word in words] or words_from_name(clip.video.stem)
        speaker = read_speaker_clip(clip.video, self.face_size, self.tracker)
        count = len(speaker.face)
        if count < _MIN_FRAMES:
            raise InputError(
                f"{clip.video} is incomplete: it has {count} of {_NUM_FRAMES} frames"
            )
        wave = speaker.wave[: count * SAMPLES_PER_FRAME]
        return make_record(
            **speaker._asdict(),
            words=words,
            phones=find_phones(wave, words or untimed_words(text), self.aligner),
            text=" ".join(text),
            speaker=clip.speaker,
            clip=str(clip),
        )


def split_of(number: int) -> str:
    """Choose the split of a recording of a speaker in `train_speakers`.

    Args:
        number: Number of the recording in the order of the names, from 0.

    Returns:
        "train", "val" or "test".
    """
    place = 4 * number % 27
    return "val" if place < 4 else "test" if 8 <= place < 12 else "train"


def find_clips(raw: PathLike) -> list[GridClip]:
    """Find all recordings below a folder, in the best quality.

    Args:
        raw: The folder.

    Returns:
        The recordings, sorted by speaker and name.

    Raises:
        InputError: There is no such folder, or it has no recordings.
    """
    root = pathlib.Path(raw)
    if not root.is_dir():
        raise InputError(not_a_folder(raw))
    videos = _find_files(root, ".mpg")
    videos.sort(key=lambda video: "mpg_6000" in video.parts)
    by_name = _by_speaker(videos)
    if not by_name:
        raise InputError(f"{raw} has no GRID videos (s1/.../*.mpg or video/s1/*.mpg)")
    alignments = _by_speaker(_find_files(root, ".align"))
    keys = sorted(by_name, key=lambda key: (int(key[0][1:]), key[1]))
    return [GridClip(key[0], by_name[key], alignments.get(key)) for key in keys]


def read_align(path: PathLike) -> Intervals:
    """Read the words of an alignment, without the silences.

    Args:
        path: The file.

    Returns:
        The words with their times in seconds.

    Raises:
        InputError: The file cannot be read, or is not an alignment of GRID.
    """
    try:
        lines = [line.split() for line in read_text(path).splitlines()]
        ticks = [(line[2], int(line[0]), int(line[1])) for line in lines if line]
    except (ValueError, IndexError) as error:
        raise InputError(f"{path} is not an alignment of GRID") from error
    return tuple(
        Interval(word.lower(), start / _TICKS_PER_SECOND, end / _TICKS_PER_SECOND)
        for word, start, end in ticks
        if word.lower() not in _SILENCES
    )


def words_from_name(stem: str) -> list[str]:
    """Return the words that the name of a recording stands for.

    Args:
        stem: Name without suffix: "bbaf2n".

    Returns:
        The words: "bin", "blue", "at", "f", "two", "now"; empty if the name does not
        follow the grammar.
    """
    if len(stem) != len(_GRAMMAR):
        return []
    pairs = zip(_GRAMMAR, stem.lower(), strict=True)
    words = [words.get(character, "") for words, character in pairs]
    return words if all(words) else []


def _find_files(root: pathlib.Path, suffix: str) -> list[pathlib.Path]:
    """Find all files below a folder with this suffix; links to folders are followed."""
    paths = [
        pathlib.Path(folder, name)
        for folder, _, names in os.walk(root, followlinks=True)
        for name in names
    ]
    return sorted(path for path in paths if path.suffix.lower() == suffix)


def _by_speaker(paths: Iterable[pathlib.Path]) -> dict[tuple[str, str], pathlib.Path]:
    """Return {(speaker, name): path}; the later of two wins."""
    by_name = {}
    for path in paths:
        speakers = [part for part in path.parts if re.fullmatch(r"s\d+", part)]
        if speakers:
            by_name[speakers[-1], path.stem] = path
    return by_name
