"""Storages of PyTorch files, and tensors as views of them."""

from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from avjax.convert.tensors import (
    MalformedFile,
    check_count,
    check_shape,
    check_type,
)

STORAGE_DTYPES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}
OTHER_STORAGES = {  # of tensors that no network of ours has; they are skipped
    *("ComplexDoubleStorage", "ComplexFloatStorage", "QInt8Storage", "QInt32Storage"),
    *("QUInt8Storage", "QUInt4x2Storage", "QUInt2x4Storage", "UntypedStorage"),
}


class Storage(NamedTuple):
    """Consecutive numbers in the file.

    Attributes:
        key: Key of the storage in the file.
        dtype: Type of the numbers.
        count: Number of numbers.
    """

    key: str
    dtype: np.dtype
    count: int

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.count * self.dtype.itemsize


class StorageView(NamedTuple):
    """A tensor as a view of a storage.

    Attributes:
        storage: The storage.
        offset: Position of the first number in the storage.
        shape: The shape.
        strides: Distance between neighbours along each axis, in numbers.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def extent(self) -> int:
        """Distance from the first number to the last."""
        steps = zip(self.shape, self.strides, strict=True)
        return sum((side - 1) * stride for side, stride in steps)


def storage_dtype(name: str) -> np.dtype:
    """Return the data type of a storage class of PyTorch.

    Args:
        name: Name of the class, such as "FloatStorage".

    Returns:
        The little-endian data type.

    Raises:
        MalformedFile: There is no such class.
    """
    if name not in STORAGE_DTYPES:
        raise MalformedFile(f"it has a storage of the unknown type {name[:80]!r}")
    return np.dtype(STORAGE_DTYPES[name]).newbyteorder("<")


def make_view(storage: Any, offset: Any, shape: Any, strides: Any) -> StorageView:
    """Make a view from values of a file, and check it against its storage.

    Args:
        storage: The storage.
        offset: Position of the first number in the storage.
        shape: The shape, a tuple.
        strides: The strides in numbers, a tuple.

    Returns:
        The view.

    Raises:
        MalformedFile: A value is not valid, or the view does not fit its storage.
    """
    capacity = check_type(storage, Storage).count
    shape = check_shape(check_type(shape, tuple), capacity)
    if len(check_type(strides, tuple)) != len(shape):
        raise MalformedFile("it has a tensor whose strides do not match its axes")
    view = StorageView(
        storage, check_count(offset), shape, tuple(map(check_count, strides))
    )
    if 0 not in shape and view.offset + view.extent >= capacity:
        raise MalformedFile("it has a tensor that reaches beyond its storage")
    return view
