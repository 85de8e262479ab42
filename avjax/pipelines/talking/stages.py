"""Run the stages of a pipeline at the same time, each in its own thread."""

import collections
import contextlib
import contextvars
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any

Stage = Callable[[Any], Any]


def run_stages(
    items: Iterable[Any], stages: Sequence[Stage], max_items: int
) -> Generator[Any, None, None]:
    """Pass items through functions, of which each has a thread of its own.

    A function handles one item at a time, in their order. When the iterator is closed,
    or ends by an exception, the threads end after the calls that have begun.

    Args:
        items: Arguments of the first function; read in the thread of the caller.
        stages: The functions; each receives the result of the one before it.
        max_items: Number of items that are in the stages at once.

    Yields:
        The result of the last function for each item.

    Raises:
        Exception: What a function raises, in the place of its result.
    """
    stopped = threading.Event()

    def run(stage: Stage, before: Future | None, item: Any) -> Any:
        value = item if before is None else before.result()
        if stopped.is_set():
            raise CancelledError
        return stage(value)

    with contextlib.ExitStack() as stack:
        pools = [stack.enter_context(ThreadPoolExecutor(1)) for _ in stages]
        stack.callback(stopped.set)
        pending: collections.deque[Future] = collections.deque()
        for item in items:
            future = None
            for pool, stage in zip(pools, stages, strict=True):
                context = contextvars.copy_context()
                first = item if future is None else None
                future = pool.submit(context.run, run, stage, future, first)
            assert future is not None, "there are no stages"
            pending.append(future)
            if len(pending) >= max_items:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
