"""Weights of FORMAT 1 are read by a map to the names of FORMAT 2."""

import json
import pathlib

import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from avjax import weights, weights_format1
from avjax.config import from_json
from avjax.errors import InputError
from avjax.models.registry import get_system


@pytest.fixture
def tables(monkeypatch):
    """Rules of a toy system, in place of the real ones."""
    monkeypatch.setattr(weights_format1, "SYSTEMS", {"old_toy": "toy"})
    monkeypatch.setattr(weights_format1, "PARTS", {"face": "generator"})
    paths = {
        "toy": ((r"^generator/rest_(\d)/", r"generator/norm\1_"),),
        "*": ((r"/seen$", "/count"),),
    }
    monkeypatch.setattr(weights_format1, "PATHS", paths)
    fields = {
        "toy": {
            "slots": "num_slots",
            "signed": lambda value: {"pixel_range": "[-1,1]" if value else "[0,1]"},
            "inner": lambda value: {
                "inner": weights_format1.upgrade_fields("toy", value)
            },
        }
    }
    monkeypatch.setattr(weights_format1, "FIELDS", fields)


@pytest.fixture
def folder(tmp_path):
    """A small FORMAT 1 folder, partly stored as float16."""
    arrays = {
        "params/face/rest_1/kernel": np.linspace(0, 1, 6, dtype=np.float16),
        "params/face/first/seen": np.ones(2, np.float32),
        "stats/face/first/seen": np.array(3, np.float32),
    }
    description = {
        "format": 1,
        "system": "old_toy",
        "config": {"slots": 4, "inner": {"slots": 2}, "signed": True, "size": 8},
        "card": "A card.\n",
    }
    folder = tmp_path / "old"
    weights.write_folder(folder, arrays, description)
    return folder


def test_format1_folder_is_read_with_new_names(tables, folder):
    loaded = weights.load(folder)
    assert loaded.system == weights.weights_system(folder) == "toy"
    assert loaded.card == "A card.\n"
    assert loaded.config == {
        "num_slots": 4,
        "inner": {"num_slots": 2},
        "pixel_range": "[-1,1]",
        "size": 8,
    }
    generator = loaded.params["generator"]
    assert set(generator) == {"norm1_kernel", "first"}
    assert generator["norm1_kernel"].dtype == np.float32
    assert set(generator["first"]) == {"count"}
    assert loaded.stats["generator"]["first"]["count"] == 3


def test_format2_folder_is_read_as_it_is(tables, tmp_path):
    trees = {"face": {"seen": np.ones(2)}}, {}
    weights.save(tmp_path / "new", *trees, {"slots": 1}, system="old_toy", card="")
    loaded = weights.load(tmp_path / "new")
    assert (loaded.system, loaded.config) == ("old_toy", {"slots": 1})
    assert set(loaded.params["face"]) == {"seen"}
    assert json.loads((tmp_path / "new/config.json").read_text())["format"] == 2


def test_unknown_format_is_refused(folder):
    description = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**description, "format": 3}))
    with pytest.raises(InputError, match="has format 3"):
        weights.load(folder)


STORED = np.load(pathlib.Path(__file__).parents[1] / "golden" / "format1_names.npz")


@pytest.mark.parametrize("name", [name for name in STORED if "." not in name])
def test_names_of_former_bundled_weights_fit_the_present_networks(name):
    """Names and configs are those of the bundled weights when they had FORMAT 1."""
    description = json.loads(str(STORED[f"{name}.config"]))
    description = weights_format1.upgrade_description(description)
    system = get_system(description["system"])
    config = from_json(system.config_class, description["config"])
    names = weights_format1.upgrade_names(system.name, map(str, STORED[name]))
    collections = {"params": "params", "batch_stats": "stats"}
    expected = {
        "/".join((collections[collection], part, *path))
        for part, variables in system.variable_shapes(config).items()
        for collection, tree in variables.items()
        for path in flatten_dict(tree)
    }
    assert set(names.values()) == expected and len(names) == len(expected)


def test_migrate_changes_names_only(tables, folder):
    before = weights.read_arrays(folder / "weights.safetensors")
    assert weights.migrate(folder)
    arrays = weights.read_arrays(folder / "weights.safetensors")
    names = weights_format1.upgrade_names("toy", before)
    assert set(arrays) == set(names.values())
    for old, new in names.items():
        assert arrays[new].dtype == before[old].dtype
        assert arrays[new].tobytes() == before[old].tobytes()
    loaded = weights.load(folder)
    assert (loaded.system, loaded.card) == ("toy", "A card.\n")
    assert loaded.config["num_slots"] == 4
    assert json.loads((folder / "config.json").read_text())["format"] == 2
    assert not weights.migrate(folder), "it has FORMAT 2 already"
