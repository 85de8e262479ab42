"""A store with the scheme fake://, whose files are in a local folder."""

import os
import pathlib

from etils import epath

ROOT: list[pathlib.Path] = []  # the folder


@epath.register_path_cls("fake://")
class FakeStorePath(type(epath.Path("/"))):
    """A path in the store. Libraries see the local file, and users the URL."""

    def __new__(cls, first="", *others):
        if os.fspath(first).startswith("fake://"):
            first = ROOT[0] / os.fspath(first).removeprefix("fake://")
        return super().__new__(cls, first, *others)

    def __str__(self) -> str:
        return f"fake://{os.path.relpath(self._path_str, ROOT[0])}"

    def as_posix(self) -> str:
        return self._path_str


def url(name: str) -> str:
    """Return the URL of a file or folder of the store."""
    return f"fake://{name}"
