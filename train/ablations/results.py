"""Tables of results: printed row by row, and written as JSON for the documentation.

The files have the format of docs/results/*.json, which docs/tables.py turns into pages.
"""

import argparse
import json
import math
import os
import pathlib
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from avjax.typing import PathLike

ROOT = pathlib.Path(__file__).parents[2]  # of the repository


class ResultTable:
    """A table whose rows are printed as they are added."""

    def __init__(self, title: str, *columns: str):
        """Print the names of the columns.

        Args:
            title: Title of the table.
            *columns: Names of the columns, with units.
        """
        self.title, self.columns = title, columns
        self.rows: list[list[Any]] = []
        print(" | ".join(columns), flush=True)

    def add(self, *row: Any) -> None:
        """Add a row and print it.

        Args:
            *row: Text, numbers, or None for an empty cell.
        """
        self.rows.append([to_json_value(value) for value in row])
        print(" | ".join(format_value(value) for value in self.rows[-1]), flush=True)

    def write(self, path: PathLike | None, *, data: str, seeds: str = "1") -> None:
        """Write the table as JSON; see `write_table`.

        Args:
            path: The file to write. None: nothing is written.
            data: The data that the values were computed from.
            seeds: The number of seeds, or what the cells say about it.
        """
        if path is not None:
            write_table(
                path,
                title=self.title,
                columns=self.columns,
                rows=self.rows,
                data=data,
                seeds=seeds,
            )


def make_parser(doc: str | None) -> argparse.ArgumentParser:
    """Make the parser of a study's command line, with the option --json.

    Args:
        doc: Docstring of the module, which --help prints as it is.

    Returns:
        The parser.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_json_option(parser)
    return parser


def real_clips_folder(parser: argparse.ArgumentParser) -> pathlib.Path:
    """Return the folder of real clips that the variable AVJAX_REAL names.

    Args:
        parser: Ends the program with its usage and status 2 if there is no such folder.

    Returns:
        The folder.
    """
    folder = pathlib.Path(os.environ.get("AVJAX_REAL", ""))
    if not os.environ.get("AVJAX_REAL") or not folder.is_dir():
        parser.error("set the variable AVJAX_REAL to the folder of the real clips")
    return folder


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add the option --json to a parser.

    Args:
        parser: The parser.
    """
    parser.add_argument(
        "--json", type=pathlib.Path, metavar="PATH", help="write the table to a file"
    )


def write_table(
    path: PathLike,
    *,
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    data: str = "",
    seeds: str = "1",
) -> None:
    """Write a table with its provenance as JSON.

    The command, the machine and the commit of the repository are filled in.

    Args:
        path: The file to write.
        title: Title of the table.
        columns: Names of the columns, with units.
        rows: Rows of text, numbers, or None for an empty cell.
        data: The data that the values were computed from.
        seeds: The number of seeds, or what the cells say about it.

    Raises:
        ValueError: A row has not one cell a column.
    """
    converted = [[to_json_value(value) for value in row] for row in rows]
    for row in converted:
        if len(row) != len(columns):
            raise ValueError(f"the row {row} has not {len(columns)} cells")
    facts = {
        "title": title,
        "command": current_command(),
        "data": data,
        "seeds": seeds,
        "machine": current_machine(),
        "commit": current_commit(),
        "columns": list(columns),
    }
    lines = [f" {json.dumps(key)}: {to_json(value)}" for key, value in facts.items()]
    cells = ",\n".join(f"  {to_json(row)}" for row in converted)
    lines += [f' "rows": [\n{cells}\n ]']
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    pathlib.Path(path).write_text(text, encoding="utf-8")


def to_json(value: Any) -> str:
    """Format a value as one line of JSON, with letters outside ASCII as they are."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def to_json_value(value: Any) -> str | int | float | None:
    """Convert a cell to a value of JSON; NaN becomes None, an empty cell.

    Args:
        value: Text, a number of Python or numpy, or None.

    Returns:
        The value.
    """
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def format_value(value: Any) -> str:
    """Format a cell for the terminal: a float with four digits."""
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def current_command() -> str:
    """Reconstruct the command line of this process.

    Returns:
        `python -m MODULE ARGUMENTS` for a module of this package, else
        `python FILE ARGUMENTS`, with the file relative to the repository.
    """
    file, arguments = pathlib.Path(sys.argv[0]), sys.argv[1:]
    if file.resolve().parent == pathlib.Path(__file__).resolve().parent:
        program = ["-m", f"avjax.train.ablations.{file.stem}"]
    elif file.resolve().is_relative_to(ROOT.resolve()):
        program = [file.resolve().relative_to(ROOT.resolve()).as_posix()]
    else:
        program = [file.name]
    return shlex.join(["python", *program, *arguments])


def current_machine() -> str:
    """Describe the machine: number of cores, processor, and operating system."""
    cores = len(os.sched_getaffinity(0))
    processor = platform.processor() or platform.machine()
    return f"{cores} cores, {processor}, {platform.system()}"


def current_commit() -> str:
    """Return the short hash of the repository's commit, or "unknown"."""
    try:
        result = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return result.stdout.strip()
