"""Write files in the format of torch.save, without PyTorch."""

import io
import pathlib
import pickle
import struct
import types
import zipfile
from collections import OrderedDict
from typing import Any

import ml_dtypes
import numpy as np

STORAGE_NAMES = {
    np.dtype(np.float64): "DoubleStorage",
    np.dtype(np.float32): "FloatStorage",
    np.dtype(np.float16): "HalfStorage",
    np.dtype(ml_dtypes.bfloat16): "BFloat16Storage",
    np.dtype(np.int64): "LongStorage",
    np.dtype(np.uint8): "ByteStorage",
    np.dtype(np.bool_): "BoolStorage",
}
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class PickledValue:
    """A value as a pickle, and the storages that the pickle refers to.

    Attributes:
        legacy: Write as before PyTorch 1.6, where a storage has one more field.
        storages: The arrays that hold the numbers.
        pickle: The pickle.
    """

    def __init__(self, value: Any, legacy: bool = False):
        self.legacy = legacy
        self.storages: list[np.ndarray] = []
        self.pickle = b"\x80\x02" + self.encode(value) + b"."

    def encode(self, value: Any) -> bytes:
        if isinstance(value, np.ndarray):
            return self.encode_tensor(value)
        if isinstance(value, dict):
            pairs = b"".join(self.encode(k) + self.encode(v) for k, v in value.items())
            is_ordered = isinstance(value, OrderedDict)
            start = b"ccollections\nOrderedDict\n)R" if is_ordered else b"}"
            return start + b"(" + pairs + b"u"
        if isinstance(value, list):
            return b"](" + b"".join(map(self.encode, value)) + b"e"
        if isinstance(value, tuple):
            return b"(" + b"".join(map(self.encode, value)) + b"t"
        if isinstance(value, types.SimpleNamespace):  # an object of any class
            return b"c__torch__.net\nNet\n)\x81" + self.encode(vars(value)) + b"b"
        return plain(value)

    def encode_tensor(self, array: np.ndarray) -> bytes:
        """Encode an array that owns its storage or is a view of another array."""
        owner = array if array.base is None else array.base
        strides = tuple(stride // array.itemsize for stride in array.strides)
        offset = (address(array) - address(owner)) // array.itemsize
        self.storages.append(owner)
        storage = encode_storage(owner, str(len(self.storages) - 1), self.legacy)
        start = b"ctorch._utils\n_rebuild_tensor_v2\n("
        fields = plain(offset) + self.encode(array.shape) + self.encode(strides)
        hooks = b"\x89ccollections\nOrderedDict\n)R"
        return start + storage + fields + hooks + b"tR"


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def encode_storage(array: np.ndarray, key: str, legacy: bool) -> bytes:
    kind = f"ctorch\n{STORAGE_NAMES[array.dtype]}\n".encode()
    last = b"N" if legacy else b""
    fields = plain(key) + plain("cpu") + plain(array.size) + last
    return b"(" + plain("storage") + kind + fields + b"tQ"


def plain(value: Any) -> bytes:
    """Pickle a string, a number or a constant, without header and end."""
    return pickle.dumps(value, 2)[2:-1]


def write_zip(path: pathlib.Path, value: Any, method: int = zipfile.ZIP_STORED) -> None:
    """Write a file as PyTorch does since 1.6."""
    pickled = PickledValue(value)
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("archive/data.pkl", pickled.pickle)
        archive.writestr("archive/byteorder", "little")
        for key, storage in enumerate(pickled.storages):
            archive.writestr(f"archive/data/{key}", storage.tobytes())
        archive.writestr("archive/version", "3\n")


def write_legacy(path: pathlib.Path, value: Any) -> None:
    """Write a file as PyTorch did before 1.6."""
    pickled = PickledValue(value, legacy=True)
    system = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {}}
    headers = [pickle.dumps(header, 2) for header in (MAGIC, PROTOCOL, system)]
    keys = [str(key) for key in range(len(pickled.storages))]
    out = io.BytesIO()
    out.write(b"".join([*headers, pickled.pickle, pickle.dumps(keys, 2)]))
    for storage in pickled.storages:
        out.write(struct.pack("<q", storage.size) + storage.tobytes())
    path.write_bytes(out.getvalue())


def archive(
    pickled: bytes, name="archive/data.pkl", storage=bytes(24), **options
) -> bytes:
    """Return the bytes of a zip file with this pickle and one storage."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as file:
        file.writestr(name, pickled)
        file.writestr("archive/data/0", storage)
    return out.getvalue()


def write_script(path: pathlib.Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an archive as torch.jit.save does: modules are objects, beside their code.

    Args:
        path: The file to write.
        arrays: {name: array}; dots separate the modules.
    """
    net = types.SimpleNamespace(training=False)
    for name, array in arrays.items():
        *parents, leaf = name.split(".")
        module = vars(net)
        for parent in parents:
            module = vars(module.setdefault(parent, types.SimpleNamespace()))
        module[leaf] = array
    pickled = PickledValue(net)
    code = "def forward(self):\n  pass\n" * 20
    with zipfile.ZipFile(path, "w") as archive_file:
        for key, storage in enumerate(pickled.storages):
            archive_file.writestr(f"net/data/{key}", storage.tobytes())
        archive_file.writestr("net/data.pkl", pickled.pickle)
        archive_file.writestr("net/code/__torch__/net.py", code, zipfile.ZIP_DEFLATED)
        archive_file.writestr("net/constants.pkl", b"\x80\x02).")
