"""Corrupted files are read or rejected: no other error, no large array."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from torch_files import archive, plain, write_legacy, write_zip

from avjax.convert import archives
from avjax.convert.open_file import open_tensors, wrap_file_errors
from avjax.errors import InputError

# Emitted by pickletools for corrupted strings.
pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence")
NUM_EXAMPLES = int(os.environ.get("AVJAX_FUZZ", 100))  # of each hypothesis test
ARRAYS = {"a": np.arange(6, dtype=np.float32), "b": np.ones((2, 3), np.float32)}


TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n("
STORAGE = b"(" + plain("storage") + b"ctorch\nFloatStorage\n"
INSTRUCTIONS = {  # instructions and arguments that occur in valid pickles
    *(bytes([code]) for code in b"().0123]}NNQRabeijlostu\x81\x85\x86\x87\x88\x93\x94"),
    *(
        b"K\0",
        b"K\x01",
        b"K\x06",
        b"J\xff\xff\xff\xff",
        b"\x8a\x09" + bytes(8) + b"\x01",
    ),
    *(plain("a"), plain(()), plain((6,)), plain((2, 3)), plain((1,)), plain((3, 1))),
    *(b"q\0", b"h\0", b"r\0\0\0\1", b"U\1x", b"G" + bytes(8)),
    *(TENSOR, STORAGE + plain("0") + plain("cpu") + plain(6) + b"tQ"),
    *(b"ccollections\nOrderedDict\n", b"ctorch\nSize\n", b"cposix\nsystem\n"),
    b"ctorch._utils\n_rebuild_parameter\n",
    *(b"cnet\nNet\n", b"\x8f", b"\x90", b"\x91", b"\x92", b"C\1x"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("corrupted")


@pytest.fixture(scope="module")
def valid(tmp_path_factory) -> dict[str, bytes]:
    """Valid files, by format."""
    folder = tmp_path_factory.mktemp("valid")
    write_zip(folder / "zip", ARRAYS)
    write_legacy(folder / "legacy", ARRAYS)
    save_file(ARRAYS, folder / "safetensors")
    np.savez_compressed(folder / "npz", **ARRAYS)
    (folder / "npz.npz").rename(folder / "npz")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("file_format", ["zip", "legacy", "safetensors", "npz"])
def test_truncated_files_are_rejected(file_format, valid, tmp_path):
    for length in range(0, len(valid[file_format]), 7):
        (tmp_path / "file").write_bytes(valid[file_format][:length])
        with pytest.raises(InputError):
            open_tensors(tmp_path / "file")


def test_resolve_zip64_ignores_a_truncated_number():
    field = b"\1\0\x18\0" + bytes([7]) + bytes(7)  # declares three numbers
    full = archives.IN_EXTRA_FIELD
    assert archives.resolve_zip64(full, full, 9, field) == [7, full, 9]
    assert archives.resolve_zip64(full, full, 9, field[:-1]) == [full, full, 9]


def test_a_damaged_deflate_stream_is_rejected_on_reading(valid, tmp_path):
    at = valid["npz"].index(
        b"b.npy"
    )  # of the local header; the content of a is before it
    content = bytearray(valid["npz"])
    content[at - 60 : at - 50] = bytes(10)
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError), wrap_file_errors("file"):
        for tensor in open_tensors(tmp_path / "file").values():
            tensor.read()


@st.composite
def corrupted(draw, content: bytes) -> bytes:
    """A valid file with some bytes changed, inserted or removed."""
    damaged = bytearray(content)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(damaged)))
        removed = draw(st.integers(0, 4))
        damaged[at : at + removed] = draw(st.binary(max_size=6))
    return bytes(damaged)


@pytest.mark.parametrize("file_format", ["zip", "legacy", "safetensors", "npz"])
@settings(deadline=None, max_examples=NUM_EXAMPLES)
@given(data=st.data())
def test_a_corrupted_file_is_read_or_rejected(file_format, valid, folder, data):
    path = folder / file_format
    path.write_bytes(data.draw(corrupted(valid[file_format])))
    read_or_reject(path)


@settings(deadline=None, max_examples=NUM_EXAMPLES)
@given(st.lists(st.sampled_from([*INSTRUCTIONS]), max_size=40))
def test_any_sequence_of_instructions_is_read_or_rejected(folder, instructions):
    path = folder / "pickle"
    path.write_bytes(archive(b"\x80\x02" + b"".join(instructions) + b"."))
    read_or_reject(path)


def read_or_reject(path) -> None:
    try:
        tensors = open_tensors(path)
        with wrap_file_errors(path):
            arrays = {key: tensor.read() for key, tensor in tensors.items()}
    except InputError:
        return
    assert all(array.shape == tensors[key].shape for key, array in arrays.items())
    assert sum(array.nbytes for array in arrays.values()) < 2**20
