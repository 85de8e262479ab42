"""The parser of the `avjax` program."""

import argparse
import re
from collections.abc import Callable, Mapping
from typing import NoReturn

import avjax
from avjax.cli import arguments
from avjax.cli.app import add_app_arguments
from avjax.cli.output import add_json_argument
from avjax.cli.report import add_compare_arguments, add_report_arguments
from avjax.cli.weights import add_weights_arguments
from avjax.errors import InputError, unknown_name

INVALID_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")

Command = Callable[[argparse.Namespace], int | None]  # the exit status; None: 0
# The function of a command that has commands of its own returns their parsers.
AddArguments = Callable[[argparse.ArgumentParser], list[argparse.ArgumentParser] | None]
# {command: (summary, function that adds its arguments)}
ARGUMENTS: dict[str, tuple[str, AddArguments]] = {
    "talk": ("animate a face from audio or text", arguments.add_talk_arguments),
    "adapt": (
        "adapt the talker of any face to one person",
        arguments.add_adapt_arguments,
    ),
    "lipread": ("read lips in silent videos", arguments.add_lipread_arguments),
    "align": ("find the times of words and phonemes", arguments.add_align_arguments),
    "speak": ("generate speech from silent lips", arguments.add_speak_arguments),
    "denoise": ("remove noise from images and videos", arguments.add_denoise_arguments),
    "convert": ("convert PyTorch weights", arguments.add_convert_arguments),
    "sync": ("measure lip synchronisation", arguments.add_sync_arguments),
    "export": ("export a system or its weights", arguments.add_export_arguments),
    "weights": ("list weights, and show their cards", add_weights_arguments),
    "report": ("write a training run as an HTML file", add_report_arguments),
    "compare": ("compare training runs", add_compare_arguments),
    "doctor": ("examine the installation", arguments.add_no_arguments),
    "app": ("serve a web page with these commands", add_app_arguments),
    "demo": ("write a demo video of a synthetic face", arguments.add_demo_arguments),
}


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
        for leaf in add_arguments(command) or [command]:
            add_json_argument(leaf)
    for name, run in delegated.items():
        subparsers.add_parser(name, help=run.__doc__, add_help=False)
    return parser
