"""README.md of weights: the YAML that model hubs read, and the card."""

import json

import numpy as np
import pytest
from huggingface_hub import ModelCard

import avjax
from avjax import weights
from avjax.errors import InputError
from avjax.model_cards import hub_readme
from avjax.models.synctalkface import WAV2LIP
from avjax.weights_folders import describe_bases

CARD = """Lips, read: "all" of them.
Trained on: GRID s1, my: clips.
Score: good.
test/wer: 0.25
test/lmd_open: 1
test/lmd: 1e-05
val/wer: 0.5
test/reference_lmd: 0.125
Licence of these weights: CC BY 4.0.
"""


@pytest.fixture
def folder(tmp_path):
    params = {"generator": {"kernel": np.ones((2, 3), np.float32)}}
    weights.save(tmp_path / "a", params, {}, WAV2LIP, system="synctalkface", card=CARD)
    return tmp_path / "a"


def test_saved_folder_has_a_readme_that_hubs_read(folder):
    names = {file.name for file in folder.iterdir()}
    assert names == {"weights.safetensors", "config.json", "README.md"}
    card = ModelCard.load(folder / "README.md")
    data = card.data
    assert (data.license, data.library_name) == ("cc-by-4.0", "avjax")
    assert data.datasets == ["grid-s1", "my-clips"] and "jax" in data.tags
    assert data.metrics == ["wer", "lmd"]
    found = {
        (one.dataset_name, one.metric_type): one.metric_value
        for one in data.eval_results
    }
    assert found == {("test", "wer"): 0.25, ("test", "lmd"): 1e-05, ("val", "wer"): 0.5}
    assert all(line in card.text for line in ("# synctalkface", "Score: good."))
    assert "| test/reference_lmd | 0.125 |" in card.text


@pytest.mark.parametrize("name", avjax.list_weights())
def test_cards_of_bundled_weights_can_be_published(name):
    info = weights.describe_weights(name)
    data = ModelCard(hub_readme(info.system, info.card)).data
    assert data.license == "other" or data.license in ("apache-2.0", "cc-by-4.0")
    assert (data.license == "other") == bool(data.to_dict().get("license_name"))
    assert data.datasets and "avjax" in data.tags


def test_card_without_facts_has_an_unknown_licence():
    data = ModelCard(hub_readme("my_system", "")).data
    assert data.license == "unknown" and data.datasets is None
    assert data.eval_results is None


def test_readme_names_the_command_that_takes_the_weights():
    for task, command in (("sentences", "lipread"), ("speech", "speak")):
        page = hub_readme("bridging", "", {"task": task})
        assert f"for `avjax {command} --weights FOLDER`;" in page
    assert "lipread --weights FOLDER` or `avjax speak" in hub_readme("bridging", "")


def test_card_names_what_the_training_started_from(folder, tmp_path):
    lines = describe_bases(["lipwarp-people", folder, "lipwarp-people", "runs/gone"])
    licence = avjax.weights.describe_weights("lipwarp-people").licence
    assert lines[0].startswith(f"Started from: lipwarp-people ({licence}), a (CC BY")
    assert lines[0].endswith("gone (licence not stated).")
    assert f"that of lipwarp-people, {licence}; that of a, CC BY 4.0; " in lines[1]
    assert lines[1].endswith(", which is not stated, and that of your own data.")
    data = ModelCard(hub_readme("lipwarp", "\n".join(lines))).data
    assert data.base_model == ["lipwarp-people", "a", "gone"]
    assert data.license == "other" and data.license_name.startswith("that-of-lipwarp")


def test_licence_of_weights_that_started_from_others_is_handed_on(tmp_path):
    params = {"generator": {"kernel": np.ones((2, 3), np.float32)}}
    options = {
        "system": "synctalkface",
        "card": "\n".join(describe_bases(["sync-people"])),
    }
    weights.save(tmp_path / "run" / "weights", params, {}, WAV2LIP, **options)
    started, licence = describe_bases([tmp_path / "run" / "weights"])
    assert started.startswith("Started from: run (that of sync-people, CC BY 4.0; ")
    assert licence == options["card"].splitlines()[1]
    info = weights.describe_weights(tmp_path / "run")
    assert "started from sync-people (CC BY 4.0; " in str(info)
    assert describe_bases([]) == []


def test_older_folder_without_readme_is_replaced_and_others_are_not(folder):
    loaded = weights.load(folder)
    again = {"system": loaded.system, "card": loaded.card}
    (folder / "README.md").unlink()
    weights.save(folder, loaded.params, {}, loaded.config, **again)
    assert (folder / "README.md").is_file()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="it holds files other than"):
        weights.save(folder, loaded.params, {}, loaded.config, **again)
    (folder / "notes.txt").unlink()
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match="it holds files other than"):
        weights.save(folder, loaded.params, {}, loaded.config, **again)


def test_arrays_are_stored_as_safetensors(folder):
    header = (folder / "weights.safetensors").read_bytes()
    size = int.from_bytes(header[:8], "little")
    assert "params/generator/kernel" in json.loads(header[8 : 8 + size])
