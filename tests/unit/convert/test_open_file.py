"""Tensors of every file format are read unchanged, and only on demand."""

import zipfile
from collections import OrderedDict

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file
from torch_files import PickledValue, write_legacy, write_zip

from avjax.convert import pickles
from avjax.convert.open_file import open_tensors, wrap_file_errors
from avjax.convert.tensors import ByteRange
from avjax.errors import InputError

WRITERS = {
    "zip": write_zip,
    "legacy": write_legacy,
    "safetensors": lambda path, value: save_file(value, path),
    "npz": lambda path, value: save_npz(path, np.savez, value),
    "compressed npz": lambda path, value: save_npz(path, np.savez_compressed, value),
}


def save_npz(path, save, value):
    with open(path, "wb") as file:
        save(file, **value)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "conv.weight": rng.standard_normal((3, 2, 5, 5)).astype(np.float32),
        "norm.running_var": rng.uniform(size=7),
        "norm.num_batches_tracked": np.array(12, np.int64),
        "half": rng.standard_normal(4).astype(np.float16),
        "seen": np.array([True, False]),
        "none": np.zeros((0, 3), np.float32),
    }


def assert_equal(tensors, arrays):
    assert list(tensors) == list(arrays)
    for key, array in arrays.items():
        assert tensors[key].shape == array.shape
        read = tensors[key].read()
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("file_format", WRITERS)
def test_every_format_returns_the_written_arrays(file_format, tmp_path, arrays):
    WRITERS[file_format](tmp_path / "file", arrays)
    tensors = open_tensors(tmp_path / "file")
    assert_equal({key: tensors[key] for key in arrays}, arrays)
    assert len(tensors) == len(arrays)


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_keys_of_nested_dicts_are_joined_by_dots(write, tmp_path):
    weight, moment = np.ones((2, 3), np.float32), np.zeros(6, np.float32)
    state = OrderedDict({"module.a": weight})
    optimizer = {"state": {0: {"moment": moment}}, "param_groups": [{"lr": 1e-4}]}
    value = {"state_dict": state, "optimizer": optimizer, "step": 7, "best": None}
    write(tmp_path / "file", value)
    assert_equal(open_tensors(tmp_path / "file"), {"state_dict.module.a": weight})


def test_the_optimizer_state_is_not_read(tmp_path, monkeypatch):
    ranges = []
    read = ByteRange.read
    monkeypatch.setattr(
        ByteRange,
        "read",
        lambda self, *args: ranges.append(self) or read(self, *args),
    )
    value = {
        "state_dict": {"a": np.ones(3, np.float32)},
        "optimizer": {"m": np.ones(9)},
    }
    write_zip(tmp_path / "file", value)
    tensors = open_tensors(tmp_path / "file")
    assert not ranges
    tensors["state_dict.a"].read()
    assert [content.size for content in ranges] == [12]


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_a_view_of_a_storage_is_read(write, tmp_path):
    storage = np.arange(24, dtype=np.float32)
    view = storage[5:17].reshape(4, 3).T
    write(tmp_path / "file", {"view": view, "whole": storage})
    tensors = open_tensors(tmp_path / "file")
    np.testing.assert_array_equal(tensors["view"].read(), view)
    np.testing.assert_array_equal(tensors["whole"].read(), storage)


@pytest.mark.parametrize("kind", ["zip", "safetensors"])
def test_bfloat16_is_read(kind, tmp_path):
    array = np.array([1.0, -2.5, 3e38], ml_dtypes.bfloat16)
    WRITERS[kind](tmp_path / "file", {"a": array})
    assert_equal(open_tensors(tmp_path / "file"), {"a": array})


def test_a_dict_written_by_python_2_is_read():
    pairs = b"ccollections\nOrderedDict\n(](](U\x01aK\x01e](U\x01bK\x02eetR."
    assert pickles.read_pickle(b"\x80\x02" + pairs).value == {"a": 1, "b": 2}


def test_protocol_4_instructions_are_read():
    name = b"\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94"
    pickled = (
        b"\x80\x04\x95\x30\0\0\0\0\0\0\0" + name + b"(\x8c\x01a\x88\x8c\x01b\x89u."
    )
    assert pickles.read_pickle(pickled).value == {"a": True, "b": False}


def test_read_pickle_returns_the_end_of_the_pickle():
    first = PickledValue([1, 2.5, None, "text", (3,)]).pickle
    tensors = pickles.read_pickle(b"xy" + first + PickledValue("next").pickle, 2)
    assert tensors.value == [1, 2.5, None, "text", (3,)]
    assert tensors.end == 2 + len(first)


def test_a_fortran_ordered_array_is_read(tmp_path):
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    WRITERS["npz"](tmp_path / "file", {"a": array})
    assert_equal(open_tensors(tmp_path / "file"), {"a": array})


def test_a_file_that_becomes_shorter_is_reported(tmp_path):
    write_legacy(tmp_path / "file", {"a": np.ones(1000, np.float32)})
    tensors = open_tensors(tmp_path / "file")
    content = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(content[:-8])
    with pytest.raises(InputError, match="shorter"), wrap_file_errors("file"):
        tensors["a"].read()


@pytest.mark.parametrize("large", [False, True])
def test_zip64_archives_are_read(large, tmp_path, monkeypatch):
    if large:  # sizes and offsets in the extra fields, as for files above 4 GiB
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    array = np.arange(300, dtype=np.float32)
    write_zip(tmp_path / "file", {"a": array})
    assert (b"PK\6\6" in (tmp_path / "file").read_bytes()) == large
    assert_equal(open_tensors(tmp_path / "file"), {"a": array})
