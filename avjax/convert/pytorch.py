"""Read the tensors of files that PyTorch wrote: a pickle, and storages.

Since PyTorch 1.6 both are entries of a zip archive. Older files consist of five
pickles, followed by the storages. An archive of torch.jit.save also holds code, which
is not read, and its pickle holds modules, whose parameters are attributes.

Source:
    The files themselves, and the reader in torch/serialization.py.
"""

import functools
import os
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from avjax.convert import archives, pickles
from avjax.convert.storages import Storage, StorageView
from avjax.convert.tensors import ByteRange, MalformedFile, Tensor

MAX_PICKLE_BYTES = 2**22  # published files have at most 2**17
MAX_VALUES = 2**17  # in all dicts, each as often as it is reached
MAX_DEPTH = 32  # of nested dicts; a pickled module has two for each of its parts
MAX_KEY_LETTERS = 512
LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001

NO_TENSORS = "it holds no tensors with names"
SCRIPT_WITHOUT_TENSORS = (
    "it is a TorchScript archive whose weights have no names, as torch.jit.freeze "
    "makes it; use the file that it was made from"
)

ByteRanges = Mapping[str, ByteRange]  # {storage key: bytes}


def read_zip(
    file: BinaryIO, entries: Mapping[str, archives.ZipEntry]
) -> Iterator[tuple[str, Tensor]]:
    """Read the tensor descriptions of a file of PyTorch 1.6 or later.

    Args:
        file: The zip archive.
        entries: Its entries.

    Returns:
        An iterator over (key, tensor).

    Raises:
        MalformedFile: torch.save did not write the archive, or it is damaged.
    """
    pickled = [name for name in entries if name.endswith("/data.pkl")]
    if len(pickled) != 1:
        raise MalformedFile("it is a zip archive that torch.save did not write")
    root, entry = pickled[0].removesuffix("data.pkl"), entries[pickled[0]]
    is_script = f"{root}constants.pkl" in entries
    folder = f"{root}data/"
    read = [entries[name] for name in entries if name.startswith(folder)]
    if any(one.method != archives.STORED for one in (entry, *read)):
        raise MalformedFile("its entries are compressed; those of torch.save are not")
    byte_order = entries.get(f"{root}byteorder")
    if byte_order and archives.read_content(file, byte_order, 6) == b"big":
        raise MalformedFile("its numbers are big-endian, which is not supported")
    if entry.size > MAX_PICKLE_BYTES:
        raise MalformedFile(f"its pickle is too large ({entry.size} bytes)")
    content = archives.read_content(file, entry, MAX_PICKLE_BYTES)
    value = pickles.read_pickle(content).value
    ranges = {
        name.removeprefix(folder): ByteRange(
            file.name, archives.find_content(file, entry), entry.size
        )
        for name, entry in entries.items()
        if name.startswith(folder)
    }
    return _iter_tensors(value, ranges, SCRIPT_WITHOUT_TENSORS if is_script else "")


def read_legacy(file: BinaryIO) -> Iterator[tuple[str, Tensor]]:
    """Read the tensor descriptions of a file from before PyTorch 1.6.

    Args:
        file: The file.

    Returns:
        An iterator over (key, tensor).

    Raises:
        MalformedFile: torch.save did not write the file, or it is damaged.
    """
    file.seek(0)
    data, parts = file.read(MAX_PICKLE_BYTES), []
    while len(parts) < 5:
        parts.append(pickles.read_pickle(data, parts[-1].end if parts else 0))
        if parts[0].value != LEGACY_MAGIC:
            raise MalformedFile("it is a pickle that torch.save did not write")
    _, protocol, system, content, keys = parts
    if protocol.value != LEGACY_PROTOCOL or not isinstance(system.value, dict):
        raise MalformedFile("it has an unknown PyTorch protocol")
    if system.value.get("little_endian") is False:
        raise MalformedFile("its numbers are big-endian, which is not supported")
    ranges = _locate_storages(file, keys.end, keys.value, content.storages)
    return _iter_tensors(content.value, ranges)


def _locate_storages(
    file: BinaryIO, start: int, keys: Any, storages: Mapping[str, Storage]
) -> ByteRanges:
    """Locate storages that follow each other from `start`, each after its length."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise MalformedFile("its list of storages is damaged")
    ranges, length = {}, os.fstat(file.fileno()).st_size
    for key in keys:
        file.seek(start)
        count, storage = int.from_bytes(file.read(8), "little"), storages.get(key)
        if storage is None or count != storage.count:
            raise MalformedFile(f"its storage {key[:40]!r} has another length")
        ranges[key] = ByteRange(file.name, start + 8, storage.size)
        start += 8 + storage.size
        if start > length:
            raise MalformedFile("it is cut off")
    return ranges


def _iter_tensors(
    value: Any, ranges: ByteRanges, message: str = ""
) -> Iterator[tuple[str, Tensor]]:
    """Iterate over the tensors of a value; MalformedFile with a message if none."""
    if isinstance(value, (list, tuple)):  # such as (state_dict, epoch)
        value = {str(number): item for number, item in enumerate(value)}
    if not isinstance(value, dict):
        raise MalformedFile("it does not hold a dict of tensors")
    views = list(_iter_views(value, "", (), [MAX_VALUES]))
    if not views:
        raise MalformedFile(message or NO_TENSORS)
    return ((key, _make_tensor(view, ranges)) for key, view in views)


def _iter_views(
    value: dict, prefix: str, parents: tuple[int, ...], budget: list[int]
) -> Iterator[tuple[str, StorageView]]:
    """Iterate over the tensors of a dict, and of the dicts and objects in it.

    Entries with integers as keys are left out: they are states of optimizers.

    Args:
        value: The dict.
        prefix: Start of the keys.
        parents: Identities of the dicts that this one is in.
        budget: The number of values that may still be visited; it is changed.
    """
    attributes = value.state if isinstance(value, pickles.Opaque) else {}
    budget[0] -= 1 + len(value) + len(attributes)
    if budget[0] < 0:
        raise MalformedFile("its dicts are nested too often")
    parents = (*parents, id(value))
    for name, item in (*value.items(), *attributes.items()):
        if not isinstance(item, (StorageView, dict)) or isinstance(name, int):
            continue
        key = prefix + name
        if len(key) > MAX_KEY_LETTERS:
            raise MalformedFile("it has a tensor with a name that is too long")
        if isinstance(item, StorageView):
            yield key, item
        elif id(item) not in parents and len(parents) < MAX_DEPTH:
            yield from _iter_views(item, f"{key}.", parents, budget)


def _make_tensor(view: StorageView, ranges: ByteRanges) -> Tensor:
    storage = view.storage
    content = ranges.get(storage.key)
    if content is None or content.size < storage.size:
        raise MalformedFile(f"its storage {storage.key[:40]!r} is missing or too small")
    return Tensor(view.shape, functools.partial(_read_view, view, content))


def _read_view(view: StorageView, content: ByteRange) -> np.ndarray:
    """Read the numbers of a view, and nothing else of its storage."""
    if 0 in view.shape:
        return np.zeros(view.shape, view.storage.dtype)
    numbers = content.read(view.storage.dtype, 1 + view.extent, view.offset)
    strides = [stride * numbers.itemsize for stride in view.strides]
    return np.lib.stride_tricks.as_strided(numbers, view.shape, strides)
