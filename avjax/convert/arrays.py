"""Read the tensors of .safetensors and .npz files.

Source:
    The format descriptions at github.com/huggingface/safetensors and in
    numpy.lib.format.
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
from avjax.convert.tensors import (
    ByteRange,
    MalformedFile,
    Tensor,
    check_count,
    check_shape,
)

MAX_HEADER_BYTES = 2**22  # published files have at most 2**16
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
MAX_NPY_HEADER_BYTES = 2**12
NPY_HEADER = re.compile(
    rb"\x93NUMPY(?:\x01\x00..|\x02\x00....)"
    rb"\{'descr': '([<>|](?:f[248]|i[1248]|u1|b1))', 'fortran_order': (True|False), "
    rb"'shape': \(([0-9, ]*)\), \} *\n",
    re.DOTALL,
)


def read_safetensors(file: BinaryIO) -> Iterator[tuple[str, Tensor]]:
    """Read the descriptions of the tensors of a .safetensors file.

    Args:
        file: The file.

    Yields:
        (key, tensor).

    Raises:
        MalformedFile: The file is damaged.
    """
    file.seek(0)
    header_size = int.from_bytes(file.read(8), "little")
    length = os.fstat(file.fileno()).st_size
    if header_size > MAX_HEADER_BYTES or 8 + header_size > length:
        raise MalformedFile("its header is cut off or too long")
    try:
        header = json.loads(file.read(header_size))
    except (ValueError, RecursionError) as error:
        raise MalformedFile("its header is damaged") from error
    header.pop("__metadata__", None)
    data_start = 8 + header_size
    for key, description in header.items():
        match description:
            case {
                "dtype": str(dtype_name),
                "shape": list(sides),
                "data_offsets": [at, end],
            }:
                start = data_start + check_count(at)
                content = ByteRange(file.name, start, check_count(end) - at)
            case _:
                raise MalformedFile("its header is damaged")
        if dtype_name not in DTYPES:
            raise MalformedFile(
                f"it has a tensor of the unknown type {dtype_name[:40]!r}"
            )
        if content.start + content.size > length:
            raise MalformedFile(f"its tensor {key[:80]!r} is cut off")
        dtype = np.dtype(DTYPES[dtype_name]).newbyteorder("<")
        shape = check_shape(sides, content.size // dtype.itemsize)
        yield key, Tensor(shape, functools.partial(_read_array, content, dtype, shape))


def _read_array(
    content: ByteRange, dtype: np.dtype, shape: tuple[int, ...]
) -> np.ndarray:
    """Read an array in row-major order."""
    return content.read(dtype, math.prod(shape)).reshape(shape)


def read_npz(
    file: BinaryIO, entries: Mapping[str, archives.ZipEntry]
) -> Iterator[tuple[str, Tensor]]:
    """Read the descriptions of the arrays of a .npz file.

    Args:
        file: The file.
        entries: Its entries, each a .npy file.

    Yields:
        (key, tensor).

    Raises:
        MalformedFile: The file is damaged, or an array does not hold numbers.
    """
    for name, entry in entries.items():
        key = name.removesuffix(".npy")
        header = NPY_HEADER.match(
            archives.read_content(file, entry, MAX_NPY_HEADER_BYTES)
        )
        if not header:
            raise MalformedFile(
                f"its array {key[:80]!r} is damaged or does not hold numbers"
            )
        dtype, sides = np.dtype(header[1].decode()), header[3].decode()
        capacity = (entry.size - header.end()) // dtype.itemsize
        shape = check_shape([int(n) for n in re.findall(r"\d{1,18}", sides)], capacity)
        read = functools.partial(
            _read_npy,
            path=file.name,
            entry=entry,
            start=header.end(),
            dtype=dtype,
            shape=shape,
            fortran_order=header[2] == b"True",
        )
        yield key, Tensor(shape, read)


def _read_npy(
    path: str,
    entry: archives.ZipEntry,
    start: int,
    dtype: np.dtype,
    shape: tuple[int, ...],
    fortran_order: bool,
) -> np.ndarray:
    """Read the array of a .npy entry whose header ends at byte `start`."""
    count = math.prod(shape)
    end = start + count * dtype.itemsize
    with open(path, "rb") as file:
        content = archives.read_content(file, entry, end)
    if len(content) < end:
        raise MalformedFile("an entry is cut off")
    array = np.frombuffer(content, dtype, count, start)
    return array.reshape(shape, order="F" if fortran_order else "C")
