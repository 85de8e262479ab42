"""Completion of commands, options and names by the shell, with the package argcomplete.

The shell runs `avjax` with the environment variable `_ARGCOMPLETE` when the user
presses Tab. Nothing large is imported then; the names of experiments are read from
their source.
"""

import argparse
import pathlib
import sys
from collections.abc import Callable, Iterable, Mapping

VARIABLE = "_ARGCOMPLETE"  # set by the shell that asks

Names = Callable[[], Iterable[str]]


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell, and end the process.

    Args:
        parser: The parser of the program, with those of all commands.

    Raises:
        SystemExit: The package argcomplete is missing.
    """
    try:
        import argcomplete
    except ImportError:
        sys.exit("avjax: completion needs the package argcomplete: avjax[completion]")
    add_completers(parser)
    argcomplete.autocomplete(parser)


def make_full_parser(
    make_parser: Callable[..., argparse.ArgumentParser], commands: Mapping
) -> argparse.ArgumentParser:
    """Make the parser of all commands, also of those that parse their own arguments.

    Args:
        make_parser: `avjax.cli.make_parser`.
        commands: {name: function} of the other commands.

    Returns:
        The parser.
    """
    from avjax.data.__main__ import make_parser as make_data_parser
    from avjax.train.__main__ import make_evaluate_parser, make_train_parser

    delegated = {
        "data": make_data_parser,
        "train": make_train_parser,
        "evaluate": make_evaluate_parser,
    }
    parser = make_parser(commands, delegated)
    for choices in find_choices(parser):
        choices.update({name: make() for name, make in delegated.items()})
    return parser


def find_choices(parser: argparse.ArgumentParser) -> list[dict]:
    """List the dicts {name: parser} of the commands below a parser."""
    return [
        action.choices
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
    ]


def add_completers(parser: argparse.ArgumentParser) -> None:
    """Complete names of weights, experiments and runs, next to files.

    Args:
        parser: A parser, whose commands are completed as well.
    """
    for choices in find_choices(parser):
        for command in choices.values():
            add_completers(command)
    for action in parser._actions:
        if names := NAMES.get((action.dest, action.metavar)):
            action.completer = _Completer(names)  # type: ignore[attr-defined]


class _Completer:
    """Proposes names and files."""

    def __init__(self, names: Names):
        self.names = names

    def __call__(self, prefix: str, **_) -> list[str]:
        from argcomplete.completers import FilesCompleter

        names = [name for name in self.names() if name.startswith(prefix)]
        return [*names, *FilesCompleter()(prefix)]


def list_bundled() -> list[str]:
    """List the names of the bundled weights."""
    from avjax.weights_folders import list_weights

    return list_weights()


def list_experiments() -> list[str]:
    """List the names of the experiments of avjax."""
    from avjax.train.names import read_descriptions

    return list(read_descriptions())


def list_runs() -> list[str]:
    """List the names of the runs in the folder `runs`."""
    return [file.parent.name for file in pathlib.Path("runs").glob("*/metrics.jsonl")]


def list_languages() -> list[str]:
    """List the codes of eSpeak's languages."""
    from avjax.text.espeak import list_languages

    return list(list_languages())


def list_voices() -> list[str]:
    """List the voice variants of eSpeak, and "none"."""
    from avjax.text.espeak import list_variants

    return [*list_variants(), "none"]


NAMES: dict[tuple[str, str | tuple[str, ...] | None], Names] = {  # by dest and metavar
    ("weights", "NAME|DIR"): list_bundled,
    ("name", "NAME|DIR"): list_bundled,
    ("name", "NAME"): list_experiments,
    ("run_folder", "RUN"): list_runs,
    ("run_folders", "RUN"): list_runs,
    ("lang", "CODE"): list_languages,
    ("voice", "NAME"): list_voices,
}
