"""`avjax weights`: the facts of the bundled weights, and the cards of any weights."""

import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

import avjax
from avjax import weights
from avjax.__main__ import main
from avjax.model_cards import read_card
from avjax.models.synctalkface import WAV2LIP

README = pathlib.Path(weights.__file__).parent / "bundled" / "README.md"


def rows() -> dict[str, list[str]]:
    """Read the table of the bundled weights: {name: cells}."""
    lines = README.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip("`* ") for cell in line.split("|")[1:-1]] for line in lines]
    return {row[0]: row for row in cells if row and row[0] in avjax.list_weights()}


def test_list_states_every_fact_of_all_bundled_weights(capsys):
    assert main(["weights", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [item["name"] for item in listed] == avjax.list_weights()
    assert all(all(item.values()) for item in listed)
    assert main(["weights", "list"]) == 0
    _, *lines, _, more = capsys.readouterr().out.splitlines()
    assert "avjax weights show" in more
    for line, item in zip(lines, listed, strict=True):
        assert line.startswith(f"{item['name']} ") and line.endswith(item["score"])
        assert item["trained_on"] in line


def test_list_is_narrow_in_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["weights", "list"]) == 0
    _, *lines, _, _ = capsys.readouterr().out.splitlines()
    for line, name in zip(lines, avjax.list_weights(), strict=True):
        info = weights.describe_weights(name)
        assert line.startswith(f"{name} ") and len(line) <= 100
        assert re.search(r"\d[\d.]*", info.score)[0] in line
        licence = info.licence.split(",")[0].removeprefix("LicenseRef-PolyU-")
        assert licence[:9] in line


@pytest.mark.parametrize("name", avjax.list_weights())
def test_card_and_table_of_bundled_weights_agree(name):
    _, system, task, _, data, licence = rows()[name]
    info = weights.describe_weights(name)
    assert (info.system, info.trained_on) == (system, data)
    assert info.task.partition(" (avjax")[0] == task
    assert licence in info.licence


def test_show_prints_the_card_of_a_folder(tmp_path, capsys):
    folder = tmp_path / "own"
    card = "My face.\nData: clips.\ntest/lmd: 0.5\nLicence of these weights: MIT.\n"
    params = {"generator": {"kernel": np.ones((2, 3), np.float32)}}
    weights.save(folder, params, {}, WAV2LIP, system="synctalkface", card=card)
    assert main(["weights", "show", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith(f"\n\n{card}") and "for          avjax talk" in shown
    facts = shown.partition("\n\n")[0].splitlines()[1:]
    assert [line[:15].rstrip() for line in facts][-1] == "  sha256"
    assert all(line[14] == " " != line[15] for line in facts)
    assert main(["weights", "show", str(folder), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["metrics"] == {"test/lmd": 0.5} and info["licence"] == "MIT"
    assert info["size_bytes"] == (folder / "weights.safetensors").stat().st_size


def test_unknown_weights_and_words_are_answered_in_one_sentence(capsys):
    assert main(["weights", "show", "cals-grid"]) == 2
    assert "did you mean cals-grid-s1?" in capsys.readouterr().err
    assert main(["weights", "lits"]) == 2
    assert "did you mean list?" in capsys.readouterr().err


def test_weights_are_listed_without_jax():
    code = (
        "import sys, avjax.__main__\n"
        "assert avjax.__main__.main(['weights', 'list']) == 0\n"
        "assert avjax.__main__.main(['weights', 'show', 'sync-people']) == 0\n"
        "assert not {'jax', 'flax', 'cv2', 'av'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)


def test_card_without_facts_has_empty_ones():
    facts = read_card("")
    assert not any(facts)
    facts = read_card("One line.\nval/loss: 1.5e-05\nval/none is a share.")
    assert facts.summary == "One line." and facts.metrics == {"val/loss": 1.5e-05}
