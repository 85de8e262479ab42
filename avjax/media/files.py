"""Atomic writes, checks of input and output paths, and the cache folder."""

import contextlib
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from typing import Any, Literal

from avjax.errors import InputError
from avjax.media.paths import check_local
from avjax.typing import PathLike

UNENCODABLE = "backslashreplace"  # bytes of file names that are not UTF-8


@contextlib.contextmanager
def atomic_file(path: PathLike) -> Iterator[pathlib.Path]:
    """Write a file that either appears complete or not at all.

    The temporary file is in the folder of `path`, so that the final rename is atomic.
    If the `with` block raises, the temporary file is removed and an existing file at
    `path` stays as it is.

    Args:
        path: The file to write. An existing file is replaced.

    Yields:
        The temporary path to write to. It is renamed to `path` when the block ends.

    Raises:
        InputError: The file cannot be written.
    """
    target, temporary = _create_temporary(path)
    try:
        yield temporary
        with wrap_os_errors(path, "write"):
            os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: PathLike, text: str) -> None:
    """Write a text file that either appears complete or not at all.

    Args:
        path: The file to write. An existing file is replaced.
        text: Its content, stored as UTF-8. Bytes of file names that are not UTF-8
            become escapes, such as \\udcff.

    Raises:
        InputError: The file cannot be written.
    """
    with atomic_file(path) as temporary, wrap_os_errors(path, "write"):
        temporary.write_text(text, encoding="utf-8", errors=UNENCODABLE)


@contextlib.contextmanager
def atomic_folder(
    path: PathLike, names: Collection[str], optional: Collection[str] = ()
) -> Iterator[pathlib.Path]:
    """Write a folder that either appears complete or not at all.

    An existing folder is replaced if it is empty or holds exactly the files `names`.
    If the `with` block raises, the existing folder stays as it is.

    Args:
        path: The folder to write.
        names: Names of the files that the block writes.
        optional: Those of the names that an existing folder may lack.

    Yields:
        The temporary folder to write to. It is renamed to `path` when the block ends.

    Raises:
        InputError: The folder holds other files, or it cannot be written.
    """
    with created_parents(path) as target:
        temporary, backup = _create_folders(path, target, names, optional)
        try:
            temporary.chmod(0o755)  # mkdtemp makes it accessible to the owner alone
            yield temporary
            with wrap_os_errors(path, "write"):
                if target.exists():
                    os.replace(target, backup)
                os.replace(temporary, target)
        finally:
            if not target.exists() and any(backup.iterdir()):
                os.replace(backup, target)
            for folder in (temporary, backup):
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def created_parents(path: PathLike) -> Iterator[pathlib.Path]:
    """Create the missing folders above a path, and remove them if nothing is there.

    Args:
        path: The path of what the `with` block writes.

    Yields:
        The path without links.

    Raises:
        InputError: The folders cannot be created.
    """
    check_local(path)
    target = pathlib.Path(os.path.realpath(path))
    missing = [folder for folder in target.parents if not folder.exists()]
    try:
        with wrap_os_errors(path, "write"):
            target.parent.mkdir(parents=True, exist_ok=True)
        yield target
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):  # not empty, or not created
                folder.rmdir()


def check_folder(
    path: PathLike, names: Collection[str], optional: Collection[str] = ()
) -> None:
    """Check, before long work, that `atomic_folder` can write a folder.

    Args:
        path: The folder to write.
        names: Names of the files that will be written.
        optional: Those of the names that an existing folder may lack.

    Raises:
        InputError: The folder holds other files, or it cannot be written.
    """
    with created_parents(path) as target:
        for folder in _create_folders(path, target, names, optional):
            folder.rmdir()


def _create_folders(
    path: PathLike,
    target: pathlib.Path,
    names: Collection[str],
    optional: Collection[str],
) -> tuple[pathlib.Path, pathlib.Path]:
    """Create two empty temporary folders next to `target`, which is `path` resolved."""
    with wrap_os_errors(path, "write"):
        existing = set(os.listdir(target)) if target.exists() else set()
        required = set(names) - set(optional)
        if existing and not required <= existing <= set(names):
            raise InputError(
                f"cannot replace the folder {path}: it holds files other than "
                f"{', '.join(names)}"
            )
        temporary, backup = (
            pathlib.Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
            for _ in range(2)
        )
    return temporary, backup


def check_suffix(path: PathLike, *suffixes: str) -> str:
    """Check that a file name has one of the allowed suffixes.

    Args:
        path: The file name.
        *suffixes: The allowed suffixes in lower case, such as ".mp4".

    Returns:
        The suffix of `path` in lower case.

    Raises:
        InputError: The name has another suffix.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in suffixes:
        allowed = " or ".join(suffixes)
        raise InputError(f"cannot write {path}: its name should end in {allowed}")
    return suffix


def check_distinct(path: PathLike, *inputs: Any) -> None:
    """Check that an output file is not also an input file.

    Args:
        path: The file to write.
        *inputs: Paths that are read. Anything that is not a path is ignored.

    Raises:
        InputError: `path` is one of the inputs.
    """
    names = [item for item in inputs if isinstance(item, (str, os.PathLike))]
    if os.path.realpath(path) in [os.path.realpath(name) for name in names]:
        raise InputError(
            f"cannot write {path}: it is also an input; choose another name"
        )


def check_writable(path: PathLike) -> None:
    """Check, before long work, that a file can be written.

    Args:
        path: The file to write.

    Raises:
        InputError: The file cannot be written.
    """
    _, temporary = _create_temporary(path)
    temporary.unlink()


def _create_temporary(path: PathLike) -> tuple[pathlib.Path, pathlib.Path]:
    """Resolve `path` and create an empty temporary file in its folder."""
    check_local(path)
    target = pathlib.Path(os.path.realpath(path))
    temporary = target.with_name(f".avjax-{os.urandom(6).hex()}.part")
    with wrap_os_errors(path, "write"):
        if target.exists() and not target.is_file():
            raise InputError(f"cannot write {path}: it is not a regular file")
        temporary.touch(exist_ok=False)
    return target, temporary


@contextlib.contextmanager
def wrap_os_errors(path: PathLike, action: Literal["read", "write"]) -> Iterator[None]:
    """Turn operating system errors of the `with` block into an InputError.

    Args:
        path: The file that the message names.
        action: Action of the block on the file.

    Raises:
        InputError: The block raised an OSError.
    """
    try:
        yield
    except FileNotFoundError as error:
        reason = "it does not exist"
        if action == "write":  # /proc exists, but no file can be made in it
            exists = pathlib.Path(path).absolute().parent.is_dir()
            reason = f"its folder {'takes no files' if exists else 'does not exist'}"
        raise InputError(f"cannot {action} {path}: {reason}") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot {action} {path}: {reason}") from error


def check_readable(path: PathLike) -> None:
    """Check that a path is a file and is not empty.

    Args:
        path: The file to read.

    Raises:
        InputError: The file does not exist, is a folder, or is empty.
    """
    with wrap_os_errors(path, "read"):
        size = os.stat(path).st_size
    if os.path.isdir(path):
        raise InputError(f"cannot read {path}: it is a folder")
    if os.path.isfile(path) and size == 0:
        raise InputError(f"cannot read {path}: it is empty")


def cache_folder() -> pathlib.Path | None:
    """Return the user's cache folder for avjax; it need not exist.

    A variable that is empty or names a relative path is ignored, as the XDG Base
    Directory Specification demands; a cache in the current folder helps nobody.

    Returns:
        An absolute path; None if the user has no home.
    """
    places = [os.environ.get("XDG_CACHE_HOME", "")]
    if sys.platform == "win32":
        places.append(os.environ.get("LOCALAPPDATA", ""))
    elif sys.platform == "darwin":
        places.append(os.path.expanduser("~/Library/Caches"))
    places.append(os.path.expanduser("~/.cache"))  # unchanged if there is no home
    absolute = filter(os.path.isabs, places)
    return next((pathlib.Path(place) / "avjax" for place in absolute), None)
