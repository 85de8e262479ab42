"""Parts of the command line. Importing this package is cheap."""

from avjax.cli.output import add_json_argument, print_json, print_result
from avjax.cli.parser import Parser, make_parser

__all__ = [
    "Parser",
    "add_json_argument",
    "make_parser",
    "print_json",
    "print_result",
]
