"""Processes that read clips."""

import collections
import concurrent.futures
import contextlib
import functools
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cv2

MapClips = Callable[..., Iterable[Any]]  # like map: a function and its arguments

_QUEUED_PER_WORKER = 4  # results that may wait for the writer


@contextlib.contextmanager
def process_map(num_workers: int) -> Iterator[MapClips]:
    """Start processes that read clips, and stop them on exit.

    After an exception they are stopped at once, also if they are reading a clip.

    Args:
        num_workers: Number of processes; 0: this process.

    Yields:
        A function like `map` that works in these processes and keeps the order.
    """
    if not num_workers:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    pool = concurrent.futures.ProcessPoolExecutor(
        num_workers, context, initializer=_start_worker, initargs=(receiver,)
    )
    try:
        yield functools.partial(_map_in_order, pool, _QUEUED_PER_WORKER * num_workers)
    except BaseException:
        sender.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        sender.close()
        receiver.close()


def _map_in_order(
    pool: concurrent.futures.Executor,
    max_queued: int,
    function: Callable[[Any], Any],
    items: Iterable[Any],
) -> Iterator[Any]:
    """Map a function over items in order, with a limited number of waiting results."""
    waiting = collections.deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > max_queued:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _start_worker(connection: multiprocessing.connection.Connection) -> None:
    """Use one core, leave ctrl-c to the parent process, and end with it."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    arguments = (connection,)
    threading.Thread(target=_end_with_parent, args=arguments, daemon=True).start()


def _end_with_parent(connection: multiprocessing.connection.Connection) -> None:
    """Wait until the parent process ends, by a signal too, or closes a connection."""
    connection.poll(None)
    os._exit(1)
