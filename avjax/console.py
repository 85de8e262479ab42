"""The one console of the program, and progress bars on it.

Progress and notes go to standard error, so that standard output holds results alone.
Progress is shown on a terminal alone; elsewhere, rich would print an empty line, and in
a notebook a warning. A program that shows progress elsewhere, such as a web page, gives
a listener.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, TypeVar

import rich.console
import rich.progress

SIZE_UNITS = "bytes", "kB", "MB", "GB", "TB"

CONSOLE = rich.console.Console(stderr=True)

Item = TypeVar("Item")
# (description, items done, number of items or None). What it raises ends the work.
Listener = Callable[[str, float, float | None], object]
_LISTENER = contextvars.ContextVar[Listener | None]("listener", default=None)


@contextlib.contextmanager
def progress_listener(listener: Listener) -> Iterator[None]:
    """Report progress to a function in the `with` block, and not on the console.

    Args:
        listener: Called at the start of each part of the work and after each item, with
            a description, the number of items that are done, and that of all items. An
            exception that it raises ends the work, such as to cancel it.

    Yields:
        None.
    """
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def report_items(
    items: Iterable[Item], description: str, total: float | None = None
) -> Iterator[Item]:
    """Iterate over `items`, and report each to the listener, if there is one.

    Args:
        items: The items to iterate over.
        description: What is done with them.
        total: Number of items, if it is known.

    Returns:
        An iterator over `items`, unchanged.
    """
    listener = _LISTENER.get()
    if listener is None:
        return iter(items)
    return _report(items, description, total, listener)


def _report(
    items: Iterable[Item], description: str, total: float | None, listener: Listener
) -> Iterator[Item]:
    """Call the listener at the start, and after each item."""
    listener(description, 0, total)
    for done, item in enumerate(items, 1):
        yield item
        listener(description, done, total)


def format_count(number: int, noun: str) -> str:
    """Format a number of things: "1 clip", "2 clips", "2 stretches"."""
    ending = "es" if noun.endswith(("ch", "s")) else "s"
    return f"{number} {noun}{ending * (number != 1)}"


def format_size(size_bytes: float) -> str:
    """Format a number of bytes: "2.1 MB"."""
    power = min(max(len(str(int(size_bytes))) - 1, 0) // 3, len(SIZE_UNITS) - 1)
    return f"{size_bytes / 1000**power:.3g} {SIZE_UNITS[power]}"


def track(
    items: Iterable[Item],
    description: str,
    *,
    total: float | None = None,
    progress: bool = True,
) -> Iterator[Item]:
    """Iterate over `items` and show a progress bar.

    Args:
        items: The items to iterate over.
        description: One or two words that stand before the bar.
        total: Number of items, if `len(items)` is not defined.
        progress: Show the bar.

    Returns:
        An iterator over `items`, unchanged.
    """
    if not progress:
        return iter(items)
    if _LISTENER.get():
        if total is None and isinstance(items, Sized):
            total = len(items)
        return report_items(items, description, total)
    return iter(
        rich.progress.track(
            items,
            description,
            total=total,
            console=CONSOLE,
            transient=True,
            disable=not CONSOLE.is_interactive,
        )
    )


def status(
    description: str, *, progress: bool = True
) -> contextlib.AbstractContextManager:
    """Show a spinner while work of unknown length runs.

    Args:
        description: What the program is doing.
        progress: Show the spinner.

    Returns:
        A context manager that removes the spinner on exit.
    """
    if progress and (listener := _LISTENER.get()):
        listener(description, 0, None)
        return contextlib.nullcontext()
    shown = progress and not CONSOLE.is_jupyter
    return CONSOLE.status(description) if shown else contextlib.nullcontext()


def progress_bar(*columns: rich.progress.ProgressColumn) -> rich.progress.Progress:
    """Create a progress display for several tasks at once.

    Args:
        *columns: Columns of the display; without any, the default columns of rich.

    Returns:
        A `rich.progress.Progress` that disappears when its `with` block ends.
    """
    listener = _LISTENER.get()
    kind = rich.progress.Progress if listener is None else _ReportedProgress
    hidden = listener is not None or not CONSOLE.is_interactive
    return kind(*columns, console=CONSOLE, transient=True, disable=hidden)


class _ReportedProgress(rich.progress.Progress):
    """A hidden progress display that reports to the listener."""

    def add_task(self, description: str, *args: Any, **options: Any):
        """Add a task, and report that it begins."""
        number = super().add_task(description, *args, **options)
        self.advance(number, 0)
        return number

    def advance(self, task_id: rich.progress.TaskID, advance: float = 1) -> None:
        """Advance a task, and report it."""
        super().advance(task_id, advance)
        task = next(task for task in self.tasks if task.id == task_id)
        if listener := _LISTENER.get():
            listener(task.description, task.completed, task.total)
