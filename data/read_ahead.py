"""Read batches ahead in threads or worker processes, and close them reliably."""

import atexit
import contextlib
import multiprocessing
import os
import signal
import threading
import weakref
from collections.abc import Iterator, Mapping
from multiprocessing import resource_tracker
from typing import Any

import grain
import numpy as np
from absl import flags


def read_ahead(data: grain.MapDataset, num_workers: int) -> grain.IterDataset:
    """Read the elements of a data set ahead.

    Args:
        data: The data set.
        num_workers: Processes that read; 0: two threads of this process.

    Returns:
        The data set as an iterable whose arrays belong to this process.
    """
    if not num_workers:
        return data.to_iter_dataset(grain.ReadOptions(2, prefetch_buffer_size=4))
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()  # grain reads one when it starts a process
    resource_tracker.ensure_running()  # it unblocks signals when it starts
    iterable = data.to_iter_dataset(grain.ReadOptions(1, prefetch_buffer_size=2))
    options = grain.MultiprocessingOptions(num_workers=num_workers)
    return iterable.mp_prefetch(options, _exit_with_parent).map(_copy_arrays)


def local_batches(
    data: grain.MapDataset, size: int, process_index: int, process_count: int
) -> grain.MapDataset:
    """Make the batches of one process.

    All processes together have the examples of a batch in the order of a single
    process, one block of them after the other, so that a step does not depend on the
    number of processes.

    Args:
        data: Examples.
        size: Examples of this process in one batch.
        process_index: Number of this process.
        process_count: Number of processes that share a batch.

    Returns:
        The batches.
    """
    return data.batch(size, drop_remainder=True)[process_index::process_count]


def close_after(iterator: grain.DatasetIterator) -> Iterator[Mapping[str, Any]]:
    """Close an iterator after its last element.

    Args:
        iterator: The iterator.

    Yields:
        All elements of the iterator.
    """
    with contextlib.closing(iterator), contextlib.suppress(StopIteration):
        while True:
            yield next_batch(iterator)


def next_batch(iterator: Iterator[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the next batch, and keep signals from worker processes.

    Ctrl-C and SIGTERM may reach a whole group of processes, but this process decides
    when its workers stop, because it may still need batches. The workers are started
    when a batch is asked for, and they inherit which signals are blocked.

    Args:
        iterator: An iterator over batches.

    Returns:
        The batch.

    Raises:
        StopIteration: There is no further batch.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        return next(iterator)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def close_at_exit(iterator: grain.DatasetIterator) -> grain.DatasetIterator:
    """Close an iterator at the end of the program, if it still exists then.

    Otherwise an iterator that was not closed leaves processes and shared memory behind.

    Args:
        iterator: The iterator.

    Returns:
        The iterator, unchanged.
    """
    reference = weakref.ref(iterator)

    def close() -> None:
        if (alive := reference()) is not None:
            alive.close()

    atexit.register(close)
    return iterator


def _exit_with_parent(index: int, count: int) -> None:
    """End this worker process when the process that started it was killed."""

    def wait() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _copy_arrays(batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Copy a batch out of the memory that it shares with a worker process."""
    return {key: np.array(value) for key, value in batch.items()}
