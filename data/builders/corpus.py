"""From a recipe to a folder of shards: the part of building that all corpora share.

A recipe says what clips there are and how one is read.  Here they are read by several
processes, in a fixed order, and written by TFDS as ArrayRecord; a clip that cannot be
used is noted and skipped.  The folder appears under its name when it is whole.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import functools
import io
import json
import multiprocessing
import os
import pathlib
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import cv2
import tensorflow_datasets as tfds
from etils import epath
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TaskID, TimeRemainingColumn

from avjax.data import schema
from avjax.data.loader import SUMMARY
from avjax.errors import InputError

_CLIPS_PER_SHARD = 64  # at least; a shard is held in memory while it is written
_WORDS = 2000  # different texts that a summary tells: a vocabulary, not a library
_SHARDS = 512  # at most in a split, since a reader keeps one file open for each


class Recipe(Protocol):
    """Where a corpus comes from.  Plain data: it travels to other processes.

    name    of the corpus, as in `avjax data build NAME`
    size    pixels of the side of a face crop
    tracks  how many articulators are known

    A recipe of pictures has features(), of a record, in place of size and tracks, and
    `together`: how many records are in a shard.  One that may look for phones has
    `align`, None where it does not.
    """

    name: str
    size: int
    tracks: int

    def listing(self) -> Mapping[str, Sequence[Any]]:
        """{split: clips in order}; str(clip) names a clip in reports."""

    def read(self, clip: Any) -> dict:
        """The record of one clip; InputError says why it cannot be used."""


class Skipped(NamedTuple):
    """A clip that is not in the corpus."""

    clip: str
    reason: str


@dataclasses.dataclass
class Summary:
    """What a build has read, and what it has left out and why."""

    corpus: str
    recipe: str
    clips: dict[str, int] = dataclasses.field(default_factory=dict)
    frames: dict[str, int] = dataclasses.field(default_factory=dict)
    skipped: list[Skipped] = dataclasses.field(default_factory=list)
    texts: list[str] = dataclasses.field(default_factory=list)  # each once, if few
    unaligned: int = 0  # clips that are kept, though their phones were not found

    def __str__(self) -> str:
        seconds = sum(self.frames.values()) / schema.FPS
        kind = "clips" if seconds else "pictures"
        parts = [f"{count} {kind} in {split}" for split, count in self.clips.items()]
        minutes = f"; {seconds / 60:.1f} minutes" if seconds else ""
        lines = [f"{self.corpus}: {', '.join(parts)}{minutes}"]
        if self.unaligned:
            lines.append(f"{self.unaligned} clips have no phones: they do not align")
        lines += [f"skipped {clip}: {reason}" for clip, reason in self.skipped]
        return "\n".join(lines)


class Corpus(tfds.core.ShardBasedBuilder, skip_registration=True):
    """Writes the records of one recipe in the order of its listing.

    The generator based builder of TFDS gathers a split in memory, and beyond 1 GB in
    temporary files that need TensorFlow; shard by shard neither happens.
    """

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = epath.Path(__file__).parent  # not where the module's name says

    def __init__(
        self, recipe: Recipe, folder: pathlib.Path, run: Callable, progress: Progress
    ):
        self.recipe = recipe
        self.name = recipe.name
        self.run = run
        self.progress = progress
        self.summary = Summary(recipe.name, repr(recipe))
        self.texts = set()
        super().__init__(data_dir=folder, file_format="array_record")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=(type(self.recipe).__doc__ or "").strip(),
            features=features_of(self.recipe),
            disable_shuffling=True,
        )

    def _shard_iterators_per_split(self, dl_manager) -> dict[str, list[Callable]]:
        shards = {}
        for split, clips in self.recipe.listing().items():
            fewest = getattr(self.recipe, "together", _CLIPS_PER_SHARD)
            count = max(fewest, -(-len(clips) // _SHARDS))
            bar = self.progress.add_task(split, total=len(clips))
            self.summary.clips[split] = self.summary.frames[split] = 0
            shards[split] = [
                functools.partial(self._records, split, clips[at : at + count], bar)
                for at in range(0, len(clips), count)
            ]
        return {split: parts for split, parts in shards.items() if parts}

    def _records(
        self, split: str, clips: Sequence[Any], bar: TaskID
    ) -> Iterator[tuple[int, dict]]:
        for result in self.run(functools.partial(attempt, self.recipe), clips):
            self.progress.advance(bar)
            if isinstance(result, Skipped):
                self.summary.skipped.append(result)
                continue
            yield self.summary.clips[split], result
            self.summary.clips[split] += 1
            if "face" in result:  # a clip, not a picture
                self.summary.frames[split] += len(result["face"])
                self.texts.add(result["text"])
                asked = getattr(self.recipe, "align", None) is not None
                self.summary.unaligned += asked and not result["phones"]["phone"]


def features_of(recipe: Recipe) -> tfds.features.FeaturesDict:
    """What a record of a recipe holds."""
    own = getattr(recipe, "features", None)
    return own() if own else schema.features(recipe.size, recipe.tracks)


def build(recipe: Recipe, out: str | os.PathLike, workers: int = 2) -> Summary:
    """Reads every clip of a recipe and writes the corpus into the new folder out.

    workers  processes that read clips; 0 reads here.  Its number changes nothing.
    """
    out = pathlib.Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already: remove it, or choose another --out")
    with beside(out) as folder, mapper(workers) as run, bars() as progress:
        corpus = Corpus(recipe, folder, run, progress)
        with contextlib.redirect_stdout(io.StringIO()):  # TFDS speaks of downloads
            tfds.disable_progress_bar()
            corpus.download_and_prepare(download_dir=folder / "downloads")
        summary = corpus.summary
        if not any(summary.clips.values()):
            raise InputError(f"{recipe.name}: no clip could be used; {_first(summary)}")
        whole = pathlib.Path(corpus.data_path)
        summary.texts = sorted(corpus.texts) if len(corpus.texts) <= _WORDS else []
        note = dataclasses.asdict(summary)
        note["skipped"] = [skipped._asdict() for skipped in summary.skipped]
        (whole / SUMMARY).write_text(json.dumps(note, indent=1) + "\n")
        os.replace(whole, out)
    return summary


@contextlib.contextmanager
def beside(out: pathlib.Path) -> Iterator[pathlib.Path]:
    """A hidden folder next to out, on the same disk, which is gone afterwards."""
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.absolute().parent)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror}") from error
    try:
        yield pathlib.Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def mapper(workers: int) -> Iterator[Callable]:
    """map, in so many fresh processes; 0: here."""
    if not workers:
        yield map
        return
    pool = concurrent.futures.ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=settle,
    )
    try:
        yield functools.partial(in_order, pool, 4 * workers)
    finally:
        pool.shutdown(cancel_futures=True)


def settle() -> None:
    """In a new process: one core, ctrl-c left to the parent, and an end with it."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)  # a parent that was killed will not say so through the queue


def bars() -> Progress:
    """One bar a split, with its count and the time that is left."""
    shown = (*Progress.get_default_columns()[:2], MofNCompleteColumn())
    return Progress(*shown, TimeRemainingColumn(), console=Console(stderr=True))


def attempt(recipe: Recipe, clip: Any) -> dict | Skipped:
    """The record of a clip, or why there is none."""
    try:
        return recipe.read(clip)
    except InputError as error:
        return Skipped(str(clip), str(error))


def in_order(pool, ahead: int, function: Callable, items: Sequence) -> Iterator:
    """Like map over a pool of processes, with no more than ahead results waiting."""
    waiting = collections.deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _first(summary: Summary) -> str:
    if not summary.skipped:
        return "there is none"
    clip, reason = summary.skipped[0]
    return f"of {len(summary.skipped)}, the first is {clip}: {reason}"
