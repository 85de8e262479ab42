"""Files that are whole or absent, and trouble with them said in one sentence."""

import contextlib
import os
import pathlib
import secrets
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from typing import Any

from avjax.errors import InputError


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Gives a name to write under; the file takes its real name when the block ends.

    The temporary file lies beside the real one, so that the renaming cannot fail half
    way.  When the block raises, it is removed, and an older file of that name stays.
    """
    target, part = _begun(path)
    try:
        yield part
        with refusing(path, "write"):
            os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(
    path: str | os.PathLike, names: Collection[str]
) -> Iterator[pathlib.Path]:
    """Gives a folder to write in, which takes its real name when the block ends.

    An older one makes way if it holds just the files of these names, or nothing; any
    other is refused before the block begins.  When that raises, the older one stays.
    """
    target = pathlib.Path(os.path.realpath(path))
    with refusing(path, "write"):
        target.parent.mkdir(parents=True, exist_ok=True)
        held = set(os.listdir(target)) if target.exists() else set()
        if held and held != set(names):
            raise InputError(f"{path} holds other things than {', '.join(names)}")
        given = {"prefix": f".{target.name}-", "dir": target.parent}
        part, old = (pathlib.Path(tempfile.mkdtemp(**given)) for _ in range(2))
    try:
        part.chmod(0o755)  # mkdtemp is for the owner alone
        yield part
        with refusing(path, "write"):
            if target.exists():
                os.replace(target, old)
            os.replace(part, target)
    finally:
        if not target.exists() and any(old.iterdir()):
            os.replace(old, target)
        for folder in (part, old):
            shutil.rmtree(folder, ignore_errors=True)


def require_ending(path: str | os.PathLike, *endings: str) -> str:
    """Which of some endings, such as ".mp4", a name has; InputError if none."""
    found = os.path.splitext(path)[1].lower()
    if found not in endings:
        told = " or ".join(endings)
        raise InputError(f"cannot write {path}: its name should end in {told}")
    return found


def require_other(path: str | os.PathLike, *read: Any) -> None:
    """Raises InputError if `path` is a file that is read; arrays are passed by."""
    names = [each for each in read if isinstance(each, (str, os.PathLike))]
    if os.path.realpath(path) in map(os.path.realpath, names):
        raise InputError(f"{path} would be written over itself: give another name")


def require_place(path: str | os.PathLike) -> None:
    """Raises InputError unless a file can be written there, before long work."""
    _, part = _begun(path)
    part.unlink()


def _begun(path: str | os.PathLike) -> tuple[pathlib.Path, pathlib.Path]:
    """The file that a path means, and a new, empty one beside it."""
    target = pathlib.Path(os.path.realpath(path))
    part = target.with_name(f".avjax-{secrets.token_hex(6)}.part")
    with refusing(path, "write"):
        if target.exists() and not target.is_file():
            raise InputError(f"cannot write {path}: that is not an ordinary file")
        part.touch(exist_ok=False)
    return target, part


@contextlib.contextmanager
def refusing(path: str | os.PathLike, deed: str) -> Iterator[None]:
    """Turns the system's refusal to read or write `path` into an InputError."""
    try:
        yield
    except FileNotFoundError as error:
        missing = "its folder" if deed == "write" else "it"
        raise InputError(f"cannot {deed} {path}: {missing} does not exist") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot {deed} {path}: {reason}") from error


def require_file(path: str | os.PathLike) -> None:
    """Raises InputError unless `path` is a file with something in it."""
    with refusing(path, "read"):
        size = os.stat(path).st_size
    if os.path.isdir(path):
        raise InputError(f"cannot read {path}: it is a folder")
    if os.path.isfile(path) and size == 0:
        raise InputError(f"cannot read {path}: it is empty")


def cache_folder() -> pathlib.Path:
    """Where this user's programs keep what they can make again."""
    if "XDG_CACHE_HOME" in os.environ:
        return pathlib.Path(os.environ["XDG_CACHE_HOME"]) / "avjax"
    home = pathlib.Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "avjax"
    if sys.platform == "win32":
        return pathlib.Path(os.environ.get("LOCALAPPDATA", home)) / "avjax"
    return home / ".cache" / "avjax"
