"""Tensors come out of every kind of file as they went in, and only when asked for."""

import zipfile
from collections import OrderedDict

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file
from torch_files import Written, write_old, write_zip

from avjax.convert import open_file as files
from avjax.convert import pickles
from avjax.convert.tensors import Span
from avjax.errors import InputError

WRITERS = {
    "zip": write_zip,
    "old": write_old,
    "safetensors": lambda path, value: save_file(value, path),
    "npz": lambda path, value: named_npz(path, np.savez, value),
    "packed npz": lambda path, value: named_npz(path, np.savez_compressed, value),
}


def named_npz(path, save, value):
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


def agree(found, arrays):
    assert list(found) == list(arrays)
    for key, array in arrays.items():
        assert found[key].shape == array.shape
        read = found[key].read()
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_of_file_gives_back_what_was_written(kind, tmp_path, arrays):
    WRITERS[kind](tmp_path / "file", arrays)
    found = files.tensors(tmp_path / "file")
    agree({key: found[key] for key in arrays}, arrays)
    assert len(found) == len(arrays)


@pytest.mark.parametrize("write", [write_zip, write_old])
def test_dicts_in_a_dict_are_joined_by_dots_and_others_left_out(write, tmp_path):
    weight, moment = np.ones((2, 3), np.float32), np.zeros(6, np.float32)
    state = OrderedDict({"module.a": weight})
    optimizer = {"state": {0: {"moment": moment}}, "param_groups": [{"lr": 1e-4}]}
    value = {"state_dict": state, "optimizer": optimizer, "step": 7, "best": None}
    write(tmp_path / "file", value)
    agree(files.tensors(tmp_path / "file"), {"state_dict.module.a": weight})


def test_the_state_of_an_optimizer_is_never_read(tmp_path, monkeypatch):
    spans = []
    numbers = Span.numbers
    monkeypatch.setattr(
        Span,
        "numbers",
        lambda self, *given: spans.append(self) or numbers(self, *given),
    )
    value = {
        "state_dict": {"a": np.ones(3, np.float32)},
        "optimizer": {"m": np.ones(9)},
    }
    write_zip(tmp_path / "file", value)
    found = files.tensors(tmp_path / "file")
    assert not spans
    found["state_dict.a"].read()
    assert [span.size for span in spans] == [12]


@pytest.mark.parametrize("write", [write_zip, write_old])
def test_a_view_is_cut_out_of_its_storage(write, tmp_path):
    storage = np.arange(24, dtype=np.float32)
    view = storage[5:17].reshape(4, 3).T
    write(tmp_path / "file", {"view": view, "whole": storage})
    found = files.tensors(tmp_path / "file")
    np.testing.assert_array_equal(found["view"].read(), view)
    np.testing.assert_array_equal(found["whole"].read(), storage)


@pytest.mark.parametrize("kind", ["zip", "safetensors"])
def test_short_floats_of_16_bits_are_read(kind, tmp_path):
    array = np.array([1.0, -2.5, 3e38], ml_dtypes.bfloat16)
    WRITERS[kind](tmp_path / "file", {"a": array})
    agree(files.tensors(tmp_path / "file"), {"a": array})


def test_a_dict_that_python_2_wrote_is_read():
    pairs = b"ccollections\nOrderedDict\n(](](U\x01aK\x01e](U\x01bK\x02eetR."
    assert pickles.read(b"\x80\x02" + pairs).value == {"a": 1, "b": 2}


def test_newer_instructions_are_read():
    name = b"\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94"
    pickled = (
        b"\x80\x04\x95\x30\0\0\0\0\0\0\0" + name + b"(\x8c\x01a\x88\x8c\x01b\x89u."
    )
    assert pickles.read(pickled).value == {"a": True, "b": False}


def test_a_pickle_ends_where_the_next_one_begins():
    first = Written([1, 2.5, None, "text", (3,)]).pickle
    found = pickles.read(b"xy" + first + Written("next").pickle, 2)
    assert found.value == [1, 2.5, None, "text", (3,)]
    assert found.end == 2 + len(first)


def test_an_array_in_columns_comes_back_in_rows(tmp_path):
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    WRITERS["npz"](tmp_path / "file", {"a": array})
    agree(files.tensors(tmp_path / "file"), {"a": array})


def test_a_file_that_becomes_shorter_is_told(tmp_path):
    write_old(tmp_path / "file", {"a": np.ones(1000, np.float32)})
    found = files.tensors(tmp_path / "file")
    content = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(content[:-8])
    with pytest.raises(InputError, match="shorter"), files.reading("file"):
        found["a"].read()


@pytest.mark.parametrize("large", [False, True])
def test_archives_with_the_table_of_large_ones_are_read(large, tmp_path, monkeypatch):
    if large:  # sizes and places in the extra fields, as beyond 4 GiB
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    array = np.arange(300, dtype=np.float32)
    write_zip(tmp_path / "file", {"a": array})
    assert (b"PK\6\6" in (tmp_path / "file").read_bytes()) == large
    agree(files.tensors(tmp_path / "file"), {"a": array})
