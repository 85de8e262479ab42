"""Parts of the command line. Importing this package is cheap."""

from avjax.cli.parser import Parser, make_parser

__all__ = ["Parser", "make_parser"]
