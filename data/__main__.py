"""avjax data build CORPUS --out DIR: build a corpus for training from recordings."""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

from avjax.cli import Parser, add_json_argument, print_json, session
from avjax.cli.values import integer_from
from avjax.data.builders import CORPORA, make_source
from avjax.errors import InputError, not_a_folder
from avjax.media.paths import check_local


def main(
    arguments: Sequence[str] | None = None,
    make_aligner: Callable[[str], Callable] | None = None,
) -> int:
    """Build one corpus, and print the numbers of clips and the skipped clips.

    Args:
        arguments: Arguments of the command line; None: those of this process.
        make_aligner: Makes the value of `CorpusEntry.aligner_field` for its name. None:
            nothing is aligned.

    Returns:
        The exit status, 0.

    Raises:
        InputError: The arguments are invalid, or the corpus cannot be built.
    """
    options = make_parser().parse_args(arguments)
    check_local(options.out)
    entry = CORPORA[options.corpus]
    fields = {option.field: getattr(options, option.field) for option in entry.options}
    for folder in filter(None, map(fields.get, ("raw", "clean"))):
        if not os.path.isdir(folder):
            raise InputError(not_a_folder(folder))
    if entry.aligner_field and make_aligner:
        fields[entry.aligner_field] = make_aligner(entry.aligner_field)
    source = make_source(options.corpus, **fields)
    from avjax.data.builders.corpus import build_corpus

    try:
        with exit_on_sigterm():
            summary = build_corpus(source, options.out, options.workers, options.beam)
    except InputError as error:
        raise InputError(session.name_flags(error, options)) from error
    if options.json:
        print_json({"wrote": [options.out], **summary.to_json()})
    else:
        print(f"{summary}\nwrote {options.out}")
    return 0


@contextlib.contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that worker processes are stopped.

    Yields:
        Nothing; within the context, SIGTERM raises `SystemExit`.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def make_parser() -> Parser:
    """Make the parser of `avjax data`, with one command for each of `CORPORA`.

    Returns:
        The parser.
    """
    parser = Parser(prog="avjax data", description=__doc__)
    build = parser.add_subparsers(required=True, metavar="build").add_parser("build")
    corpora = build.add_subparsers(required=True, metavar="CORPUS", dest="corpus")
    for name, entry in CORPORA.items():
        command = corpora.add_parser(name, help=entry.help, description=entry.help)
        for option in entry.options:
            command.add_argument(option.flag, dest=option.field, **option.arguments)
        add_build_arguments(command)
    return parser


def add_build_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that all corpora share.

    Args:
        parser: Parser of one corpus.
    """
    add_json_argument(parser)
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="folder to write; must not exist"
    )
    parser.add_argument(
        "--workers",
        type=integer_from(0),
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes that read; 0: this process (default: number of cores)",
    )
    parser.add_argument(
        "--beam",
        default="",
        metavar="OPTIONS",
        help="read with Apache Beam: runner=DirectRunner,direct_num_workers=8, or "
        "runner=DataflowRunner,project=NAME,...",
    )


if __name__ == "__main__":
    sys.exit(session.run(main, "avjax data"))
