"""Temporary files of a build that hold Python objects."""

import pathlib
import pickle
from typing import Any

from avjax.media.files import atomic_file


def write_pickle(path: pathlib.Path, value: Any) -> None:
    """Write a temporary file that either appears complete or not at all.

    Args:
        path: The file.
        value: Its content: a record, or a report.
    """
    with atomic_file(path) as temporary:
        temporary.write_bytes(pickle.dumps(value))


def read_pickle(path: pathlib.Path) -> Any:
    """Read a file that this build, or the same one before, has written.

    Args:
        path: The file.

    Returns:
        Its content.
    """
    return pickle.loads(path.read_bytes())
