"""The command `avjax weights`: which weights there are, and their model cards."""

import argparse
import re
import sys
import textwrap
from typing import TYPE_CHECKING

from avjax.cli.output import print_json

if TYPE_CHECKING:
    from avjax.weights_folders import WeightsInfo

COLUMNS = {"name": 23, "command": 7, "trained on": 17, "licence": 14, "score": 31}
NUMBER = re.compile(r"\d\S*([,;]| [^…]|$)")  # with a unit, or without one
MORE = "avjax weights show NAME prints everything about one of them"


def add_weights_arguments(
    parser: argparse.ArgumentParser,
) -> list[argparse.ArgumentParser]:
    """Add the commands of `avjax weights`.

    Args:
        parser: The parser of `avjax weights`.

    Returns:
        The parsers of `avjax weights list` and `avjax weights show`.
    """
    commands = parser.add_subparsers(required=True, metavar="list|show", dest="what")
    listing = commands.add_parser("list", help="list the bundled weights")
    show = commands.add_parser("show", help="print the model card of weights")
    show.add_argument(
        "name", metavar="NAME|DIR", help="bundled name, or a folder or address"
    )
    return [listing, show]


def weights(options: argparse.Namespace) -> None:
    """List the bundled weights, or show what is known about some weights."""
    from avjax.weights_download import folder_checksum
    from avjax.weights_folders import describe_weights, list_weights, weights_files

    if options.what == "show":
        info = describe_weights(options.name)
        checksum = folder_checksum(weights_files(options.name)[0].parent)
        if options.json:
            print_json({**info.to_json(), "sha256": checksum})
        else:
            print(f"{info}\n  {'sha256':<13}{checksum}\n\n{info.card.strip()}")
        return
    infos = [describe_weights(name) for name in list_weights()]
    if options.json:
        names = "name", "system", "task", "trained_on", "score", "licence", "size_bytes"
        print_json([{name: getattr(info, name) for name in names} for info in infos])
    else:
        rows = [list(COLUMNS), *map(summarize, infos)]
        widths = list(COLUMNS.values())
        if not sys.stdout.isatty():  # a file or another program: nothing is cut
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(map(fit, row, widths)).rstrip() for row in rows)
        print("\n".join([*lines, "", MORE]))


def summarize(info: "WeightsInfo") -> list[str]:
    """Return the values of `COLUMNS` for some weights.

    Args:
        info: What is known about the weights.
    """
    command = re.search(r"\(avjax (\w+)\)", info.task)
    licence = "non-commercial" if "non-commercial" in info.licence else info.licence
    return [
        info.name,
        command[1] if command else "",
        info.trained_on,
        licence,
        info.score,
    ]


def fit(text: str, width: int) -> str:
    """Cut a text to a width between words; its first number and unit are kept.

    Args:
        text: The text.
        width: Number of characters.

    Returns:
        The text, with " …" in the place of what is left out, and spaces up to the
        width.
    """
    words = text.split()
    short = textwrap.shorten(text, width, placeholder=" …")
    while words and NUMBER.search(text) and not NUMBER.search(short):
        words = words[1:]
        rest = textwrap.shorten(" ".join(words), width - 2, placeholder=" …")
        short = f"… {rest}"
    return short.ljust(width)
