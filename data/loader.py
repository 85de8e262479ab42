"""Read a corpus from disk and make batches of numpy arrays.

Nothing here imports jax: the number of this process and of all processes are arguments.
"""

import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import grain
import numpy as np

from avjax.console import format_count
from avjax.data.examples.base import ExampleTransform
from avjax.data.examples.talking import TalkTrainExample
from avjax.data.read_ahead import (
    close_after,
    close_at_exit,
    local_batches,
    read_ahead,
)
from avjax.data.split_source import (
    EvalExamples,
    PaddedExamples,
    SplitSource,
    Subset,
    check_records,
    open_split,
    time_of_change,
)
from avjax.errors import InputError
from avjax.media.paths import as_path
from avjax.typing import PathLike

NumpyBatch = Mapping[str, Any]  # examples, stacked along a new first axis
SUMMARY_FILE = "summary.json"  # in the folder of a corpus, written by its builder


class DataLoader(Protocol):
    """A frozen dataclass of plain values that makes batches of training and evaluation.

    Every process reads its own part of each batch: the first process has the first
    examples of the batch, and so on, as `read_ahead.local_batches` divides them.
    """

    def train_batches(
        self, process_index: int = 0, process_count: int = 1, start: int = 0
    ) -> Iterator[NumpyBatch]:
        """Return an endless iterator of shuffled batches.

        Args:
            process_index: Number of this process.
            process_count: Number of processes that share a batch.
            start: Number of batches before the first one.

        Returns:
            An iterator. Whatever `start` and the number of processes are, the batch of
            a number has the same examples.
        """
        ...

    def eval_batches(
        self, process_index: int = 0, process_count: int = 1
    ) -> Iterator[NumpyBatch]:
        """Return an iterator over all examples, once, always in the same order.

        Args:
            process_index: Number of this process.
            process_count: Number of processes that share a batch.

        Returns:
            Batches of one size; examples of weight 0 fill the last one.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Loader:
    """Batches of one split of a corpus on disk.

    Attributes:
        root: Folder of a corpus, as `avjax data build` wrote it.
        split: One of its splits (train, test, unseen, ...), or a part of one
            ("train[:10%]").
        transform: Turns a record into an example.
        batch_size: Examples in one batch, over all processes.
        seed: Seed of the order and of the random examples of training.
        num_workers: Processes that read ahead; 0: threads of this process.
        examples_per_clip: Examples that an evaluation makes of each clip.
        bucket_frames: Ascending lengths in video frames. If given, the clips of a
            batch have the same smallest length that they fit into, and the transform's
            `num_frames` is set to it. A step is compiled once for each length.
    """

    root: str
    split: str = "train"
    transform: ExampleTransform = TalkTrainExample()
    batch_size: int = 8
    seed: int = 0
    num_workers: int = 0
    examples_per_clip: int = 1
    bucket_frames: tuple[int, ...] = ()

    def train_batches(
        self, process_index: int = 0, process_count: int = 1, start: int = 0
    ) -> grain.DatasetIterator:
        """Return an endless iterator of shuffled batches.

        Every epoch has its own order and random examples; they depend on the seed only.

        Args:
            process_index: Number of this process.
            process_count: Number of processes that share a batch.
            start: Number of batches before the first one.

        Returns:
            A Grain iterator.

        Raises:
            InputError: There is no such corpus or split, it lacks labels that the
                transform needs, a number is out of range, or there are fewer clips
                than processes.
        """
        size = local_batch_size(self, process_count)
        records = open_checked(self)
        if len(records) < process_count:
            raise InputError(
                f"{self.root} has {format_count(len(records), 'clip')} in "
                f"{self.split!r}, fewer than "
                f"the {process_count} processes"
            )
        parts, weights = [], []
        for transform, subset in _split_by_bucket(records, self):
            data = grain.MapDataset.source(subset).seed(self.seed).shuffle()
            # Examples are sampled and epochs repeated before the processes divide
            # them: otherwise all processes would sample the same, and a bucket with
            # fewer clips than processes would leave some of them without data.
            data = data.random_map(transform).repeat()
            parts.append(local_batches(data, size, process_index, process_count))
            weights.append(len(subset))
        data = grain.MapDataset.mix(parts, weights) if len(parts) > 1 else parts[0]
        return close_at_exit(iter(read_ahead(data[start:], self.num_workers)))

    def eval_batches(
        self, process_index: int = 0, process_count: int = 1
    ) -> Iterator[NumpyBatch]:
        """Return an iterator over all examples of the split, once, in the same order.

        All processes get equally many batches.

        Args:
            process_index: Number of this process.
            process_count: Number of processes that share a batch.

        Returns:
            Batches of one size; examples of weight 0 fill the last one.

        Raises:
            InputError: There is no such corpus or split, it lacks labels that the
                transform needs, or a number is invalid.
        """
        size = local_batch_size(self, process_count)
        parts = []
        records = open_checked(self)
        for transform, subset in _split_by_bucket(records, self):
            examples = EvalExamples(subset, transform, self.examples_per_clip)
            padded = PaddedExamples(examples, self.batch_size)
            data = grain.MapDataset.source(padded)
            parts.append(local_batches(data, size, process_index, process_count))
        data = grain.MapDataset.concatenate(parts)
        return close_after(close_at_exit(iter(read_ahead(data, self.num_workers))))


def read_vocabulary(root: PathLike, num_words: int) -> tuple[str, ...]:
    """Read the different texts of a corpus of single words, in alphabetical order.

    Args:
        root: Folder of the corpus; it need not exist yet.
        num_words: Number of placeholder words to return if the corpus does not exist,
            or does not list its texts.

    Returns:
        The words, or the placeholders "word 0", "word 1", ...

    Raises:
        InputError: The summary of the corpus cannot be read.
    """
    summary = as_path(root) / SUMMARY_FILE
    try:
        content = json.loads(summary.read_text()) if summary.is_file() else {}
    except ValueError as error:
        raise InputError(f"{summary} is damaged: {error}") from error
    placeholders = (f"word {number}" for number in range(num_words))
    return tuple(content.get("texts") or placeholders)


def open_checked(loader: Loader) -> SplitSource:
    """Open the split of a loader, if its records and labels fit the transform.

    Args:
        loader: The loader.

    Returns:
        The records.

    Raises:
        InputError: There is no such corpus or split, or it does not fit.
    """
    records = open_split(loader.root, loader.split)
    check_records(records, loader.transform)
    return records


def _split_by_bucket(
    records: SplitSource, loader: Loader
) -> list[tuple[Any, SplitSource | Subset]]:
    """Return (transform, clips) of every bucket that has clips."""
    if not loader.bucket_frames:
        return [(loader.transform, records)]
    created = time_of_change(records.root)
    lengths = _clip_lengths(records.root, records.split, created)
    longest, largest = lengths.max(), loader.bucket_frames[-1]
    if longest > largest:
        raise InputError(
            f"{loader.root}: a clip has {longest} frames, and the largest bucket has "
            f"{largest}; add a larger one to bucket_frames"
        )
    buckets = np.searchsorted(loader.bucket_frames, lengths)
    transform: Any = loader.transform
    return [
        (
            dataclasses.replace(transform, num_frames=num_frames),
            Subset(records, np.flatnonzero(buckets == bucket).tolist()),
        )
        for bucket, num_frames in enumerate(loader.bucket_frames)
        if (buckets == bucket).any()
    ]


@functools.cache
def _clip_lengths(root: str, split: str, created: float) -> np.ndarray:
    """Count the frames of each clip of a folder that was created at this time."""
    return np.array([len(record["mouth"]) for record in open_split(root, split)])


def local_batch_size(loader: Any, process_count: int, **minima: int) -> int:
    """Check the numbers of a loader, and divide its batches between processes.

    Args:
        loader: The loader; it may lack fields other than `batch_size`.
        process_count: Number of processes that share a batch.
        **minima: Smallest values of further fields.

    Returns:
        Examples of one process in a batch.

    Raises:
        InputError: A number is too small, or the batches cannot be divided.
    """
    minima |= {"batch_size": 1, "num_workers": 0, "seed": 0, "examples_per_clip": 1}
    for name, minimum in minima.items():
        if getattr(loader, name, minimum) < minimum:
            raise InputError(f"{name} of a loader must be at least {minimum}")
    if loader.batch_size % process_count:
        raise InputError(
            f"batch_size {loader.batch_size} is not divisible by {process_count} "
            "processes"
        )
    return loader.batch_size // process_count
