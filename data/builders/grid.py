"""GRID: 34 people who each say 1000 sentences of six words from a fixed grammar.

Source  Cooke et al., "An audio-visual corpus for speech perception and automatic
        speech recognition", JASA 2006.  CC BY 4.0.

Any folder that holds *.mpg below one folder a speaker (s1, s2, ...) will do: GRID's
own s1/video/mpg_6000/bbaf2n.mpg with s1/align/bbaf2n.align, or video/s1/bbaf2n.mpg with
align/s1/bbaf2n.align.  Without an alignment the words are known from the file's name,
but not their times.
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterable, Mapping

from avjax.data import schema
from avjax.data.builders import clip_reader as film
from avjax.errors import InputError
from avjax.media import face
from avjax.text.espeak_events import Spans

_TICKS = 25_000  # of an alignment, in a second: 1000 in a frame
_FEWEST = 70  # frames of a recording, which lasts 3 s
_SILENCES = {"sil", "sp"}
_DIGITS = (
    *("zero", "one", "two", "three", "four"),
    *("five", "six", "seven", "eight", "nine"),
)
_GRAMMAR = (
    {word[0]: word for word in ("bin", "lay", "place", "set")},
    {word[0]: word for word in ("blue", "green", "red", "white")},
    {word[0]: word for word in ("at", "by", "in", "with")},
    {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"},
    dict(zip("z123456789", _DIGITS, strict=True)),
    {word[0]: word for word in ("again", "now", "please", "soon")},
)


@dataclasses.dataclass(frozen=True)
class Sentence:
    """One recording, and its alignment where there is one."""

    speaker: str
    film: pathlib.Path
    align: pathlib.Path | None

    def __str__(self) -> str:
        return f"{self.speaker}/{self.film.stem}"


@dataclasses.dataclass(frozen=True)
class Grid:
    """GRID: sentences of six words such as "place blue in u eight now".

    raw     the folder that holds the videos
    size    pixels of the side of a face crop
    seen    speakers of the splits train and test; all others are in unseen
    detect  finds the faces of an image
    align   finds the phones of a clip; where it cannot, the clip has none

    The rule of train and test: of a speaker's recordings in the order of their names,
    number i (from 0) is in test if 4 i mod 27 < 4: 40 of 270, evenly spread.
    """

    raw: str
    size: int = 96
    seen: tuple[str, ...] = ("s1",)
    detect: film.Detect = dataclasses.field(default=face.detect, repr=False)
    align: film.Align | None = None

    name = "grid"
    tracks = 0

    def listing(self) -> Mapping[str, list[Sentence]]:
        splits = {"train": [], "test": [], "unseen": []}
        speakers = {}
        for sentence in find_sentences(self.raw):
            speakers.setdefault(sentence.speaker, []).append(sentence)
        for speaker, sentences in speakers.items():
            for number, sentence in enumerate(sentences):
                known = "test" if 4 * number % 27 < 4 else "train"
                splits[known if speaker in self.seen else "unseen"].append(sentence)
        return splits

    def read(self, sentence: Sentence) -> dict:
        words = read_align(sentence.align) if sentence.align else ()
        heard = [word for word, _, _ in words] or words_of_name(sentence.film.stem)
        seen = film.read_film(sentence.film, self.size, self.detect)
        if len(seen.face) < _FEWEST:
            found = f"{len(seen.face)} of 75 frames"
            raise InputError(f"{sentence.film} is torn: it has {found}")
        wave = seen.wave[: len(seen.face) * schema.SAMPLES_PER_FRAME]
        return schema.record(
            **seen._asdict(),
            words=words,
            phones=film.phones_in(wave, words or film.spans_unknown(heard), self.align),
            text=" ".join(heard),
            speaker=sentence.speaker,
            clip=str(sentence),
        )


def find_sentences(raw: str | os.PathLike) -> list[Sentence]:
    """All recordings below a folder, by speaker and name; the best of each is taken."""
    root = pathlib.Path(raw)
    if not root.is_dir():
        raise InputError(f"{raw} is not a folder")
    best_last = sorted(files(root, ".mpg"), key=lambda film: "mpg_6000" in film.parts)
    films = _by_speaker(best_last)
    if not films:
        raise InputError(f"{raw} holds no GRID video (s1/.../*.mpg or video/s1/*.mpg)")
    aligns = _by_speaker(files(root, ".align"))
    keys = sorted(films, key=lambda key: (int(key[0][1:]), key[1]))
    return [Sentence(key[0], films[key], aligns.get(key)) for key in keys]


def read_align(path: str | os.PathLike) -> Spans:
    """The words of an alignment with their times in seconds, without the silences."""
    try:
        lines = [line.split() for line in pathlib.Path(path).read_text().splitlines()]
        spans = [(line[2], int(line[0]), int(line[1])) for line in lines if line]
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{path} is no alignment of GRID") from error
    return tuple(
        (word.lower(), start / _TICKS, end / _TICKS)
        for word, start, end in spans
        if word.lower() not in _SILENCES
    )


def words_of_name(stem: str) -> list[str]:
    """bbaf2n -> bin blue at f two now; nothing where a name does not follow that."""
    if len(stem) != len(_GRAMMAR):
        return []
    words = [slot.get(sign) for slot, sign in zip(_GRAMMAR, stem.lower(), strict=True)]
    return words if all(words) else []


def files(root: pathlib.Path, suffix: str) -> list[pathlib.Path]:
    """All files below a folder with this suffix; links to folders are followed."""
    below = [
        pathlib.Path(folder, name)
        for folder, _, names in os.walk(root, followlinks=True)
        for name in names
    ]
    return sorted(path for path in below if path.suffix.lower() == suffix)


def _by_speaker(paths: Iterable[pathlib.Path]) -> dict[tuple[str, str], pathlib.Path]:
    """{(speaker, name): path}; the later of two wins."""
    found = {}
    for path in paths:
        speakers = [part for part in path.parts if re.fullmatch(r"s\d+", part)]
        if speakers:
            found[speakers[-1], path.stem] = path
    return found
