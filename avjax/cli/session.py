"""Warnings and errors as the command line prints them."""

import contextlib
import sys
import warnings
from collections.abc import Iterator, Sequence

from avjax.errors import InputError


def show_deprecated_names() -> None:
    """Print the warnings about short names of weights, one line each.

    Python hides deprecation warnings outside of `__main__` by default.
    """

    def print_line(message, category, filename, lineno, file=None, line=None):
        print(f"avjax: warning: {message}", file=sys.stderr)

    warnings.filterwarnings("once", "the name .* of weights is deprecated")
    warnings.showwarning = print_line


@contextlib.contextmanager
def collect_errors(errors: list[InputError]) -> Iterator[None]:
    """Append an InputError of the `with` block to a list, so that work continues."""
    try:
        yield
    except InputError as error:
        errors.append(error)


def raise_all(errors: Sequence[InputError]) -> None:
    """Raise the errors of several files as one InputError, with one line for each."""
    if not errors:
        return
    kinds = {type(error) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else InputError
    raise kind("\n".join(map(str, errors)))
