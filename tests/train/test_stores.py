"""A run in an object store."""

import json

import fake_store
import pytest

from avjax import weights
from avjax.errors import InputError
from avjax.train import __main__ as main
from avjax.train import experiments

FILE = "file://"


@pytest.fixture(autouse=True)
def store(experiment, monkeypatch, tmp_path):
    monkeypatch.setattr(experiments, "EXPERIMENTS", {"toy": lambda: experiment})
    monkeypatch.setattr(fake_store, "ROOT", [tmp_path / "store"])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.mark.parametrize("scheme", ["store", "file"])
def test_run_in_a_store_is_trained_continued_and_evaluated(scheme, tmp_path, capsys):
    folder = fake_store.url("bucket/run")
    if scheme == "file":
        folder = f"{FILE}{tmp_path}/store/bucket/run"
    main.train(["toy", "--out", folder, "steps=4", "log_every=1"])
    main.train(["toy", "--out", folder, "steps=6", "log_every=1"])
    assert f"wrote {folder.removeprefix(FILE)}" in capsys.readouterr().out
    lines = (tmp_path / "store/bucket/run/metrics.jsonl").read_text().splitlines()
    logged = [json.loads(line)["step"] for line in lines]
    assert logged == [1, 2, 3, 4, 4, 5, 6, 6]
    main.evaluate([folder])
    error = json.loads(lines[-1])["test/error"]
    assert f"{error:.5g}" in capsys.readouterr().out
    assert weights.load(folder).system == "toy"
    assert not list((tmp_path / "here").iterdir())


def test_run_in_an_unknown_store_is_refused(tmp_path):
    with pytest.raises(InputError, match="known schemes are file"):
        main.train(["toy", "--out", "nowhere://bucket/run"])
    assert not list((tmp_path / "here").iterdir())
