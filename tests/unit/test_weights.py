"""Weights as files: they come back as they went, and nothing else is accepted."""

import json
import pathlib

import numpy as np
import pytest

from avjax import weights
from avjax.errors import InputError
from avjax.models.synctalkface import WAV2LIP


@pytest.fixture
def trees():
    kernel = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    params = {"face": {"block_0": {"conv": {"kernel": kernel}}, "steps": np.arange(3)}}
    return params, {"face": {"norm": {"mean": kernel[0]}}}


@pytest.fixture
def folder(tmp_path, trees):
    target = tmp_path / "made"
    weights.save(target, *trees, WAV2LIP, system="synctalkface", card="A card.\n")
    return target


def test_weights_come_back_as_they_went(folder, trees):
    found = weights.load(folder)
    assert (found.system, found.card) == ("synctalkface", "A card.\n")
    assert found.config["size"] == 96 and found.config["signed"] is False
    params, stats = trees
    kernel = found.params["face"]["block_0"]["conv"]["kernel"]
    np.testing.assert_array_equal(kernel, params["face"]["block_0"]["conv"]["kernel"])
    np.testing.assert_array_equal(found.stats["face"]["norm"]["mean"], kernel[0])
    assert found.params["face"]["steps"].dtype.kind == "i"


def test_the_system_is_told_by_the_description_alone(folder):
    (folder / "weights.safetensors").unlink()
    assert weights.system_at(folder) == "synctalkface"
    assert weights.system_at("puppet", "sync") == weights.system_at("sync-puppet")
    with pytest.raises(InputError, match="no weights at sync-puppet-2"):
        weights.system_at("sync-puppet-2")


def test_half_the_size_on_disk_is_float32_in_memory(tmp_path, trees):
    target = tmp_path / "half"
    weights.save(target, *trees, {}, system="toy", card="", dtype="float16")
    kernel = weights.load(target).params["face"]["block_0"]["conv"]["kernel"]
    assert kernel.dtype == np.float32
    np.testing.assert_allclose(
        kernel, trees[0]["face"]["block_0"]["conv"]["kernel"], atol=1e-3
    )


def test_a_count_that_half_precision_cannot_hold_is_kept(tmp_path):
    counts = {"face": {"seen": np.float32(720_000)}}
    weights.save(tmp_path, counts, {}, {}, system="toy", card="", dtype="float16")
    assert weights.load(tmp_path).params["face"]["seen"] == 720_000


def test_saving_again_replaces_and_leaves_nothing_beside(folder, trees):
    weights.save(folder, *trees, {"a": 1}, system="toy", card="")
    assert weights.load(folder).config == {"a": 1}
    assert [file.name for file in folder.parent.iterdir()] == [folder.name]


def test_a_save_that_fails_leaves_the_old_weights_whole(folder, trees, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights, "save_file", full)
    with pytest.raises(InputError, match="no space left"):
        weights.save(folder, *trees, {}, system="toy", card="")
    assert weights.load(folder).system == "synctalkface"
    assert [file.name for file in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("name", ["thesis.txt", "weights.safetensors"])
def test_a_folder_of_other_things_is_not_overwritten(tmp_path, trees, name):
    (tmp_path / name).write_text("all of it")
    with pytest.raises(InputError, match="other things"):
        weights.save(tmp_path, *trees, {}, system="toy", card="")
    assert (tmp_path / name).read_text() == "all of it"


def test_weights_with_something_beside_them_are_not_overwritten(folder, trees):
    (folder / "thesis.txt").write_text("all of it")
    with pytest.raises(InputError, match="other things"):
        weights.save(folder, *trees, {}, system="toy", card="")
    assert weights.load(folder).system == "synctalkface"


def damaged(file: pathlib.Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


def strange(file: pathlib.Path) -> None:
    weights.save_file({"optimizer/step": np.zeros(1)}, file)


@pytest.mark.parametrize("change", [damaged, strange, pathlib.Path.unlink])
def test_a_bad_file_is_one_clear_sentence(folder, change):
    change(folder / "weights.safetensors")
    with pytest.raises(InputError, match="weights.safetensors") as error:
        weights.load(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        json.dumps({"format": 99, "system": "", "config": {}, "card": ""}),
    ],
)
def test_a_bad_description_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(InputError, match="config.json"):
        weights.load(folder)


def test_an_unknown_name_is_answered_with_those_that_are_bundled(
    tmp_path, monkeypatch, folder
):
    monkeypatch.setattr(weights, "BUNDLED", folder.parent)
    assert weights.load("made").system == "synctalkface"
    with pytest.raises(InputError, match="bundled name .made."):
        weights.load("made_up")


def test_a_name_does_not_lead_out_of_the_bundle(monkeypatch, folder):
    monkeypatch.setattr(weights, "BUNDLED", folder)
    with pytest.raises(InputError):
        weights.load("../made")
