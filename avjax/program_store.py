"""Compiled programs and checks on disk, which a new process need not repeat.

The command line enables the store, and only for commands that run no code of the
user's own. An entry is used only in the environment that wrote it: the same source of
avjax, versions of packages, processor, and environment variables of JAX. Entries that
are damaged or cannot be written are ignored: everything in the store can be computed
again.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import pathlib
import platform
import shutil
import tempfile
from collections.abc import Iterator

PACKAGES = "jax", "jaxlib", "flax", "optax", "einops", "numpy"  # they make programs
VARIABLES = "JAX_", "XLA_", "TF_", "CUDA_", "NVIDIA_", "LIBTPU_"  # prefixes
# Folders of the package whose code is in no program that is stored.
OTHER_FOLDERS = {"app", "bundled", "cli", "data", "train"}
MAX_ENVIRONMENTS = 4  # that are kept; those used least recently are removed
CPU_FACTS = {"model name", "flags", "CPU implementer", "CPU part", "Features"}
_DIGEST_BYTES = hashlib.sha256().digest_size

_folder: pathlib.Path | None = None


def enable(folder: pathlib.Path) -> None:
    """Read and write entries from now on.

    Args:
        folder: The folder of the store; it need not exist.
    """
    global _folder
    _folder = folder


def disable() -> None:
    """Neither read nor write entries from now on."""
    global _folder
    _folder = None


def is_enabled() -> bool:
    """Tell whether entries are read and written."""
    return _folder is not None


def read(key: str) -> bytes | None:
    """Read an entry.

    Args:
        key: What the entry holds: everything that it depends on but the environment.

    Returns:
        The bytes; None if the store is disabled, or has no intact entry.
    """
    file = _file(key)
    if file is None:
        return None
    with contextlib.suppress(OSError):
        content = file.read_bytes()
        digest, payload = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(payload).digest() == digest:
            os.utime(file.parent)  # used now; see `_remove_old`
            return payload
    return None


def write(key: str, payload: bytes) -> None:
    """Write an entry, or replace it.

    Args:
        key: See `read`.
        payload: The bytes.
    """
    file = _file(key)
    if file is None:
        return
    with contextlib.suppress(OSError):  # such as a full disk, or one that is read-only
        if not file.parent.is_dir():
            file.parent.mkdir(parents=True)
            _remove_old(file.parent.parent)
        number, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
        try:
            with os.fdopen(number, "wb") as stream:
                stream.write(hashlib.sha256(payload).digest() + payload)
            os.replace(name, file)
        except BaseException:
            os.unlink(name)
            raise


def _file(key: str) -> pathlib.Path | None:
    """Return the file of an entry; None if the store is disabled."""
    if _folder is None:
        return None
    return _folder / environment() / hashlib.sha256(key.encode()).hexdigest()[:32]


def _remove_old(folder: pathlib.Path) -> None:
    """Remove the folders of all environments but the newest ones."""
    environments = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in environments[:-MAX_ENVIRONMENTS]:
        shutil.rmtree(old, ignore_errors=True)


@functools.cache
def environment() -> str:
    """Compute a digest of all that programs depend on, besides what they are.

    Returns:
        Hexadecimal digits.
    """
    digest = hashlib.sha256()
    for fact in (*_facts(), *_sources()):
        digest.update(len(fact).to_bytes(8, "little") + fact)
    return digest.hexdigest()[:32]


def _facts() -> Iterator[bytes]:
    """List versions, the processor, its cores, and variables of JAX."""
    yield repr((platform.python_version(), platform.machine())).encode()
    yield repr([(name, importlib.metadata.version(name)) for name in PACKAGES]).encode()
    yield repr(
        [item for item in sorted(os.environ.items()) if item[0].startswith(VARIABLES)]
    ).encode()
    yield repr(sorted(os.sched_getaffinity(0))).encode()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", "rb") as lines:
        for line in lines:
            if not line.strip():
                break  # the other processors are of the same kind
            if line.partition(b":")[0].strip().decode() in CPU_FACTS:
                yield line


def _sources() -> Iterator[bytes]:
    """Read the source of the package, in a fixed order."""
    package = pathlib.Path(__file__).parent
    for folder, folders, files in os.walk(package):
        folders[:] = sorted(set(folders) - OTHER_FOLDERS)
        for name in sorted(files):
            if name.endswith(".py"):
                yield os.path.relpath(os.path.join(folder, name), package).encode()
                with open(os.path.join(folder, name), "rb") as file:
                    yield file.read()
