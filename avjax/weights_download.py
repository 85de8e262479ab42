"""Weights at an address of the web, which are downloaded once and verified.

An address names the folder of the weights and the checksum of its content:

    https://example.org/my-weights#sha256=0123…

The checksum is that of config.json followed by weights.safetensors, as
`cat config.json weights.safetensors | sha256sum` prints it.
"""

import hashlib
import pathlib
import re
from collections.abc import Iterator

from avjax.console import format_size, status
from avjax.errors import InputError
from avjax.media.files import atomic_folder, cache_folder, wrap_os_errors
from avjax.typing import PathLike

HASHED_FILES = "config.json", "weights.safetensors"
SCHEME = "https://"
_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20
_MAX_BYTES = 8 << 30  # of one file; a server may send without end
_TIMEOUT_SECONDS = 30.0  # without any data


def is_address(name: PathLike) -> bool:
    """Tell if weights are named by an address of the web.

    Args:
        name: The name of weights.
    """
    return isinstance(name, str) and name.startswith((SCHEME, "http://"))


def fetch_weights(name: str) -> pathlib.Path:
    """Return the local copy of weights; download and verify them the first time.

    Args:
        name: "https://HOST/FOLDER#sha256=CHECKSUM".

    Returns:
        A folder of weights in the user's cache folder.

    Raises:
        InputError: The address has no checksum, nothing can be read there, or the
            content has another checksum.
    """
    address, _, checksum = name.partition("#sha256=")
    if not address.startswith(SCHEME):
        raise InputError(f"{address} cannot be used: weights are read by https:// only")
    if not _CHECKSUM.fullmatch(checksum):
        raise InputError(
            f"the checksum of {address} is missing: write {address}#sha256=CHECKSUM, "
            "with the 64 characters that `avjax weights show FOLDER` prints"
        )
    cache = cache_folder()
    if cache is None:
        raise InputError("there is no cache folder: set XDG_CACHE_HOME to its path")
    folder = cache / "weights" / checksum
    if not all((folder / name).is_file() for name in HASHED_FILES):
        _download(address.rstrip("/"), checksum, folder)
    return folder


def folder_checksum(folder: pathlib.Path) -> str:
    """Compute the checksum that an address of weights needs.

    Args:
        folder: A folder of weights.

    Returns:
        64 hexadecimal digits.
    """
    total = hashlib.sha256()
    for name in HASHED_FILES:
        with wrap_os_errors(folder / name, "read"), (folder / name).open("rb") as file:
            hashlib.file_digest(file, lambda: total)
    return total.hexdigest()


def _download(address: str, checksum: str, folder: pathlib.Path) -> None:
    """Write the files of an address to a folder, if they have the checksum."""
    total = hashlib.sha256()
    with atomic_folder(folder, HASHED_FILES) as temporary:
        for name in HASHED_FILES:
            url = f"{address}/{name}"
            with (
                status(f"reading {url}"),
                wrap_os_errors(folder, "write"),
                (temporary / name).open("wb") as file,
            ):
                for chunk in _read_url(url):
                    total.update(chunk)
                    file.write(chunk)
        if total.hexdigest() != checksum:
            raise InputError(
                f"{address} has the checksum {total.hexdigest()} instead of {checksum}"
            )


def _read_url(url: str) -> Iterator[bytes]:
    """Read a file of the web, piece by piece."""
    import http.client  # here, because these modules are rarely needed
    import urllib.request

    size = 0
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
            while chunk := response.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > _MAX_BYTES:
                    raise InputError(f"{url} has over {format_size(_MAX_BYTES)}")
                yield chunk
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(f"cannot read {url}: {reason}") from error
