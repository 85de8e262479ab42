"""Build a corpus: read the clips of a source and write them as a folder of shards.

Each process reads and writes whole shards, in the ArrayRecord format of TFDS. A clip
that cannot be used is reported and left out. The folder gets its name when it is
complete; until then, a hidden folder holds what is finished, and a build that was
interrupted continues there.
"""

import contextlib
import dataclasses
import functools
import itertools
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import tensorflow_datasets as tfds
from etils import epath
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from avjax.console import format_count, progress_bar
from avjax.constants import FPS
from avjax.data.builders.shards import (
    Shard,
    ShardReport,
    SkippedClip,
    plan_shards,
    write_shard,
)
from avjax.data.builders.source import CorpusSource
from avjax.data.builders.unfinished import UnfinishedBuild, unfinished_build
from avjax.data.builders.workers import MapClips, process_map
from avjax.data.loader import SUMMARY_FILE
from avjax.errors import InputError
from avjax.typing import PathLike

MAX_TEXTS = (
    2000  # different texts that a summary lists: the vocabulary of a word corpus
)


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
            f"warning: there are no {unit}s in {split}, so experiments cannot use it; "
            "a larger corpus may have some"
            for split, count in self.clips.items()
            if not count
        ]
        lines += [f"skipped {clip}: {reason}" for clip, reason in self.skipped]
        lines += self.notes
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the summary as values of JSON."""
        skipped = [clip._asdict() for clip in self.skipped]
        return {**dataclasses.asdict(self), "skipped": skipped}


def build_corpus(
    source: CorpusSource, out: PathLike, num_workers: int = 2, beam: str = ""
) -> BuildSummary:
    """Read all clips of a source and write them as a corpus.

    If a build of the same source was interrupted, its complete shards are kept. The
    corpus depends neither on that nor on the processes that write it.

    Args:
        source: Where the clips come from.
        out: Folder to write; it must be empty or not exist.
        num_workers: Processes that read clips; 0: this process.
        beam: Options of an Apache Beam pipeline that reads the clips instead, see
            `avjax.data.builders.beam.beam_map`.

    Returns:
        The clips that were read, and those that were left out.

    Raises:
        InputError: The folder is in use or cannot be written, no clip is usable, or the
            source has changed since the build was interrupted.
    """
    out = pathlib.Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} already exists; remove it, or choose another folder")
    with (
        unfinished_build(out, source) as unfinished,
        _open_engine(num_workers, beam, unfinished) as map_clips,
        _split_progress() as progress,
    ):
        with unfinished.discarded_if_useless():
            source = source.prepare(unfinished.work, map_clips, progress)
        shards = plan_shards(source)
        unfinished.check_clips(shards)
        reports = _write_shards(source, shards, unfinished, map_clips, progress)
        summary = _summarize(source, shards, reports)
        if not any(summary.clips.values()):
            unfinished.discard()
            raise InputError(
                f"{source.name}: no clip could be used; {_first_reason(summary)}"
            )
        _write_metadata(source, shards, reports, unfinished.corpus)
        summary.notes = source.write_report(unfinished.corpus)
        text = json.dumps(summary.to_json(), indent=1) + "\n"
        (unfinished.corpus / SUMMARY_FILE).write_text(text)
        os.replace(unfinished.corpus, out)
        unfinished.discard()
    return summary


def _open_engine(
    num_workers: int, beam: str, unfinished: UnfinishedBuild
) -> contextlib.AbstractContextManager[MapClips]:
    """Start what maps functions over clips: processes, or a pipeline of Beam."""
    if not beam:
        return process_map(num_workers)
    from avjax.data.builders.beam import beam_map  # the package is optional

    return beam_map(beam, unfinished.results)


def _write_shards(
    source: CorpusSource,
    shards: Sequence[Shard],
    unfinished: UnfinishedBuild,
    map_clips: MapClips,
    progress: Progress,
) -> list[ShardReport]:
    """Write all shards, and show the progress."""
    write = functools.partial(
        write_shard, source, unfinished.corpus, unfinished.reports
    )
    tasks = {
        split: progress.add_task(split, total=sum(len(s.clips) for s in group))
        for split, group in itertools.groupby(shards, lambda shard: shard.split)
    }
    reports = []
    for shard, report in zip(shards, map_clips(write, shards), strict=True):
        progress.advance(tasks[shard.split], len(shard.clips))
        reports.append(report)
    return reports


def _summarize(
    source: CorpusSource, shards: Sequence[Shard], reports: Sequence[ShardReport]
) -> BuildSummary:
    """Add the reports of all shards."""
    summary = BuildSummary(source.name, repr(source))
    summary.clips = dict.fromkeys(source.list_clips(), 0)
    summary.frames = dict(summary.clips)
    for shard, report in zip(shards, reports, strict=True):
        summary.clips[shard.split] += report.records
        summary.frames[shard.split] += report.frames
        summary.skipped += report.skipped
        summary.unaligned += report.unaligned
    texts = {text for report in reports for text in report.texts}
    if len(texts) <= MAX_TEXTS:
        summary.texts = sorted(texts)
    return summary


def _write_metadata(
    source: CorpusSource,
    shards: Sequence[Shard],
    reports: Sequence[ShardReport],
    corpus: pathlib.Path,
) -> None:
    """Write what TFDS needs to read the shards."""
    template = tfds.core.ShardedFileTemplate(
        data_dir=epath.Path(corpus),
        dataset_name=source.name,
        filetype_suffix="array_record",
    )
    lengths: dict[str, list[int]] = {}
    sizes: dict[str, int] = {}
    for shard, report in zip(shards, reports, strict=True):
        size = (corpus / shard.file_name(source.name)).stat().st_size
        lengths.setdefault(shard.split, []).append(report.records)
        sizes[shard.split] = sizes.get(shard.split, 0) + size
    tfds.folder_dataset.write_metadata(
        data_dir=corpus,
        features=source.features(),
        split_infos=[
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=lengths[split],
                num_bytes=sizes[split],
                filename_template=template.replace(split=split),
            )
            for split in lengths
        ],
        filename_template=template,
        check_data=False,  # it needs TensorFlow
        description=(type(source).__doc__ or "").strip(),
        disable_shuffling=True,
    )


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
