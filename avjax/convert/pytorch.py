"""Files that torch.save wrote: a pickle that says what there is, and storages.

Since PyTorch 1.6 both lie in a zip archive; before, five pickles came first.

Source   the files themselves, and the reader in torch/serialization.py
"""

import functools
import os
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from avjax.convert import archives, pickles
from avjax.convert.pickles import Storage, View
from avjax.convert.tensors import Refused, Span, Tensor

LONGEST = 2**22  # bytes of pickles; those of published files have 2**17 at most
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # what an old file begins with

Spans = Mapping[str, Span]


def zipped(
    file: BinaryIO, entries: Mapping[str, archives.Entry]
) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a zip archive; raises Refused."""
    pickled = [name for name in entries if name.endswith("/data.pkl")]
    if len(pickled) != 1 or any(name.endswith("/constants.pkl") for name in entries):
        raise Refused("it is an archive, but not one that torch.save wrote")
    if any(entry.method != archives.STORED for entry in entries.values()):
        raise Refused("it is packed, which torch.save never does")
    root, entry = pickled[0].removesuffix("data.pkl"), entries[pickled[0]]
    order = entries.get(f"{root}byteorder")
    if order and archives.contents(file, order, 6) == b"big":
        raise Refused("its numbers begin with the high byte")
    if entry.size > LONGEST:
        raise Refused(f"its pickle has {entry.size} bytes")
    value = pickles.read(archives.contents(file, entry, LONGEST)).value
    place = f"{root}data/"
    spans = {
        name.removeprefix(place): span_of(file, entry)
        for name, entry in entries.items()
        if name.startswith(place)
    }
    return flat(value, spans)


def span_of(file: BinaryIO, entry: archives.Entry) -> Span:
    return Span(file.name, archives.start_of(file, entry), entry.size)


def in_a_row(file: BinaryIO) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a file from before PyTorch 1.6; raises Refused."""
    file.seek(0)
    data, read = file.read(LONGEST), []
    while len(read) < 5:
        read.append(pickles.read(data, read[-1].end if read else 0))
        if read[0].value != MAGIC:
            raise Refused("it is a pickle, but not one that torch.save wrote")
    _, protocol, system, content, keys = read
    if protocol.value != PROTOCOL or not isinstance(system.value, dict):
        raise Refused("it is of a protocol that is not known")
    if system.value.get("little_endian") is False:
        raise Refused("its numbers begin with the high byte")
    spans = behind_each_other(file, keys.end, keys.value, content.storages)
    return flat(content.value, spans)


def behind_each_other(
    file: BinaryIO, at: int, keys: Any, storages: Mapping[str, Storage]
) -> Spans:
    """Where storages are, each behind its number of items; the first is at `at`."""
    spans, length = {}, os.fstat(file.fileno()).st_size
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise Refused("the list of its storages is damaged")
    for key in keys:
        file.seek(at)
        count, storage = int.from_bytes(file.read(8), "little"), storages.get(key)
        if storage is None or count != storage.count:
            raise Refused(f"its storage {key[:40]!r} is not as long as it says")
        spans[key] = Span(file.name, at + 8, storage.size)
        at += 8 + storage.size
        if at > length:
            raise Refused("it is cut off")
    return spans


def flat(value: Any, spans: Spans) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a dict, and of the dicts in it, keys joined by dots."""
    if not isinstance(value, dict):
        raise Refused("it holds no dict of tensors")
    for name, inside in value.items():
        if isinstance(inside, dict):
            for key, leaf in inside.items():
                if isinstance(leaf, View):
                    yield f"{name}.{key}", tensor(leaf, spans)
        elif isinstance(inside, View):
            yield f"{name}", tensor(inside, spans)


def tensor(view: View, spans: Spans) -> Tensor:
    storage = view.storage
    span = spans.get(storage.key)
    if span is None or span.size < storage.size:
        key = storage.key[:40]
        raise Refused(f"its storage {key!r} is absent, or smaller than it says")
    return Tensor(view.shape, functools.partial(looked_at, view, span))


def looked_at(view: View, span: Span) -> np.ndarray:
    """The numbers of a view: what it spans in its storage is read, and no more."""
    if 0 in view.shape:
        return np.zeros(view.shape, view.storage.dtype)
    numbers = span.numbers(view.storage.dtype, 1 + view.reach, view.offset)
    steps = [step * numbers.itemsize for step in view.strides]
    return np.lib.stride_tricks.as_strided(numbers, view.shape, steps)
