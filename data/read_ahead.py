"""Read batches ahead in threads or worker processes, and close them reliably."""

import atexit
import contextlib
import weakref
from collections.abc import Iterator, Mapping
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
    iterable = data.to_iter_dataset(grain.ReadOptions(1, prefetch_buffer_size=2))
    options = grain.MultiprocessingOptions(num_workers=num_workers)
    return iterable.mp_prefetch(options).map(_copy_arrays)


def close_after(iterator: grain.DatasetIterator) -> Iterator[Mapping[str, Any]]:
    """Close an iterator after its last element.

    Args:
        iterator: The iterator.

    Yields:
        All elements of the iterator.
    """
    with contextlib.closing(iterator):
        yield from iterator


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


def _copy_arrays(batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Copy a batch out of the memory that it shares with a worker process."""
    return {key: np.array(value) for key, value in batch.items()}
