"""Paths of local files and of object stores, such as gs://bucket/folder."""

import contextlib
import importlib.util
import os
import pathlib
import re
from typing import cast

from avjax.errors import InputError
from avjax.typing import PathLike

LOCAL_SCHEME = "file"
# Module that reads a store, and what installs it.
STORES = {"gs": ("gcsfs", "'avjax[gcs]'"), "s3": ("s3fs", "s3fs")}
UNSUPPORTED = {"az", "hf"}  # known to epath, but checkpoints cannot be written there
SCHEMES = {LOCAL_SCHEME, *STORES, *UNSUPPORTED}
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(//?)")


def as_path(path: PathLike) -> pathlib.Path:
    """Make a path object of a local path or a URL.

    Args:
        path: A local path, "file:///folder", or "gs://bucket/folder". Other packages
            may add schemes with `etils.epath.register_path_cls`.

    Returns:
        The path. That of a store is an `etils.epath.Path`, which has the same methods,
        except for those of a single file system.

    Raises:
        InputError: The scheme is unknown, or its store cannot be read here.
    """
    if is_remote(path):
        return cast(pathlib.Path, path)
    text = os.fspath(path)
    match = URL.match(text)
    if match is None:
        return pathlib.Path(text)
    scheme, slashes = match.groups()
    if slashes == "/":  # what pathlib.Path makes of a URL
        if scheme in SCHEMES:
            raise InputError(
                f"{text} has one slash after '{scheme}:'; write {scheme}://"
            )
        return pathlib.Path(text)
    if scheme == LOCAL_SCHEME:
        return pathlib.Path("/", text[match.end() :].lstrip("/"))
    module, package = STORES.get(scheme, ("", ""))
    if module and importlib.util.find_spec(module) is None:
        raise InputError(
            f"{text} cannot be used without {module}; install it: pip install {package}"
        )
    from etils import epath  # here, because importing it takes a fifth of a second

    with contextlib.suppress(KeyError):
        if scheme not in UNSUPPORTED:
            return cast(pathlib.Path, epath.Path(text))
    raise InputError(
        f"{text} cannot be used; the known schemes are {LOCAL_SCHEME}, "
        f"{', '.join(STORES)}"
    )


def check_local(path: PathLike) -> None:
    """Check that a path is in the local file system.

    Args:
        path: The path of an output.

    Raises:
        InputError: It is a URL.
    """
    match = URL.match(str(path))
    if match and (match[2] == "//" or match[1] in SCHEMES):
        raise InputError(
            f"cannot write {path}: give a local path, and copy the result; only "
            "avjax train writes to stores"
        )


def is_remote(path: PathLike) -> bool:
    """Tell if a path, as `as_path` makes it, is in an object store.

    Args:
        path: The path.
    """
    return not isinstance(path, str) and "://" in str(path)  # "a:/b" in pathlib
