"""The training batches of a run, with a position that no host or device changes."""

import functools
import inspect

from avjax.data.loader import DataLoader, NumpyBatch
from avjax.data.read_ahead import next_batch
from avjax.errors import InputError


class TrainBatches:
    """The training batches of one process, counted, so that a run can continue.

    Attributes:
        position: Number of batches before the next one. It is the same in all
            processes, and it does not depend on how many there are.
    """

    def __init__(
        self, loader: DataLoader, process_index: int = 0, process_count: int = 1
    ):
        """Open the data of a loader.

        Args:
            loader: The loader.
            process_index: Number of this process.
            process_count: Number of processes that share a batch.

        Raises:
            InputError: The data cannot be used, or the loader cannot `start` later.
        """
        self._open = functools.partial(
            loader.train_batches, process_index, process_count
        )
        try:
            inspect.signature(self._open).bind(start=0)
        except TypeError as error:
            raise InputError(
                f"{type(loader).__name__}.train_batches must take the arguments "
                "(process_index, process_count, start)"
            ) from error
        self._iterator = self._open()
        self._next: NumpyBatch | None = None
        self.position = 0

    def peek(self) -> NumpyBatch:
        """Return the next batch without counting it."""
        if self._next is None:
            self._next = next_batch(self._iterator)
        return self._next

    def __next__(self) -> NumpyBatch:
        batch = self.peek()
        self._next = None
        self.position += 1
        return batch

    def seek(self, position: int) -> None:
        """Continue at another batch.

        Args:
            position: Number of batches before the next one.
        """
        if position == self.position:
            return
        if close := getattr(self._iterator, "close", None):
            close()
        self._iterator, self._next = self._open(start=position), None
        self.position = position
