"""LRW: 500 words, each spoken up to a thousand times, in the middle of 29 frames.

Source: Chung and Zisserman, "Lip Reading in the Wild", ACCV 2016. The BBC distributes
the corpus under an agreement.

Layout: lipread_mp4/ABOUT/{train,val,test}/ABOUT_00001.mp4 and .txt, whose line
"Duration: 0.53 seconds" is the duration of the word.
"""

import dataclasses
import pathlib
import re
from typing import Any, ClassVar

from avjax.data.builders.clip_reader import read_speaker_clip
from avjax.data.builders.source import CorpusSource, Tracker
from avjax.data.schema import make_record
from avjax.errors import InputError
from avjax.faces.tracking import track_face
from avjax.text.intervals import Interval
from avjax.text.normalization import read_text

_SPLITS = ("train", "val", "test")
_MIDDLE_SECONDS = 0.58  # the middle of 29 frames


@dataclasses.dataclass(frozen=True)
class LrwSource(CorpusSource):
    """LRW: single words in running speech; the text is the word in lower case.

    The speakers are unknown: `speaker` is empty.

    Attributes:
        raw: Folder lipread_mp4, or the one that holds it.
        face_size: Side of a face crop in pixels.
        tracker: Tracks the face through the frames of a clip.
    """

    raw: str
    face_size: int = 96
    tracker: Tracker = dataclasses.field(default=track_face, repr=False)

    name: ClassVar[str] = "lrw"

    def list_clips(self) -> dict[str, list[pathlib.Path]]:
        """List the videos of train, val and test. See `CorpusSource.list_clips`."""
        root = pathlib.Path(self.raw)
        root = root / "lipread_mp4" if (root / "lipread_mp4").is_dir() else root
        splits = {split: sorted(root.glob(f"*/{split}/*.mp4")) for split in _SPLITS}
        if not any(splits.values()):
            raise InputError(f"{self.raw} has no LRW videos (ABOUT/train/*.mp4)")
        return splits

    def read_clip(self, path: pathlib.Path) -> dict[str, Any]:
        """Read one video and its word. See `CorpusSource.read_clip`."""
        folder = path.parent.parent.name
        word = folder.lower()
        speaker = read_speaker_clip(path, self.face_size, self.tracker)
        half = read_duration(path.with_suffix(".txt")) / 2
        return make_record(
            **speaker._asdict(),
            words=[Interval(word, _MIDDLE_SECONDS - half, _MIDDLE_SECONDS + half)],
            text=word,
            speaker="",
            clip=f"{folder}/{path.stem}",
        )


def read_duration(path: pathlib.Path) -> float:
    """Read the duration of the word of a clip, in seconds.

    Args:
        path: The text file of the clip.

    Returns:
        The duration in seconds.

    Raises:
        InputError: The file cannot be read, or has no duration.
    """
    text = read_text(path)
    match = re.search(r"^Duration:\s*([\d.]+)\s*seconds", text, re.MULTILINE)
    if not match:
        raise InputError(f'{path} has no line "Duration: ... seconds"')
    return float(match.group(1))
