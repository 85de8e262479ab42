"""Tensors of .safetensors and of .npz files: a description of each, and its numbers.

Source   the descriptions of both formats, at github.com/huggingface/safetensors and in
         numpy.lib.format
"""

import functools
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import ml_dtypes
import numpy as np

from avjax.convert import archives
from avjax.convert.tensors import Refused, Span, Tensor, counted, shaped

LONGEST = 2**22  # bytes of a header; those of published files have 2**16 at most
DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
LONGEST_NPY = 2**12  # bytes of the header of one array
NPY = re.compile(
    rb"\x93NUMPY(?:\x01\x00..|\x02\x00....)"
    rb"\{'descr': '([<>|](?:f[248]|i[1248]|u1|b1))', 'fortran_order': (True|False), "
    rb"'shape': \(([0-9, ]*)\), \} *\n",
    re.DOTALL,
)


def safetensors(file: BinaryIO) -> Iterator[tuple[str, Tensor]]:
    """Raises Refused."""
    file.seek(0)
    size = int.from_bytes(file.read(8), "little")
    length = os.fstat(file.fileno()).st_size
    if size > LONGEST or 8 + size > length:
        raise Refused("its header is cut off, or too long")
    try:
        header = json.loads(file.read(size))
    except (ValueError, RecursionError) as error:
        raise Refused("its header is damaged") from error
    header.pop("__metadata__", None)
    for key, about in header.items():
        match about:
            case {"dtype": str(kind), "shape": list(sides), "data_offsets": [at, end]}:
                span = Span(file.name, 8 + size + counted(at), counted(end) - at)
            case _:
                raise Refused("its header is damaged")
        if kind not in DTYPES:
            raise Refused(f"it holds numbers of the kind {kind[:40]!r}")
        if span.start + span.size > length:
            raise Refused(f"its tensor {key[:80]!r} is cut off")
        dtype = np.dtype(DTYPES[kind]).newbyteorder("<")
        shape = shaped(sides, span.size // dtype.itemsize)
        yield key, Tensor(shape, functools.partial(row_major, span, dtype, shape))


def row_major(span: Span, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    return span.numbers(dtype, math.prod(shape)).reshape(shape)


def npz(
    file: BinaryIO, entries: Mapping[str, archives.Entry]
) -> Iterator[tuple[str, Tensor]]:
    """Raises Refused."""
    for name, entry in entries.items():
        key = name.removesuffix(".npy")
        header = NPY.match(archives.contents(file, entry, LONGEST_NPY))
        if not header:
            raise Refused(f"its array {key[:80]!r} is damaged, or holds no numbers")
        dtype, sides = np.dtype(header[1].decode()), header[3].decode()
        room = (entry.size - header.end()) // dtype.itemsize
        shape = shaped([int(n) for n in re.findall(r"\d{1,18}", sides)], room)
        order = "F" if header[2] == b"True" else "C"
        place = file.name, entry, header.end()
        read = functools.partial(unpacked, *place, dtype, shape, order)
        yield key, Tensor(shape, read)


def unpacked(
    path: str,
    entry: archives.Entry,
    start: int,
    dtype: np.dtype,
    shape: tuple[int, ...],
    order: str,
) -> np.ndarray:
    count = math.prod(shape)
    with open(path, "rb") as file:
        held = archives.contents(file, entry, start + count * dtype.itemsize)
    if len(held) < start + count * dtype.itemsize:
        raise Refused("an entry is cut off")
    return np.frombuffer(held, dtype, count, start).reshape(shape, order=order)
