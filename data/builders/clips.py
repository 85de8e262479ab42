"""A folder of one's own videos, in any layout: footage that becomes a corpus.

Layout: any videos that PyAV reads; a folder is a speaker, or else each file is one.
Transcripts beside the videos (.srt, .vtt, .txt) have the same names.
"""

import collections
import dataclasses
import functools
import itertools
import json
import os
import pathlib
import shutil
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from rich.progress import Progress

from avjax.console import format_count
from avjax.data.builders.source import CorpusSource, PeopleTracker, TextAligner
from avjax.data.footage.cutting import CuttingOptions, cut_once
from avjax.data.footage.pickles import read_pickle
from avjax.data.footage.report import (
    SPLITS,
    VideoReport,
    describe_speakers,
    describe_sync,
    describe_texts,
)
from avjax.data.footage.videos import Footage, find_footage
from avjax.errors import InputError
from avjax.faces.tracking import track_all_faces
from avjax.media.files import wrap_os_errors
from avjax.text.speech_arguments import check_language
from avjax.text.tts import DEFAULT_LANGUAGE

REPORT_FILE = "report.json"
_STATE_FILE = "state.json"
HELD_FRACTION = 10  # one speaker in ten is in test, and one in val
MIN_SPEAKERS_FOR_VAL = 3


class CutClip(NamedTuple):
    """A clip that was cut, and waits to be written to the corpus.

    Attributes:
        name: Name of the clip.
        record: The temporary file with its record.
    """

    name: str
    record: str

    def __str__(self) -> str:
        return self.name


@dataclasses.dataclass(frozen=True)
class ClipsSource(CorpusSource):
    """One's own videos, cut into clips of 1 to 10 s that show one speaking face.

    Attributes:
        raw: Folder with the videos.
        face_size: Side of a face crop in pixels.
        one_speaker: All videos show one speaker.
        test_speakers: Speakers of the split test; empty: chosen by their names.
        val_speakers: Speakers of the split val; empty: chosen by their names.
        face_index: Which face; 0 is the most important.
        lang: Language of transcripts without times, as an eSpeak code.
        text_aligner: Finds the times of a transcript; None: they stay unknown.
        tracker: Tracks all faces through the frames of a part of a video.
        work: Folder with the clips that `prepare` has cut.
    """

    raw: str
    face_size: int = 96
    one_speaker: bool = False
    test_speakers: tuple[str, ...] = ()
    val_speakers: tuple[str, ...] = ()
    face_index: int = 0
    lang: str = DEFAULT_LANGUAGE
    text_aligner: TextAligner | None = dataclasses.field(default=None, repr=False)
    tracker: PeopleTracker = dataclasses.field(default=track_all_faces, repr=False)
    work: str = dataclasses.field(default="", repr=False)

    name: ClassVar[str] = "clips"

    def prepare(
        self, folder: pathlib.Path, map_clips: Callable, progress: Progress
    ) -> "ClipsSource":
        """Cut all videos. See `CorpusSource.prepare`."""
        footage = find_footage(self.raw, self.one_speaker)
        self._check_held_speakers({video.speaker for video in footage.videos})
        work = folder / "clips"
        work.mkdir(exist_ok=True)
        check_language(self.lang)
        aligner = self.text_aligner
        aligner = aligner and functools.partial(aligner, language=self.lang)
        options = CuttingOptions(
            self.face_size, self.face_index, self.tracker, work, aligner
        )
        task = progress.add_task("cutting", total=len(footage.videos))
        reports = []
        numbered = enumerate(footage.videos)
        with wrap_os_errors(work, "write"):  # the disk may be full
            for report in map_clips(functools.partial(cut_once, options), numbered):
                progress.advance(task)
                reports.append(report)
        if not any(report.taken for report in reports):
            lines = [line for report in reports for line in report.lines()]
            videos = format_count(len(reports), "video")
            raise InputError(
                f"{self.raw}: nothing of {videos} could be used; the first was "
                f"{lines[0]}"
            )
        splits, lines = self._split_clips(reports)
        split_of = {clip: split for split in splits for clip, _ in splits[split]}
        report = make_report(footage, reports, split_of)
        (work / REPORT_FILE).write_text(json.dumps(report, indent=1) + "\n")
        lines = [
            f"took {report['seconds_taken']:.1f} of {report['seconds']:.1f} s of "
            f"{format_count(len(reports), 'video')}; times and reasons are in "
            f"{REPORT_FILE}",
            *lines,
            describe_texts(reports),
            *describe_sync(reports),
            *itertools.chain(*(report.lines() for report in reports)),
        ]
        state = {"splits": splits, "lines": lines}
        (work / _STATE_FILE).write_text(json.dumps(state))
        return dataclasses.replace(self, work=os.fspath(work))

    def list_clips(self) -> dict[str, list[CutClip]]:
        """List the clips that `prepare` has cut. See `CorpusSource.list_clips`."""
        splits = self._state()["splits"]
        return {split: [CutClip(*clip) for clip in splits[split]] for split in SPLITS}

    def read_clip(self, clip: CutClip) -> dict[str, Any]:
        """Read the record of a clip. See `CorpusSource.read_clip`."""
        return read_pickle(pathlib.Path(self.work, clip.record))

    def release_clips(self, clips: Sequence[CutClip]) -> None:
        """Remove the records of clips. See `CorpusSource.release_clips`."""
        for clip in clips:
            pathlib.Path(self.work, clip.record).unlink(missing_ok=True)

    def write_report(self, corpus: pathlib.Path) -> list[str]:
        """Write report.json. See `CorpusSource.write_report`."""
        shutil.copyfile(pathlib.Path(self.work, REPORT_FILE), corpus / REPORT_FILE)
        return self._state()["lines"]

    def _state(self) -> dict[str, Any]:
        """Read what `prepare` has noted for this source."""
        return json.loads(pathlib.Path(self.work, _STATE_FILE).read_text())

    def _check_held_speakers(self, speakers: set[str]) -> None:
        """Raise InputError if a speaker to hold out does not exist, or is in both."""
        for speaker in (*self.test_speakers, *self.val_speakers):
            if speaker not in speakers:
                known = ", ".join(sorted(speakers)[:10])
                raise InputError(
                    f"{self.raw} has no speaker {speaker!r}; it has {known}"
                )
        for speaker in self.val_speakers:
            if speaker in self.test_speakers:
                raise InputError(
                    f"{speaker!r} cannot be in test and in val: name it after --held "
                    "or after --val"
                )

    def _split_clips(
        self, reports: Sequence[VideoReport]
    ) -> tuple[dict[str, list[CutClip]], list[str]]:
        """Divide the clips into splits; also return lines to print about it."""
        clips = [
            (report.speaker, CutClip(clip.clip, clip.record))
            for report in reports
            for clip in report.taken
        ]
        speakers = {speaker for speaker, _ in clips}
        if len(speakers) > 1:
            split_of = split_speakers(speakers, self.test_speakers, self.val_speakers)
            splits = {split: [] for split in SPLITS}
            for speaker, clip in clips:
                splits[split_of[speaker]].append(clip)
            lines = [describe_speakers(split_of)]
            if not splits["val"] and len(clips := splits["train"]) > 1:
                first_val = len(clips) - max(1, round(len(clips) / HELD_FRACTION))
                splits |= {"train": clips[:first_val], "val": clips[first_val:]}
                count = format_count(len(splits["val"]), "clip")
                lines += [f"no speaker is in val, so the end of train is ({count})"]
            return splits, lines
        if held := self.test_speakers or self.val_speakers:
            raise InputError(
                f"{held[0]!r} is the only speaker with usable clips, so nothing is "
                "left to train on: leave out --held and --val"
            )
        (speaker,) = speakers
        splits = split_in_time([clip for _, clip in clips])
        return splits, [
            f"{speaker!r} is the only speaker, so the end of the footage is in test "
            f"({format_count(len(splits['test']), 'clip')}), and the part before it in "
            f"val ({format_count(len(splits['val']), 'clip')})"
        ]


def split_speakers(
    speakers: Collection[str],
    test_speakers: Collection[str] = (),
    val_speakers: Collection[str] = (),
) -> dict[str, str]:
    """Choose the split of each speaker by the checksum of the name.

    Args:
        speakers: Names of at least two speakers.
        test_speakers: Speakers of the split test; empty: one in ten, at least one.
        val_speakers: Speakers of the split val; empty: one in ten, at least one from
            three speakers on.

    Returns:
        {speaker: split}.

    Raises:
        InputError: If no speaker is left to train on.
    """
    ordered = sorted(speakers, key=lambda name: (zlib.crc32(name.encode()), name))
    count = max(1, round(len(ordered) / HELD_FRACTION))
    free = [name for name in ordered if name not in val_speakers]
    test = [name for name in free if name in test_speakers] or free[:count]
    others = [name for name in free if name not in test]
    if not others:
        raise InputError(
            "no speaker is left to train on: name fewer of them after --held and --val"
        )
    num_val = count if len(ordered) >= MIN_SPEAKERS_FOR_VAL else 0
    num_val = min(num_val, len(others) - 1)
    val = [name for name in ordered if name in val_speakers] or others[:num_val]
    split_of = dict.fromkeys(ordered, "train") | dict.fromkeys(test, "test")
    return split_of | dict.fromkeys(val, "val")


def split_in_time(clips: Sequence[CutClip]) -> dict[str, list[CutClip]]:
    """Divide the clips of one speaker: the last ones are held out.

    Args:
        clips: Clips in the order of the videos and of their times.

    Returns:
        {split: clips}: one in ten is in test, but at least one of two; as many, but at
        least one of three, are in val.
    """
    count = max(1, round(len(clips) / HELD_FRACTION))
    num_test = count if len(clips) >= 2 else 0
    num_val = count if len(clips) >= 3 else 0
    first_test = len(clips) - num_test
    first_val = first_test - num_val
    return {
        "train": list(clips[:first_val]),
        "val": list(clips[first_val:first_test]),
        "test": list(clips[first_test:]),
    }


def make_report(
    footage: Footage, reports: Sequence[VideoReport], split_of: Mapping[str, str]
) -> dict[str, Any]:
    """Make the content of report.json.

    Args:
        footage: The files that were found.
        reports: One report for each video.
        split_of: {clip: split}.

    Returns:
        Totals, one entry for each video, and the files that were ignored.
    """
    skipped: dict[str, float] = collections.defaultdict(float)
    for report in reports:
        for start, end, reason in report.skipped:
            skipped[reason] += (end or start) - start
    return {
        "seconds": round(sum(report.seconds for report in reports), 2),
        "seconds_taken": round(sum(report.seconds_taken for report in reports), 2),
        "seconds_skipped": {
            reason: round(skipped[reason], 2)
            for reason in sorted(skipped, key=skipped.__getitem__, reverse=True)
        },
        "videos": [report.to_json(split_of) for report in reports],
        "ignored": footage.ignored,
    }
