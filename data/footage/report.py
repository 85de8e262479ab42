"""What was taken from a video, and what was left out and why."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from avjax.console import format_count

MAX_NAMES = 9  # that are printed
SPLITS = ("train", "val", "test")


class TakenStretch(NamedTuple):
    """A stretch that became a clip.

    Attributes:
        clip: Name of the clip.
        start: Start in the video, in seconds.
        end: End in the video, in seconds.
        text: Its words; empty: unknown.
        record: Name of the temporary file that holds its record.
    """

    clip: str
    start: float
    end: float
    text: str
    record: str


class SkippedStretch(NamedTuple):
    """A stretch that was left out.

    Attributes:
        start: Start in the video, in seconds.
        end: End in seconds; None: the end of the video.
        reason: Reason for which it was left out.
    """

    start: float
    end: float | None
    reason: str


@dataclasses.dataclass
class VideoReport:
    """What became of one video.

    Attributes:
        file: Its name below the folder of the videos.
        speaker: Name of the speaker.
        seconds: Length of the video that was read.
        faces: Largest number of faces that were followed at the same time.
        shots: Number of shots.
        sync: Offset of the sound, in words.
        taken: Stretches that became clips.
        skipped: Stretches that were left out.
        notes: Other things to know, as sentences.
    """

    file: str
    speaker: str
    seconds: float = 0.0
    faces: int = 0
    shots: int = 0
    sync: str = ""
    taken: list[TakenStretch] = dataclasses.field(default_factory=list)
    skipped: list[SkippedStretch] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def seconds_taken(self) -> float:
        """Length of all clips in seconds."""
        return sum(stretch.end - stretch.start for stretch in self.taken)

    def skip_all(self, reason: str) -> None:
        """Leave out the whole video.

        Args:
            reason: Reason for which it is left out.
        """
        self.taken.clear()
        self.skipped = [SkippedStretch(0.0, self.seconds or None, reason)]

    def lines(self) -> list[str]:
        """Say in a few lines what was left out.

        Returns:
            Lines to print; none if the whole video was taken.
        """
        seconds: dict[str, list[float]] = collections.defaultdict(list)
        for start, end, reason in self.skipped:
            seconds[reason].append((end or start) - start)
        parts = []
        for reason, lengths in seconds.items():
            times = (
                f" ({sum(lengths):.1f} s in {format_count(len(lengths), 'stretch')})"
            )
            parts.append(reason + (times if self.taken or len(seconds) > 1 else ""))
        lines = [f"skipped {self.file}: {'; '.join(parts)}"] if parts else []
        return lines + [f"note on {self.file}: {note}" for note in self.notes]

    def to_json(self, split_of: Mapping[str, str]) -> dict[str, Any]:
        """Return the report as JSON writes it.

        Args:
            split_of: {clip: split}.

        Returns:
            The attributes; times are rounded to hundredths of a second.
        """
        content = dataclasses.asdict(self)
        content["seconds"] = round(self.seconds, 2)
        content["taken"] = [
            {
                "clip": stretch.clip,
                "split": split_of[stretch.clip],
                "start": round(stretch.start, 2),
                "end": round(stretch.end, 2),
                "text": stretch.text,
            }
            for stretch in self.taken
        ]
        content["skipped"] = [
            {
                "start": round(start, 2),
                "end": None if end is None else round(end, 2),
                "reason": reason,
            }
            for start, end, reason in self.skipped
        ]
        return content


def describe_sync(reports: Sequence[VideoReport]) -> list[str]:
    """Say which of the used videos have their sound in step with the picture.

    Videos with an offset are left out, and their own lines say so.

    Args:
        reports: One report for each video.

    Returns:
        One line, or none if nothing was taken.
    """
    files = collections.defaultdict(list)
    for report in reports:
        if report.taken and report.sync:
            files[report.sync].append(report.file)
    parts = [
        f"{verdict} in {format_count(len(names), 'video')}{list_few(names)}"
        for verdict, names in files.items()
    ]
    return [f"sound and picture: {'; '.join(parts)}"] if parts else []


def describe_texts(reports: Sequence[VideoReport]) -> str:
    """Say how many clips have a transcript.

    Args:
        reports: One report for each video.

    Returns:
        One line.
    """
    texts = [stretch.text for report in reports for stretch in report.taken]
    count = sum(bool(text) for text in texts)
    return f"transcripts: {count} of {format_count(len(texts), 'clip')} have one"


def describe_speakers(split_of: Mapping[str, str]) -> str:
    """Say how many speakers are in each split, and who, if there are few.

    Args:
        split_of: {speaker: split}.

    Returns:
        One line.
    """
    parts = []
    for split in SPLITS:
        names = sorted(name for name in split_of if split_of[name] == split)
        parts.append(f"{len(names)} in {split}{list_few(names)}")
    return f"speakers: {', '.join(parts)}"


def list_few(names: Sequence[str]) -> str:
    """Return names in brackets; nothing if there are none or many."""
    return f" ({', '.join(names)})" if 0 < len(names) <= MAX_NAMES else ""
