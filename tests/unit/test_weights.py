"""Weights as files: what is saved is loaded again, and other files are rejected."""

import hashlib
import json
import pathlib
import warnings

import numpy as np
import pytest
import safetensors.numpy

from avjax import weights, weights_folders
from avjax.errors import InputError
from avjax.models.synctalkface import WAV2LIP


@pytest.fixture
def trees():
    kernel = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    conv = {"conv": {"kernel": kernel}}
    params = {"generator": {"block_0": conv, "steps": np.arange(3)}}
    return params, {"generator": {"norm": {"mean": kernel[0]}}}


@pytest.fixture
def folder(tmp_path, trees):
    target = tmp_path / "saved"
    weights.save(target, *trees, WAV2LIP, system="synctalkface", card="A card.\n")
    return target


def test_saved_weights_are_loaded_unchanged(folder, trees):
    loaded = weights.load(folder)
    assert (loaded.system, loaded.card) == ("synctalkface", "A card.\n")
    assert loaded.config["size"] == 96
    assert loaded.config["pixel_range"] == "[0,1]"
    params, stats = trees
    kernel = loaded.params["generator"]["block_0"]["conv"]["kernel"]
    np.testing.assert_array_equal(
        kernel, params["generator"]["block_0"]["conv"]["kernel"]
    )
    np.testing.assert_array_equal(loaded.stats["generator"]["norm"]["mean"], kernel[0])
    assert loaded.params["generator"]["steps"].dtype.kind == "i"


def test_folder_of_a_run_stands_for_its_weights(tmp_path, trees):
    target = tmp_path / "run" / "weights"
    target.parent.mkdir()
    weights.save(target, *trees, WAV2LIP, system="synctalkface", card="A card.\n")
    assert weights.load(tmp_path / "run").card == "A card.\n"


def test_system_is_read_from_the_description_alone(folder):
    (folder / "weights.safetensors").unlink()
    assert weights.weights_system(folder) == "synctalkface"
    assert weights.weights_system("sync-puppet") == "sync_expert"
    with pytest.raises(InputError, match="no weights at sync-puppet-2"):
        weights.weights_system("sync-puppet-2")


def test_system_in_the_place_of_a_name_is_answered_with_its_weights():
    names = "taem-grid-s1, taem-people and taem-puppet"
    message = f"is a system, .* its bundled weights are {names}$"
    with pytest.raises(InputError, match=message):
        weights.describe_weights("taem")


def test_bare_names_are_completed_with_a_warning():
    with pytest.warns(DeprecationWarning, match="use 'sync-puppet'"):
        assert weights.full_name("puppet", "cals-of", "sync") == "sync-puppet"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert weights.full_name("sync-puppet", "sync") == "sync-puppet"
        assert weights.full_name("no/such/folder", "sync") == "no/such/folder"


def test_float16_on_disk_is_float32_in_memory(tmp_path, trees):
    target = tmp_path / "half"
    weights.save(target, *trees, {}, system="toy", card="", dtype="float16")
    kernel = weights.load(target).params["generator"]["block_0"]["conv"]["kernel"]
    assert kernel.dtype == np.float32
    np.testing.assert_allclose(
        kernel, trees[0]["generator"]["block_0"]["conv"]["kernel"], atol=1e-3
    )


def test_counts_that_float16_cannot_hold_keep_their_dtype(tmp_path):
    counts = {"generator": {"count": np.float32(720_000)}}
    weights.save(tmp_path, counts, {}, {}, system="toy", card="", dtype="float16")
    assert weights.load(tmp_path).params["generator"]["count"] == 720_000


def test_saving_again_replaces_the_folder(folder, trees):
    weights.save(folder, *trees, {"a": 1}, system="toy", card="")
    assert weights.load(folder).config == {"a": 1}
    assert [file.name for file in folder.parent.iterdir()] == [folder.name]


def test_failed_save_keeps_the_old_weights(folder, trees, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.numpy, "save_file", full)
    with pytest.raises(InputError, match="no space left"):
        weights.save(folder, *trees, {}, system="toy", card="")
    assert weights.load(folder).system == "synctalkface"
    assert [file.name for file in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("name", ["thesis.txt", "weights.safetensors"])
def test_folder_with_other_files_is_not_overwritten(tmp_path, trees, name):
    (tmp_path / name).write_text("all of it")
    with pytest.raises(InputError, match="holds files other than"):
        weights.save(tmp_path, *trees, {}, system="toy", card="")
    assert (tmp_path / name).read_text() == "all of it"


def test_weights_next_to_other_files_are_not_overwritten(folder, trees):
    (folder / "thesis.txt").write_text("all of it")
    with pytest.raises(InputError, match="holds files other than"):
        weights.save(folder, *trees, {}, system="toy", card="")
    assert weights.load(folder).system == "synctalkface"


def truncate(file: pathlib.Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


def write_other_arrays(file: pathlib.Path) -> None:
    safetensors.numpy.save_file({"optimizer/step": np.zeros(1)}, file)


@pytest.mark.parametrize("change", [truncate, write_other_arrays, pathlib.Path.unlink])
def test_damaged_file_gives_a_one_line_error(folder, change):
    change(folder / "weights.safetensors")
    with pytest.raises(InputError, match="weights.safetensors") as error:
        weights.load(folder)
    assert "\n" not in str(error.value)


def test_changed_numbers_are_found_by_the_checksum(folder):
    file = folder / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1  # within an array, so that the format stays valid
    file.write_bytes(content)
    with pytest.raises(InputError, match="is damaged: its checksum is not the one"):
        weights.load(folder)


def test_folder_without_a_checksum_is_read(folder):
    file = folder / "config.json"
    description = json.loads(file.read_text())
    assert len(description.pop("sha256")) == 64
    file.write_text(json.dumps(description))
    assert weights.load(folder).system == "synctalkface"


def test_bundled_weights_have_checksums():
    for name in weights.list_weights():
        file, config_file = weights.weights_files(name)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert weights_folders.read_description(config_file)["sha256"] == digest, name


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        json.dumps({"format": 99, "system": "", "config": {}, "card": ""}),
    ],
)
def test_damaged_description_is_rejected(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(InputError, match="config.json"):
        weights.load(folder)


def test_unknown_name_lists_the_bundled_names(tmp_path, monkeypatch, folder):
    monkeypatch.setattr(weights_folders, "BUNDLED", folder.parent)
    assert weights.load("saved").system == "synctalkface"
    with pytest.raises(InputError, match="bundled name; choose from saved"):
        weights.load("unknown")
    with pytest.raises(InputError, match="bundled name; did you mean saved"):
        weights.load("savde")


def test_names_do_not_lead_out_of_the_bundled_folder(monkeypatch, folder):
    monkeypatch.setattr(weights_folders, "BUNDLED", folder)
    with pytest.raises(InputError):
        weights.load("../saved")


def test_card_may_name_a_file_whose_name_is_not_utf8(tmp_path):
    params = {"generator": {"kernel": np.ones(2, np.float32)}}
    card = "Converted from a\udcff.pth."
    weights.save(tmp_path / "w", params, {}, WAV2LIP, system="synctalkface", card=card)
    assert weights.load(tmp_path / "w").card == card
    assert "a\\udcff.pth" in (tmp_path / "w/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value, tmp_path):
    params = {"generator": {"kernel": np.array([1, value], np.float32)}}
    weights.save(tmp_path / "w", params, {}, WAV2LIP, system="synctalkface", card="")
    with pytest.raises(InputError, match="generator/kernel holds values that are"):
        weights.load(tmp_path / "w")
