"""Results of commands: text for people, and JSON for programs (`--json`).

Every command prints its result on standard output through this module. Notes, progress
and errors go to standard error, so that standard output of `--json` can be parsed.
"""

import argparse
import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from avjax.pipelines.transcript import Transcript


class Result(Protocol):
    """A result: `str(result)` is text for people."""

    def to_json(self) -> Mapping[str, Any]:
        """Convert to values that `json.dumps` accepts."""
        ...


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument `--json` to a command.

    Args:
        parser: The parser of the command.
    """
    parser.add_argument("--json", action="store_true", help="print JSON, not text")


def print_result(
    result: Result,
    as_json: bool,
    wrote: Sequence[str | os.PathLike[str]] = (),
    text: str | None = None,
) -> None:
    """Print the result of a command.

    Args:
        result: The result.
        as_json: Print a JSON object; see `result_object`.
        wrote: The files or folders that were written; text names the first.
        text: Text for people. None: `str(result)`.
    """
    if as_json:
        print_json(result_object(result, wrote))
    else:
        sentences = str(result) if text is None else text
        print(*(f"wrote {path}:" for path in wrote[:1]), sentences, flush=True)


def result_object(
    result: Result, wrote: Sequence[str | os.PathLike[str]] = ()
) -> dict[str, Any]:
    """Return a result as a JSON object.

    Args:
        result: The result.
        wrote: The files or folders that were written.

    Returns:
        The object. If something was written, "wrote" lists the paths, and "report" the
        sentences that are printed without `--json`.
    """
    if not wrote:
        return dict(result.to_json())
    report = str(result).splitlines()
    return {
        "wrote": [os.fspath(path) for path in wrote],
        **result.to_json(),
        "report": report,
    }


def print_transcript(transcript: "Transcript") -> None:
    """Print a transcript for people; words that are unreliable are grey on a terminal.

    Args:
        transcript: The transcript.
    """
    import rich.console

    console = rich.console.Console(highlight=False, markup=False, soft_wrap=True)
    style = None if transcript.is_reliable else "dim"
    console.print(transcript.format_words(), style=style)
    console.print(transcript.format_report())


def print_json(value: Any) -> None:
    """Print a value as JSON. Numbers that are not finite become null.

    Args:
        value: Dicts, lists and scalars.
    """
    print(json.dumps(_without_nan(value), indent=1), flush=True)


def _without_nan(value: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, by None."""
    if isinstance(value, Mapping):
        return {key: _without_nan(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(child) for child in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
