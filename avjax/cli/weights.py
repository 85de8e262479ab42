"""The command `avjax weights`: which weights there are, and their model cards."""

import argparse

from avjax.cli.output import print_json


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
            print(f"{info}\n  sha256     {checksum}\n\n{info.card.strip()}")
        return
    infos = [describe_weights(name) for name in list_weights()]
    if options.json:
        names = "name", "system", "task", "trained_on", "score", "licence", "size_bytes"
        print_json([{name: getattr(info, name) for name in names} for info in infos])
    else:
        print("\n".join(map(str, infos)))
