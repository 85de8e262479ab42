"""The hidden folder of a build that is not complete, which a later build continues."""

import contextlib
import fcntl
import hashlib
import json
import pathlib
import shutil
from collections.abc import Iterator, Sequence

from avjax import __version__
from avjax.console import CONSOLE
from avjax.data.builders.shards import Shard
from avjax.data.builders.source import CorpusSource
from avjax.errors import InputError
from avjax.media.files import created_parents, wrap_os_errors, write_text
from avjax.typing import PathLike

_SOURCE_FILE, _CLIPS_FILE, _LOCK_FILE = "source.json", "clips.json", "lock"


class UnfinishedBuild:
    """The folders of a build that is not complete.

    Attributes:
        folder: The hidden folder, next to the corpus and on the same disk.
        corpus: What becomes the corpus.
        reports: Reports of the complete shards.
        work: What the source writes before its clips can be listed.
        results: What processes of a pipeline send back.
    """

    def __init__(self, out: PathLike, folder: pathlib.Path):
        self.out, self.folder = out, folder
        self.corpus, self.reports = folder / "corpus", folder / "reports"
        self.work, self.results = folder / "work", folder / "results"

    def open(self, source: CorpusSource) -> None:
        """Create the folders, or check that they belong to the same source.

        Args:
            source: Where the clips come from.

        Raises:
            InputError: They belong to another source.
        """
        for folder in (self.corpus, self.reports, self.work, self.results):
            folder.mkdir(exist_ok=True)
        aligned = bool(source.aligner or source.text_aligner)
        self._check(_SOURCE_FILE, [__version__, repr(source), aligned], "options")

    def check_clips(self, shards: Sequence[Shard]) -> None:
        """Check that the list of clips has not changed.

        Args:
            shards: All shards.

        Raises:
            InputError: It has changed.
        """
        names = [[shard.split, [str(clip) for clip in shard.clips]] for shard in shards]
        digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()
        self._check(_CLIPS_FILE, digest, "recordings")

    @contextlib.contextmanager
    def discarded_if_useless(self) -> Iterator[None]:
        """Remove the folder if the block finds that the recordings cannot be used.

        Yields:
            Nothing; an error of the disk in the block removes nothing.
        """
        try:
            yield
        except InputError as error:
            if not isinstance(error.__cause__, OSError):
                self.discard()
            raise

    def is_worth_keeping(self) -> bool:
        """Tell if a shard, or the work before the first one, is complete."""
        parts = (self.reports.glob("*.json"), self.work.rglob("*.report"))
        return any(any(files) for files in parts)

    def discard(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _check(self, name: str, content: object, what: str) -> None:
        """Compare with the content of a file; write it if there is no such file."""
        path, text = self.folder / name, json.dumps(content)
        if not path.exists():
            write_text(path, text)
        elif path.read_text(encoding="utf-8") != text:
            raise InputError(
                f"a build of {self.out} was interrupted, and the {what} were others "
                f"then; remove {self.folder} to start again"
            )


@contextlib.contextmanager
def unfinished_build(
    out: pathlib.Path, source: CorpusSource
) -> Iterator[UnfinishedBuild]:
    """Open the hidden folder of a build.

    On an error it is kept if a part of the corpus is complete.

    Args:
        out: The folder that a corpus is written to in the end.
        source: Where the clips come from.

    Yields:
        The folders of the build.

    Raises:
        InputError: The folder cannot be made, another process writes to it, or it
            belongs to another source.
    """
    with created_parents(out) as target:
        folder = target.parent / f".{target.name}.unfinished"
        with wrap_os_errors(out, "write"):
            folder.mkdir(exist_ok=True)
            lock = (folder / _LOCK_FILE).open("w")
        with lock:
            build = UnfinishedBuild(out, folder)
            _lock(lock, out)
            with wrap_os_errors(out, "write"):
                build.open(source)
            try:
                yield build
            except BaseException:
                _keep_or_discard(build)
                raise


def _lock(file, out: pathlib.Path) -> None:
    """Lock a file for this process, until it is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(f"another process is building {out}") from error


def _keep_or_discard(build: UnfinishedBuild) -> None:
    """Keep a folder with complete parts, and say so; remove any other one."""
    if not build.is_worth_keeping():
        build.discard()
        return
    CONSOLE.print(
        f"{build.out} is not complete; the same command continues what is in "
        f"{build.folder}",
        markup=False,
        soft_wrap=True,
    )
