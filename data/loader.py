"""From a folder of shards to batches in numpy: without end, or once through.

Each host reads its own share; which host it is comes in as plain numbers.
"""

import atexit
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import weakref
from collections.abc import Iterator, Mapping, Sequence

import grain
import numpy as np
import tensorflow_datasets as tfds
from absl import flags

from avjax.data import schema
from avjax.data.examples.talking import TalkWindow, Window
from avjax.errors import InputError

Batch = Mapping[str, np.ndarray]
SUMMARY = "summary.json"  # of a corpus, as its builder wrote it


@dataclasses.dataclass(frozen=True)
class Loader:
    """What is read, and how it becomes batches.

    root      the folder of a corpus, as `avjax data build` wrote it
    split     one of its splits: train, test, unseen, ...
    window    what becomes of a clip
    batch     examples in one batch, over all hosts
    seed      of the order and the windows of training
    workers   processes that read ahead; 0: threads of this process
    windows   places that an evaluation looks at in each clip
    buckets   lengths, ascending, one of which the window's `frames` becomes: a clip is
              in a batch with clips that need the same one.  Each is compiled for once
    """

    root: str
    split: str = "train"
    window: Window = TalkWindow()
    batch: int = 8
    seed: int = 0
    workers: int = 0
    windows: int = 1
    buckets: tuple[int, ...] = ()


def batches(loader: Loader, host: int = 0, hosts: int = 1) -> grain.DatasetIterator:
    """Shuffled batches without end; get_state and set_state make them resumable.

    Every epoch has its own order and windows, which depend on the seed alone.
    """
    share = _share(loader, hosts)
    records = source(loader.root, loader.split)
    if len(records) < hosts:
        raise InputError(f"{loader.root}: {len(records)} clips for {hosts} hosts")
    parts, sizes = [], []
    for window, chosen in _by_bucket(records, loader):
        data = grain.MapDataset.source(chosen).seed(loader.seed).shuffle()
        # The draws come before the sharing, or every host would draw the same; so do
        # the epochs, or a host would have nothing of a bucket with fewer clips.
        data = data.random_map(window).repeat()[host::hosts]
        parts.append(data.batch(share, drop_remainder=True))
        sizes.append(len(chosen))
    data = grain.MapDataset.mix(parts, sizes) if len(parts) > 1 else parts[0]
    return _closed_at_exit(iter(_read_ahead(data, loader.workers)))


def one_pass(loader: Loader, host: int = 0, hosts: int = 1) -> Iterator[Batch]:
    """Every window of the split once, always the same; examples of weight 0 fill up.

    All hosts see equally many batches.
    """
    share = _share(loader, hosts)
    parts = []
    for window, chosen in _by_bucket(source(loader.root, loader.split), loader):
        places = Places(chosen, window, loader.windows)
        data = grain.MapDataset.source(_Filled(places, loader.batch))[host::hosts]
        parts.append(data.batch(share))
    data = grain.MapDataset.concatenate(parts)
    iterator = iter(_read_ahead(data, loader.workers))
    return _closed_after(_closed_at_exit(iterator))


def source(root: str | os.PathLike, split: str) -> "Records":
    """The records of one split, by number; each as schema describes it.

    A split may be a part of one, as TFDS writes it: "train[:10%]".
    """
    return Records(os.fspath(root), split)


def vocabulary(root: str | os.PathLike, words: int) -> tuple[str, ...]:
    """What is said in a corpus of single words, in the order of the alphabet.

    So many nameless ones before the corpus is there, or where it is of other things.
    """
    summary = pathlib.Path(root) / SUMMARY
    try:
        known = json.loads(summary.read_text()) if summary.is_file() else {}
    except ValueError as error:
        raise InputError(f"{summary} is damaged: {error}") from error
    nameless = (f"word {number}" for number in range(words))
    return tuple(known.get("texts") or nameless)


class Records:
    """The clips of a split, by number; it travels to other processes by its name."""

    def __init__(self, root: str, split: str):
        self.root, self.split = root, split
        self._open = _data_source(root, split)

    def __len__(self) -> int:
        return len(self._open)

    def __getitem__(self, index: int) -> dict:
        return schema.readable(self._open[index])

    def __iter__(self) -> Iterator[dict]:
        return (self[index] for index in range(len(self)))

    def __reduce__(self):
        return Records, (self.root, self.split)


class Chosen:
    """Some clips of a split, by their numbers there."""

    def __init__(self, records: Records, numbers: Sequence[int]):
        self.records, self.numbers = records, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> dict:
        return self.records[self.numbers[index]]


def _by_bucket(
    records: Records, loader: Loader
) -> list[tuple[Window, "Records | Chosen"]]:
    """The window and the clips of each bucket that has any; of all, without buckets."""
    if not loader.buckets:
        return [(loader.window, records)]
    built = os.stat(records.root).st_ctime_ns
    lengths = _lengths(records.root, records.split, built)
    if lengths.max() > loader.buckets[-1]:
        long = f"{loader.root}: a clip has {lengths.max()} frames"
        raise InputError(f"{long}, and {loader.buckets[-1]} is the largest bucket")
    homes = np.searchsorted(loader.buckets, lengths)
    return [
        (
            dataclasses.replace(loader.window, frames=frames),
            Chosen(records, np.flatnonzero(homes == home).tolist()),
        )
        for home, frames in enumerate(loader.buckets)
        if (homes == home).any()
    ]


@functools.cache
def _lengths(root: str, split: str, built: int) -> np.ndarray:
    """How many frames each clip has; looked up once, for it takes a while.

    built is when the folder came to be: another corpus in its place has its own.
    """
    return np.array([len(record["mouth"]) for record in source(root, split)])


class Places:
    """All windows of an evaluation, clip after clip."""

    def __init__(self, records: "Records | Chosen", window: Window, each: int):
        self.records, self.window, self.each = records, window, each

    def __len__(self) -> int:
        return len(self.records) * self.each

    def __getitem__(self, index: int) -> Batch:
        clip, place = divmod(index, self.each)
        return self.window.at(self.records[clip], place, self.each)


class _Filled:
    """The same, and at the end enough of weight 0 to make the last batch whole."""

    def __init__(self, places: Places, batch: int):
        self.places, self.batch = places, batch

    def __len__(self) -> int:
        return -(-len(self.places) // self.batch) * self.batch

    def __getitem__(self, index: int) -> Batch:
        if index < len(self.places):
            return self.places[index]
        return {**self.places[0], "weight": np.float32(0)}


def _share(loader: Loader, hosts: int) -> int:
    for name, least in {"batch": 1, "workers": 0, "seed": 0, "windows": 1}.items():
        if getattr(loader, name) < least:
            raise InputError(f"{name} of a loader must be at least {least}")
    if loader.batch % hosts:
        raise InputError(f"a batch of {loader.batch} cannot be shared by {hosts} hosts")
    return loader.batch // hosts


def _read_ahead(data: grain.MapDataset, workers: int) -> grain.IterDataset:
    if not workers:
        return data.to_iter_dataset(grain.ReadOptions(2, prefetch_buffer_size=4))
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()  # grain reads one when it starts a process
    data = data.to_iter_dataset(grain.ReadOptions(1, prefetch_buffer_size=2))
    data = data.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers))
    return data.map(_own)


def _own(batch: Batch) -> Batch:
    """A copy: what comes from a worker lies in memory that is shared, and scarce."""
    return {key: np.array(value) for key, value in batch.items()}


def _closed_after(iterator: grain.DatasetIterator) -> Iterator[Batch]:
    with contextlib.closing(iterator):
        yield from iterator


def _closed_at_exit(iterator: grain.DatasetIterator) -> grain.DatasetIterator:
    """The same; whoever forgets to close it leaves no process or shared memory."""
    reference = weakref.ref(iterator)

    def close() -> None:
        if (alive := reference()) is not None:
            alive.close()

    atexit.register(close)
    return iterator


def _data_source(root: str, split: str):
    if not (pathlib.Path(root) / "dataset_info.json").is_file():
        raise InputError(
            f"no corpus in {root}: `avjax data build --help` tells how to make one"
        )
    builder = tfds.builder_from_directory(root)
    splits = builder.info.splits
    try:
        empty = not splits[split].num_examples
    except (KeyError, ValueError) as error:
        known = ", ".join(splits)
        raise InputError(f"{root} has no split {split!r}; it has {known}") from error
    if empty:
        raise InputError(f"{root}: no clip is in the split {split!r}")
    return builder.as_data_source(split=split)
