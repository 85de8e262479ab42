"""LRS2: sentences from British television, and longer ones for pretraining.

Source  Son Chung et al., "Lip Reading Sentences in the Wild", CVPR 2017; Afouras et
        al., "Deep Audio-Visual Speech Recognition", 2018.  The corpus is had from the
        BBC under an agreement.

Layout  mvlrs_v1/main/6330311066473698535/00011.mp4 and .txt ("Text:  I SEE"), the same
        under pretrain with a table of words and their times; pretrain.txt, train.txt,
        val.txt and test.txt name "6330311066473698535/00011" line by line, perhaps with
        further columns.
"""

import dataclasses
import pathlib
from collections.abc import Mapping

from avjax.data import schema
from avjax.data.builders import clip_reader as film
from avjax.errors import InputError
from avjax.media import face

_FOLDERS = {"pretrain": "pretrain", "train": "main", "val": "main", "test": "main"}


@dataclasses.dataclass(frozen=True)
class Lrs2:
    """LRS2: sentences in the wild; text in small letters, the speaker is the programme.

    raw     the folder mvlrs_v1, or the one that holds it
    size    pixels of the side of a face crop
    detect  finds the faces of an image
    align   finds the phones of a clip; where it cannot, the clip has none
    """

    raw: str
    size: int = 96
    detect: film.Detect = dataclasses.field(default=face.detect, repr=False)
    align: film.Align | None = None

    name = "lrs2"
    tracks = 0

    def listing(self) -> Mapping[str, list[pathlib.Path]]:
        outer = pathlib.Path(self.raw)
        root = outer / "mvlrs_v1" if (outer / "mvlrs_v1").is_dir() else outer
        splits = {}
        for split, folder in _FOLDERS.items():
            lists = [place / f"{split}.txt" for place in (root, outer)]
            found = [path for path in lists if path.is_file()]
            if found:
                names = read_names(found[0])
                splits[split] = [root / folder / f"{name}.mp4" for name in names]
        if not splits:
            raise InputError(f"{self.raw} holds no list of LRS2 (train.txt, ...)")
        return splits

    def read(self, path: pathlib.Path) -> dict:
        text, words = read_notes(path.with_suffix(".txt"))
        seen = film.read_film(path, self.size, self.detect)
        told = words or film.spans_unknown(text.split())
        return schema.record(
            **seen._asdict(),
            words=words,
            phones=film.phones_in(seen.wave, told, self.align),
            text=text,
            speaker=path.parent.name,
            clip=f"{path.parent.name}/{path.stem}",
        )


def read_names(path: pathlib.Path) -> list[str]:
    """The first column of a list of clips."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return [line[0] for line in lines if line]


def read_notes(path: pathlib.Path) -> tuple[str, tuple[tuple[str, float, float], ...]]:
    """What is said in a clip, and when each word is, where that is known.

    The table of words begins after the line "WORD START END ASDSCORE".
    """
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise InputError(f"{path} is missing") from error
    texts = [line[len("Text:") :].strip() for line in lines if line.startswith("Text:")]
    if not texts:
        raise InputError(f'{path} has no line "Text: ..."')
    heads = [n for n, line in enumerate(lines) if line.startswith("WORD START END")]
    rows = [line.split() for line in lines[heads[0] + 1 :] if line] if heads else []
    try:
        words = tuple((row[0].lower(), float(row[1]), float(row[2])) for row in rows)
    except (ValueError, IndexError) as error:
        raise InputError(f"{path} has a torn table of words") from error
    return texts[0].lower(), words
