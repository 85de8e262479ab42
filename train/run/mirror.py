"""Files of a run in an object store: they are written on a local disk, and copied."""

import contextlib
import pathlib
import tempfile
import time
from collections.abc import Iterator, Sequence

import jax

from avjax.media.paths import is_remote

UPLOAD_SECONDS = 60.0  # between two copies while nothing else asks for one


class Mirror:
    """The files of a run, except for its checkpoints.

    A store can neither append to a file nor replace a folder, so that files which grow
    are written locally. For a local run, nothing is copied.

    Attributes:
        folder: Folder of the run.
        local: Folder to write to.
    """

    def __init__(self, folder: pathlib.Path, local: pathlib.Path):
        self.folder, self.local = folder, local
        self._copied: dict[pathlib.Path, tuple[int, int]] = {}
        self._since = time.monotonic()

    def fetch(self, *names: str) -> None:
        """Copy files of an earlier process of the run to the local folder.

        Args:
            *names: Names of files, which need not exist.
        """
        for name in names:
            if (file := self.folder / name).is_file():
                (self.local / name).write_bytes(file.read_bytes())

    def upload(self, now: bool = True) -> None:
        """Copy the files that have changed since the last call.

        Args:
            now: Copy them also if the last time was less than a minute ago.
        """
        is_due = now or time.monotonic() - self._since > UPLOAD_SECONDS
        if self.local == self.folder or jax.process_index() or not is_due:
            return
        # In this order, the config of weights comes after the weights.
        for file in sorted(self.local.rglob("*"), reverse=True):
            status = file.stat()
            version = status.st_mtime_ns, status.st_size
            if file.is_file() and self._copied.get(file) != version:
                target = self.folder / file.relative_to(self.local).as_posix()
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
                self._copied[file] = version
        self._since = time.monotonic()


@contextlib.contextmanager
def mirrored(folder: pathlib.Path, fetched: Sequence[str]) -> Iterator[Mirror]:
    """Open a place for the files of a run.

    Args:
        folder: Folder of the run, which may be in an object store.
        fetched: Names of files that are continued.

    Yields:
        The mirror. What is left to copy is copied at the end.
    """
    if not is_remote(folder):
        yield Mirror(folder, folder)
        return
    with tempfile.TemporaryDirectory(prefix="avjax-") as local:
        mirror = Mirror(folder, pathlib.Path(local))
        mirror.fetch(*fetched)
        try:
            yield mirror
        finally:
            mirror.upload()
