"""Networks are found in whatever dict, module or archive a file has around them."""

import argparse
import collections
import datetime
import pickle
from collections import OrderedDict
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from random_networks import as_tensors, random_arrays
from torch_files import archive, plain, write_legacy, write_script, write_zip

from avjax import weights
from avjax.__main__ import main
from avjax.convert.open_file import open_tensors
from avjax.convert.recognition import WRAPPERS, identify, strip_wrappers
from avjax.convert.registry import NETWORKS
from avjax.errors import InputError

pytestmark = pytest.mark.usefixtures("narrow_networks")
NAME = "wav2lip"
KEY = "face_encoder_blocks.0.0.conv_block.0.weight"


def prefixed(prefix: str, arrays: dict) -> dict:
    return {f"{prefix}{key}": array for key, array in arrays.items()}


WRAPPINGS = {
    "nothing": lambda arrays: arrays,
    "DataParallel": lambda arrays: {"state_dict": prefixed("module.", arrays)},
    "DataParallel twice": lambda arrays: prefixed("module.module.", arrays),
    "torch.compile": lambda arrays: prefixed("_orig_mod.", arrays),
    "torch.compile of a part": lambda arrays: {
        key.replace("face_encoder_blocks.", "face_encoder_blocks._orig_mod."): array
        for key, array in arrays.items()
    },
    "Lightning": lambda arrays: {
        "state_dict": prefixed("model.", arrays) | {"loss.weight": np.ones(3)},
        "epoch": 3,
    },
    "a dict": lambda arrays: {"model": arrays},
    "dicts in a dict": lambda arrays: {"net": {"generator": arrays, "d": {}}},
    "model_state_dict": lambda arrays: {"model_state_dict": arrays, "epoch": 1},
    "a tuple": lambda arrays: (arrays, 17),
    "a discriminator": lambda arrays: {
        "discriminator": random_arrays("wav2lip_disc"),
        "generator": arrays,
    },
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_network_is_found_in_any_wrapping(wrapping, write, tmp_path, capsys):
    arrays = random_arrays(NAME)
    write(tmp_path / "file", WRAPPINGS[wrapping](arrays))
    stripped = strip_wrappers(open_tensors(tmp_path / "file"))
    found = identify({key: tensor.shape for key, tensor in stripped.items()}, None)
    assert found.name == NAME and found.others == ()
    read = stripped[found.prefix + KEY].read()
    np.testing.assert_array_equal(read, arrays[KEY])


def test_network_of_several_parts_is_found_in_a_dict():
    arrays = random_arrays("bridging_gru")
    wrapped = as_tensors(prefixed("checkpoint.", arrays))
    shapes = {key: tensor.shape for key, tensor in wrapped.items()}
    found = identify(shapes, None)
    assert (found.name, found.prefix) == ("bridging_gru", "checkpoint.")


@pytest.mark.parametrize("name", NETWORKS)
def test_no_published_key_has_the_name_of_a_wrapper(name):
    assert not [key for key in NETWORKS[name].keys if WRAPPERS.search(key)]


def test_averaged_weights_are_preferred_and_the_others_are_named(tmp_path, capsys):
    arrays = random_arrays(NAME)
    averaged = {key: np.zeros_like(array) for key, array in arrays.items()}
    write_zip(tmp_path / "file", {"params": arrays, "params_ema": averaged})
    assert main(["convert", str(tmp_path / "file"), str(tmp_path / "out")]) == 0
    message = capsys.readouterr().err
    assert "avjax: warning: " in message
    assert "also as params; params_ema was converted" in message
    params = weights.load(tmp_path / "out").params["generator"]
    assert not any(map(np.any, jax.tree.leaves(params)))


def test_weights_of_a_script_are_read_and_its_code_is_not(tmp_path):
    arrays = random_arrays(NAME)
    write_script(tmp_path / "file.pt", arrays)
    tensors = open_tensors(tmp_path / "file.pt")
    assert tensors.keys() == arrays.keys()
    np.testing.assert_array_equal(tensors[KEY].read(), arrays[KEY])
    assert main(["convert", str(tmp_path / "file.pt"), str(tmp_path / "out")]) == 0


def test_script_without_named_weights_is_refused_by_its_kind(tmp_path):
    write_script(tmp_path / "file.pt", {})
    with pytest.raises(InputError, match="a TorchScript archive whose weights have no"):
        open_tensors(tmp_path / "file.pt")


class Config:
    """A class of a training program, which is not installed where files are read."""

    def __init__(self):
        self.layers = [1, 2]


OPAQUE = {
    "a numpy scalar": np.float32(0.5),
    "a namespace": argparse.Namespace(lr=1e-4, layers=[1, 2]),
    "an object": Config(),
    "a set": {1, 2},
    "a frozen set": frozenset("ab"),
    "bytes": b"abc",
    "a date": datetime.date(2024, 1, 2),
    "a numpy array": np.arange(3.0),
    "a counter": collections.Counter("aab"),
    "a class": Config,
}


@pytest.mark.parametrize("kind", OPAQUE)
@pytest.mark.parametrize("protocol", [2, 4])
def test_other_values_beside_the_weights_are_skipped(kind, protocol, tmp_path):
    pickled = pickle.dumps(OPAQUE[kind], protocol)[2:-1]
    pickled = pickled[9:] if pickled[:1] == b"\x95" else pickled  # a frame's length
    tensors = pickle_with(tmp_path / "file", b"\x8c\x05other" + pickled)
    assert list(tensors) == ["a"]
    np.testing.assert_array_equal(tensors["a"].read(), np.zeros(6))


@pytest.mark.parametrize("key", [0.5, (1, 2), None, b"a", frozenset([1])])
def test_entries_with_other_keys_are_skipped(key, tmp_path):
    tensors = pickle_with(tmp_path / "file", plain(key) + plain(3))
    assert list(tensors) == ["a"]


def pickle_with(path, entry: bytes) -> dict:
    """Open a file whose dict has an entry, and after it the tensor "a" of zeros."""
    storage = b"(" + plain("storage") + b"ctorch\nFloatStorage\n" + plain("0")
    storage += plain("cpu") + plain(6) + b"tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + plain(0)
    tensor += plain((6,)) + plain((1,)) + b"\x89}tR"
    path.write_bytes(archive(b"\x80\x02}(" + entry + plain("a") + tensor + b"u."))
    return open_tensors(path)


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_module_that_was_saved_whole_is_read(write, tmp_path):
    """Parameters are in dicts of the attributes of torch.nn.Module."""
    array = np.arange(6, dtype=np.float32)
    parameters = OrderedDict({"weight": array, "bias": None})
    inner = SimpleNamespace(_parameters=parameters, _modules=OrderedDict())
    outer = SimpleNamespace(_parameters={}, _modules=OrderedDict(conv=inner))
    write(tmp_path / "file", {"net": outer, "epoch": 1})
    stripped = strip_wrappers(open_tensors(tmp_path / "file"))
    assert list(stripped) == ["net.conv.weight"]
    np.testing.assert_array_equal(stripped["net.conv.weight"].read(), array)


def test_exports_of_avjax_are_not_taken_for_published_weights(tmp_path, capfd):
    np.savez(tmp_path / "own.npz", **{"params/expert/a/kernel": np.ones(3)})
    assert main(["convert", str(tmp_path / "own.npz"), str(tmp_path / "out")]) == 2
    assert "own.npz was written by avjax" in capfd.readouterr().err
