"""LRS2: sentences from British television, and longer ones for pretraining.

Source: Son Chung et al., "Lip Reading Sentences in the Wild", CVPR 2017; Afouras et
al., "Deep Audio-Visual Speech Recognition", 2018. The BBC distributes the corpus under
an agreement.

Layout: mvlrs_v1/main/6330311066473698535/00011.mp4 and .txt ("Text:  I SEE"); the same
below pretrain, where .txt has a table of words and their times; pretrain.txt,
train.txt, val.txt and test.txt name one clip in each line
("6330311066473698535/00011"), perhaps with further columns.
"""

import dataclasses
import pathlib
from typing import Any, ClassVar

from avjax.data.builders.clip_reader import (
    find_phones,
    read_speaker_clip,
    untimed_words,
)
from avjax.data.builders.source import Aligner, CorpusSource, Tracker
from avjax.data.schema import make_record
from avjax.errors import InputError
from avjax.faces.tracking import track_face
from avjax.text.intervals import Interval, Intervals
from avjax.text.normalization import read_text

_FOLDERS = {"pretrain": "pretrain", "train": "main", "val": "main", "test": "main"}
_TABLE_HEADER = "WORD START END"


@dataclasses.dataclass(frozen=True)
class Lrs2Source(CorpusSource):
    """LRS2: sentences in the wild, in lower case; the speaker is the programme.

    Attributes:
        raw: Folder mvlrs_v1, or the one that holds it.
        face_size: Side of a face crop in pixels.
        tracker: Tracks the face through the frames of a clip.
        aligner: Finds the phones of a clip; a clip that it cannot align has none.
    """

    raw: str
    face_size: int = 96
    tracker: Tracker = dataclasses.field(default=track_face, repr=False)
    aligner: Aligner | None = dataclasses.field(default=None, repr=False)

    name: ClassVar[str] = "lrs2"

    def list_clips(self) -> dict[str, list[pathlib.Path]]:
        """List the videos of the splits that have a list of names.

        See `CorpusSource.list_clips`.
        """
        outer = pathlib.Path(self.raw)
        root = outer / "mvlrs_v1" if (outer / "mvlrs_v1").is_dir() else outer
        splits = {}
        for split, folder in _FOLDERS.items():
            candidates = [place / f"{split}.txt" for place in (root, outer)]
            lists = [path for path in candidates if path.is_file()]
            if lists:
                names = read_names(lists[0])
                splits[split] = [root / folder / f"{name}.mp4" for name in names]
        if not splits:
            raise InputError(f"{self.raw} has no list of LRS2 (train.txt, ...)")
        return splits

    def read_clip(self, path: pathlib.Path) -> dict[str, Any]:
        """Read one video and its text file. See `CorpusSource.read_clip`."""
        text, words = read_transcript(path.with_suffix(".txt"))
        speaker = read_speaker_clip(path, self.face_size, self.tracker)
        timed = words or untimed_words(text.split())
        return make_record(
            **speaker._asdict(),
            words=words,
            phones=find_phones(speaker.wave, timed, self.aligner),
            text=text,
            speaker=path.parent.name,
            clip=f"{path.parent.name}/{path.stem}",
        )


def read_names(path: pathlib.Path) -> list[str]:
    """Read the first column of a list of clips.

    Args:
        path: The list.

    Returns:
        Names of the clips.
    """
    lines = [line.split() for line in read_text(path).splitlines()]
    return [line[0] for line in lines if line]


def read_transcript(path: pathlib.Path) -> tuple[str, Intervals]:
    """Read the text file of a clip.

    Args:
        path: The file. A table of words begins after a line "WORD START END ASDSCORE".

    Returns:
        The text in lower case; and its words with their times, empty if there is no
        table.

    Raises:
        InputError: The file cannot be read, has no text, or its table is incomplete.
    """
    lines = read_text(path).splitlines()
    texts = [line[len("Text:") :].strip() for line in lines if line.startswith("Text:")]
    if not texts:
        raise InputError(f'{path} has no line "Text: ..."')
    headers = [n for n, line in enumerate(lines) if line.startswith(_TABLE_HEADER)]
    table = lines[headers[0] + 1 :] if headers else []
    rows = [line.split() for line in table if line]
    try:
        words = tuple(
            Interval(row[0].lower(), float(row[1]), float(row[2])) for row in rows
        )
    except (ValueError, IndexError) as error:
        raise InputError(f"{path} has an incomplete table of words") from error
    return texts[0].lower(), words
