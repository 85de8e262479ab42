"""LRW: 500 words, each said up to a thousand times, in the middle of 29 frames.

Source  Chung and Zisserman, "Lip Reading in the Wild", ACCV 2016.  The corpus is had
        from the BBC under an agreement.

Layout  lipread_mp4/ABOUT/{train,val,test}/ABOUT_00001.mp4 and .txt, whose line
        "Duration: 0.53 seconds" tells how long the word is.
"""

import dataclasses
import pathlib
import re
from collections.abc import Mapping

from avjax.data import schema
from avjax.data.builders import clip_reader as film
from avjax.errors import InputError
from avjax.media import face

_SPLITS = ("train", "val", "test")
_MIDDLE = 0.58  # seconds, of 29 frames


@dataclasses.dataclass(frozen=True)
class Lrw:
    """LRW: single words in running speech; text is the word, in small letters.

    raw     the folder lipread_mp4, or the one that holds it
    size    pixels of the side of a face crop
    detect  finds the faces of an image

    Nothing is known of who speaks: speaker is empty.
    """

    raw: str
    size: int = 96
    detect: film.Detect = dataclasses.field(default=face.detect, repr=False)

    name = "lrw"
    tracks = 0

    def listing(self) -> Mapping[str, list[pathlib.Path]]:
        root = pathlib.Path(self.raw)
        root = root / "lipread_mp4" if (root / "lipread_mp4").is_dir() else root
        splits = {split: sorted(root.glob(f"*/{split}/*.mp4")) for split in _SPLITS}
        if not any(splits.values()):
            raise InputError(f"{self.raw} holds no LRW video (ABOUT/train/*.mp4)")
        return splits

    def read(self, path: pathlib.Path) -> dict:
        word = path.parent.parent.name
        seen = film.read_film(path, self.size, self.detect)
        half = read_duration(path.with_suffix(".txt")) / 2
        return schema.record(
            **seen._asdict(),
            words=[(word.lower(), _MIDDLE - half, _MIDDLE + half)],
            text=word.lower(),
            speaker="",
            clip=f"{word}/{path.stem}",
        )


def read_duration(path: pathlib.Path) -> float:
    """How many seconds the word of a clip takes, from its notes."""
    try:
        notes = path.read_text()
    except OSError as error:
        raise InputError(f"{path} is missing") from error
    found = re.search(r"^Duration:\s*([\d.]+)\s*seconds", notes, re.MULTILINE)
    if not found:
        raise InputError(f'{path} has no line "Duration: ... seconds"')
    return float(found.group(1))
