"""Build a corpus: read the clips of a source and write them as a folder of shards.

Several processes read the clips in a fixed order, and TFDS writes them as ArrayRecord.
A clip that cannot be used is reported and left out. The folder gets its name when it is
complete.
"""

import contextlib
import dataclasses
import functools
import io
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import tensorflow_datasets as tfds
from etils import epath
from rich.progress import MofNCompleteColumn, Progress, TaskID, TimeRemainingColumn

from avjax.console import format_count, progress_bar
from avjax.constants import FPS
from avjax.data.builders.source import CorpusSource
from avjax.data.builders.workers import process_map, temporary_folder
from avjax.data.loader import SUMMARY_FILE
from avjax.errors import InputError
from avjax.typing import PathLike

MAX_SHARDS = 512  # in a split, because a reader keeps one file open for each
MAX_TEXTS = (
    2000  # different texts that a summary lists: the vocabulary of a word corpus
)


class SkippedClip(NamedTuple):
    """A clip that is not in the corpus.

    Attributes:
        clip: Name of the clip.
        reason: Reason for which it cannot be used.
    """

    clip: str
    reason: str


@dataclasses.dataclass
class BuildSummary:
    """Report of a build: the clips that were read, and those that were left out.

    Attributes:
        corpus: Name of the corpus.
        recipe: The source, as `repr` shows it.
        clips: Number of clips in each split.
        frames: Number of video frames in each split.
        skipped: Clips that were left out.
        texts: The different texts, sorted; empty if there are too many.
        unaligned: Number of clips whose phones were searched for and not found.
        notes: Lines that the source adds.
    """

    corpus: str
    recipe: str
    clips: dict[str, int] = dataclasses.field(default_factory=dict)
    frames: dict[str, int] = dataclasses.field(default_factory=dict)
    skipped: list[SkippedClip] = dataclasses.field(default_factory=list)
    texts: list[str] = dataclasses.field(default_factory=list)
    unaligned: int = 0
    notes: list[str] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        seconds = sum(self.frames.values()) / FPS
        unit = "clip" if seconds else "image"
        parts = [
            f"{format_count(count, unit)} in {split}"
            for split, count in self.clips.items()
        ]
        minutes = f"; {seconds / 60:.1f} minutes of video" if seconds else ""
        lines = [f"{self.corpus}: {', '.join(parts)}{minutes}"]
        if self.unaligned:
            clips = format_count(self.unaligned, "clip")
            lines.append(f"without phones, because alignment failed: {clips}")
        lines += [
            f"warning: there are no {unit}s in {split}, so experiments cannot use it"
            for split, count in self.clips.items()
            if not count
        ]
        lines += [f"skipped {clip}: {reason}" for clip, reason in self.skipped]
        lines += self.notes
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return the summary as JSON."""
        content = dataclasses.asdict(self)
        content["skipped"] = [skipped._asdict() for skipped in self.skipped]
        return json.dumps(content, indent=1) + "\n"


class _LocalInfo(tfds.core.DatasetInfo):
    """Description of a corpus that is not on a server."""

    def initialize_from_bucket(self) -> None:
        """Do nothing; that of TFDS leaves an empty folder among temporary files."""


class CorpusBuilder(tfds.core.ShardBasedBuilder, skip_registration=True):
    """Write the records of one source in the order of its list of clips.

    The generator based builder of TFDS collects a split in memory, and beyond 1 GB in
    temporary files that need TensorFlow; a shard based builder does neither.
    """

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = epath.Path(__file__).parent  # TFDS would look for module avjax.data

    def __init__(
        self,
        source: CorpusSource,
        folder: pathlib.Path,
        map_clips: Callable,
        progress: Progress,
    ):
        self.source = source
        # TFDS declares a class variable; here each instance has its own.
        self.name = source.name  # pyright: ignore[reportAttributeAccessIssue]
        self.map_clips = map_clips
        self.progress = progress
        self.summary = BuildSummary(source.name, repr(source))
        self.texts = set()
        super().__init__(data_dir=folder, file_format="array_record")

    def _info(self) -> tfds.core.DatasetInfo:
        """Describe the corpus for TFDS."""
        return _LocalInfo(
            builder=self,
            description=(type(self.source).__doc__ or "").strip(),
            features=self.source.features(),
            disable_shuffling=True,
        )

    def _shard_iterators_per_split(self, dl_manager) -> dict[str, list[Callable]]:
        """Divide the clips of each split into shards."""
        shards = {}
        for split, clips in self.source.list_clips().items():
            size = max(self.source.records_per_shard, -(-len(clips) // MAX_SHARDS))
            task = self.progress.add_task(split, total=len(clips))
            self.summary.clips[split] = self.summary.frames[split] = 0
            shards[split] = [
                functools.partial(
                    self._records, split, clips[start : start + size], task
                )
                for start in range(0, len(clips), size)
            ]
        return {split: parts for split, parts in shards.items() if parts}

    def _records(
        self, split: str, clips: Sequence[Any], task: TaskID
    ) -> Iterator[tuple[int, dict]]:
        """Read the clips of one shard, and count them in the summary."""
        for result in self.map_clips(functools.partial(try_read, self.source), clips):
            self.progress.advance(task)
            if isinstance(result, SkippedClip):
                self.summary.skipped.append(result)
                continue
            yield self.summary.clips[split], result
            self.summary.clips[split] += 1
            if "face" in result:  # a clip, not an image
                self.summary.frames[split] += len(result["face"])
                self.texts.add(result["text"])
                if self.source.aligner is not None:
                    self.summary.unaligned += not result["phones"]["phone"]


def build_corpus(
    source: CorpusSource, out: PathLike, num_workers: int = 2
) -> BuildSummary:
    """Read all clips of a source and write them as a corpus.

    Args:
        source: Where the clips come from.
        out: Folder to write; it must be empty or not exist.
        num_workers: Processes that read clips; 0: this process. The corpus does not
            depend on it.

    Returns:
        The clips that were read, and those that were left out.

    Raises:
        InputError: The folder is in use or cannot be written, or no clip is usable.
    """
    out = pathlib.Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} already exists; remove it, or choose another folder")
    with (
        temporary_folder(out) as folder,
        process_map(num_workers) as map_clips,
        _split_progress() as progress,
    ):
        source = source.prepare(folder, map_clips, progress)
        builder = CorpusBuilder(source, folder, map_clips, progress)
        with contextlib.redirect_stdout(io.StringIO()):  # TFDS prints about downloads
            tfds.disable_progress_bar()
            builder.download_and_prepare(download_dir=os.fspath(folder / "downloads"))
        summary = builder.summary
        if not any(summary.clips.values()):
            raise InputError(
                f"{source.name}: no clip could be used; {_first_reason(summary)}"
            )
        written = pathlib.Path(builder.data_path)
        if len(builder.texts) <= MAX_TEXTS:
            summary.texts = sorted(builder.texts)
        summary.notes = source.write_report(written)
        (written / SUMMARY_FILE).write_text(summary.to_json())
        os.replace(written, out)
    return summary


def try_read(source: CorpusSource, clip: Any) -> dict[str, Any] | SkippedClip:
    """Read a clip, or report the reason for which it cannot be used.

    Args:
        source: Source of the clip.
        clip: One of the clips that `CorpusSource.list_clips` returned.

    Returns:
        The record of the clip, or the skipped clip with the reason.
    """
    try:
        record = source.read_clip(clip)
    except InputError as error:
        return SkippedClip(str(clip), str(error))
    return {
        name: _to_unicode(value) if isinstance(value, str) else value
        for name, value in record.items()
    }


def _to_unicode(text: str) -> str:
    """Replace bytes that are no characters, as names of files may have, by codes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _split_progress() -> Progress:
    """Make a progress display with one bar for each split."""
    name, bar = Progress.get_default_columns()[:2]
    return progress_bar(name, bar, MofNCompleteColumn(), TimeRemainingColumn())


def _first_reason(summary: BuildSummary) -> str:
    """Describe the first of the skipped clips."""
    if not summary.skipped:
        return "the source has none"
    clip, reason = summary.skipped[0]
    return f"{len(summary.skipped)} were skipped, the first is {clip}: {reason}"
