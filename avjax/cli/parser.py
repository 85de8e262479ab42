"""The parser of the `avjax` program."""

import argparse
import re
from collections.abc import Callable, Mapping
from typing import NoReturn

import avjax
from avjax.cli.arguments import ARGUMENTS
from avjax.errors import InputError, unknown_name

INVALID_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")

Command = Callable[[argparse.Namespace], None]


class Parser(argparse.ArgumentParser):
    """An argument parser that raises InputError instead of printing the usage."""

    def parse_args(self, args=None, namespace=None):
        """Parse the arguments, and name the help of the command if some are unknown."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            command = getattr(getattr(options, "run", None), "__name__", "")
            raise InputError(
                f"unrecognized arguments: {' '.join(unknown)} "
                f"(see {f'{self.prog} {command}'.strip()} --help)"
            )
        return options

    def error(self, message: str) -> NoReturn:
        """Raise an InputError.

        Args:
            message: The problem with the arguments.

        Raises:
            InputError: Always.
        """
        if match := INVALID_CHOICE.search(message):
            names = re.findall(r"[^', ]+", match[2])
            message = unknown_name(
                match[1], names, "word" if self.prog != "avjax" else "command"
            )
        raise InputError(f"{message} (see {self.prog} --help)")


def make_parser(
    commands: Mapping[str, Command], delegated: Mapping[str, Callable]
) -> Parser:
    """Make the parser of the `avjax` program.

    Args:
        commands: {name: function}. The parsed options have the function as `run`; its
            docstring is the description of the command.
        delegated: {name: function} of commands that parse their own arguments.

    Returns:
        The parser.
    """
    parser = Parser(prog="avjax", description=(avjax.__doc__ or "").split("\n")[0])
    parser.add_argument("--version", action="version", version=avjax.__version__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run in commands.items():
        summary, add_arguments = ARGUMENTS[name]
        command = subparsers.add_parser(name, help=summary, description=run.__doc__)
        command.set_defaults(run=run)
        add_arguments(command)
    for name, run in delegated.items():
        subparsers.add_parser(name, help=run.__doc__, add_help=False)
    return parser
