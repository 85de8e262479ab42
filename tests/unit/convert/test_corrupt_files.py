"""Good files that were spoilt are read or refused: no other error, no large array."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from torch_files import archive, plain, write_old, write_zip

from avjax.convert import archives
from avjax.convert import open_file as files
from avjax.errors import InputError

# Of Python's own reader of instructions, at texts that are spoilt.
pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence")
TRIES = int(os.environ.get("AVJAX_FUZZ", 100))  # of each test that draws files
ARRAYS = {"a": np.arange(6, dtype=np.float32), "b": np.ones((2, 3), np.float32)}


TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n("
STORAGE = b"(" + plain("storage") + b"ctorch\nFloatStorage\n"
PIECES = {  # of pickles; each does something in a good file
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
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("spoilt")


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> dict[str, bytes]:
    """Files that can be read, by their kind."""
    folder = tmp_path_factory.mktemp("good")
    write_zip(folder / "zip", ARRAYS)
    write_old(folder / "old", ARRAYS)
    save_file(ARRAYS, folder / "safetensors")
    np.savez_compressed(folder / "npz", **ARRAYS)
    (folder / "npz.npz").rename(folder / "npz")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", ["zip", "old", "safetensors", "npz"])
def test_a_file_that_is_cut_off_anywhere_is_refused(kind, good, tmp_path):
    for length in range(0, len(good[kind]), 7):
        (tmp_path / "file").write_bytes(good[kind][:length])
        with pytest.raises(InputError):
            files.tensors(tmp_path / "file")


def test_a_number_that_is_cut_off_stays_unknown():
    field = b"\1\0\x18\0" + bytes([7]) + bytes(7)  # says that it has three numbers
    full = archives.FULL
    assert archives.with_large(full, full, 9, field) == [7, full, 9]
    assert archives.with_large(full, full, 9, field[:-1]) == [full, full, 9]


def test_an_array_that_does_not_unpack_is_refused_when_it_is_read(good, tmp_path):
    at = good["npz"].index(b"b.npy")  # of the head; the contents of a are before it
    content = bytearray(good["npz"])
    content[at - 60 : at - 50] = bytes(10)
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError), files.reading("file"):
        for each in files.tensors(tmp_path / "file").values():
            each.read()


@st.composite
def spoilt(draw, content: bytes) -> bytes:
    """A good file with some bytes changed, inserted or left out."""
    spoiled = bytearray(content)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(spoiled)))
        gone = draw(st.integers(0, 4))
        spoiled[at : at + gone] = draw(st.binary(max_size=6))
    return bytes(spoiled)


@pytest.mark.parametrize("kind", ["zip", "old", "safetensors", "npz"])
@settings(deadline=None, max_examples=TRIES)
@given(data=st.data())
def test_a_spoilt_file_is_read_or_refused(kind, good, folder, data):
    path = folder / kind
    path.write_bytes(data.draw(spoilt(good[kind])))
    read_or_refuse(path)


@settings(deadline=None, max_examples=TRIES)
@given(st.lists(st.sampled_from([*PIECES]), max_size=40))
def test_any_row_of_instructions_is_read_or_refused(folder, pieces):
    path = folder / "pickle"
    path.write_bytes(archive(b"\x80\x02" + b"".join(pieces) + b"."))
    read_or_refuse(path)


def read_or_refuse(path) -> None:
    try:
        found = files.tensors(path)
        with files.reading(path):
            arrays = {key: tensor.read() for key, tensor in found.items()}
    except InputError:
        return
    assert all(array.shape == found[key].shape for key, array in arrays.items())
    assert sum(array.nbytes for array in arrays.values()) < 2**20
