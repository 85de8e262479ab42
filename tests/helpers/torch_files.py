"""Writes files as torch.save does, without it: what the tests of avjax.convert read."""

import io
import pathlib
import pickle
import struct
import zipfile
from collections import OrderedDict
from typing import Any

import ml_dtypes
import numpy as np

KINDS = {
    np.dtype(np.float64): "DoubleStorage",
    np.dtype(np.float32): "FloatStorage",
    np.dtype(np.float16): "HalfStorage",
    np.dtype(ml_dtypes.bfloat16): "BFloat16Storage",
    np.dtype(np.int64): "LongStorage",
    np.dtype(np.uint8): "ByteStorage",
    np.dtype(np.bool_): "BoolStorage",
}
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class Written:
    """A value as the instructions that make it, and the storages that it refers to.

    old  as before PyTorch 1.6, which names one thing more of each storage
    """

    def __init__(self, value: Any, old: bool = False):
        self.old = old
        self.storages: list[np.ndarray] = []
        self.pickle = b"\x80\x02" + self.made(value) + b"."

    def made(self, value: Any) -> bytes:
        if isinstance(value, np.ndarray):
            return self.tensor(value)
        if isinstance(value, dict):
            pairs = b"".join(self.made(k) + self.made(v) for k, v in value.items())
            begin = b"ccollections\nOrderedDict\n)R"
            begin = begin if isinstance(value, OrderedDict) else b"}"
            return begin + b"(" + pairs + b"u"
        if isinstance(value, list):
            return b"](" + b"".join(map(self.made, value)) + b"e"
        if isinstance(value, tuple):
            return b"(" + b"".join(map(self.made, value)) + b"t"
        return plain(value)

    def tensor(self, array: np.ndarray) -> bytes:
        """One that owns its storage, or that looks at another array's."""
        owner = array if array.base is None else array.base
        steps = tuple(step // array.itemsize for step in array.strides)
        offset = (address(array) - address(owner)) // array.itemsize
        self.storages.append(owner)
        storage = storage_of(owner, str(len(self.storages) - 1), self.old)
        begin = b"ctorch._utils\n_rebuild_tensor_v2\n("
        parts = plain(offset) + self.made(array.shape) + self.made(steps)
        hooks = b"\x89ccollections\nOrderedDict\n)R"
        return begin + storage + parts + hooks + b"tR"


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def storage_of(array: np.ndarray, key: str, old: bool) -> bytes:
    kind = f"ctorch\n{KINDS[array.dtype]}\n".encode()
    last = b"N" if old else b""
    rest = plain(key) + plain("cpu") + plain(array.size) + last
    return b"(" + plain("storage") + kind + rest + b"tQ"


def plain(value: Any) -> bytes:
    """A text, a number, True, False, None: the pickle of it, without begin and end."""
    return pickle.dumps(value, 2)[2:-1]


def write_zip(path: pathlib.Path, value: Any, method: int = zipfile.ZIP_STORED) -> None:
    """As PyTorch writes since 1.6."""
    written = Written(value)
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("archive/data.pkl", written.pickle)
        archive.writestr("archive/byteorder", "little")
        for key, storage in enumerate(written.storages):
            archive.writestr(f"archive/data/{key}", storage.tobytes())
        archive.writestr("archive/version", "3\n")


def write_old(path: pathlib.Path, value: Any) -> None:
    """As PyTorch wrote before 1.6."""
    written = Written(value, old=True)
    system = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {}}
    before = [pickle.dumps(each, 2) for each in (MAGIC, PROTOCOL, system)]
    keys = [str(key) for key in range(len(written.storages))]
    out = io.BytesIO()
    out.write(b"".join([*before, written.pickle, pickle.dumps(keys, 2)]))
    for storage in written.storages:
        out.write(struct.pack("<q", storage.size) + storage.tobytes())
    path.write_bytes(out.getvalue())


def archive(
    pickled: bytes, name="archive/data.pkl", storage=bytes(24), **entry
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **entry) as whole:
        whole.writestr(name, pickled)
        whole.writestr("archive/data/0", storage)
    return out.getvalue()
