"""The one console of the program, and progress bars on it.

Progress and notes go to standard error, so that standard output holds results alone.
Progress is shown on a terminal alone; elsewhere, rich would print an empty line, and in
a notebook a warning.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

import rich.console
import rich.progress

SIZE_UNITS = "bytes", "kB", "MB", "GB", "TB"

CONSOLE = rich.console.Console(stderr=True)

Item = TypeVar("Item")


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
    shown = progress and not CONSOLE.is_jupyter
    return CONSOLE.status(description) if shown else contextlib.nullcontext()


def progress_bar(*columns: rich.progress.ProgressColumn) -> rich.progress.Progress:
    """Create a progress display for several tasks at once.

    Args:
        *columns: Columns of the display; without any, the default columns of rich.

    Returns:
        A `rich.progress.Progress` that disappears when its `with` block ends.
    """
    return rich.progress.Progress(
        *columns, console=CONSOLE, transient=True, disable=not CONSOLE.is_interactive
    )
