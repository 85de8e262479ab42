import json

import pytest

from avjax.errors import InputError
from avjax.train import __main__ as main
from avjax.train import experiments


@pytest.fixture(autouse=True)
def table(experiment, monkeypatch, tmp_path):
    def toy():
        """A toy that learns in no time.

        More about it.
        """
        return experiment

    monkeypatch.setattr(experiments, "EXPERIMENTS", {"toy": toy, "other": lambda: None})
    monkeypatch.chdir(tmp_path)


def test_the_list_tells_each_name_and_its_first_line(capsys):
    main.train(["--list"])
    told = capsys.readouterr().out
    assert told == "toy    A toy that learns in no time.\nother\n"


def test_a_run_is_trained_and_then_measured_by_its_name_or_folder(tmp_path, capsys):
    main.train(["toy", "steps=3", "optim.maker.rate=1e-3"])
    assert "wrote runs/toy" in capsys.readouterr().out
    stored = json.loads((tmp_path / "runs/toy/experiment.json").read_text())
    assert stored["asked"] == ["toy", "steps=3", "optim.maker.rate=1e-3"]
    assert stored["config"]["optim"]["maker"]["rate"] == 1e-3
    journal = (tmp_path / "runs/toy/journal.jsonl").read_text().splitlines()
    error = json.loads(journal[-1])["test/error"]
    for name in ("toy", "runs/toy"):
        main.evaluate([name])
        assert f"{error:.5g}" in capsys.readouterr().out


def test_a_name_without_a_run_measures_what_the_experiment_starts_from(
    tmp_path, capsys
):
    main.train(["toy", "--out", "here", "steps=2"])
    journal = (tmp_path / "here/journal.jsonl").read_text().splitlines()
    error = json.loads(journal[-1])["test/error"]
    capsys.readouterr()
    main.evaluate(["toy", "start={'maker': 'here/weights'}"])
    assert f"{error:.5g}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("run", "arguments", "sentence"),
    [
        (main.train, ["toi"], "nothing is called 'toi' in 'EXPERIMENTS'; there is toy"),
        (main.train, ["toy", "stps=3"], "there is steps"),
        (main.train, ["toy", "--distributed", "nowhere"], "is not auto or"),
        (main.evaluate, ["toy"], "no checkpoint in runs/toy"),
        (main.evaluate, ["runs/none"], "nothing is called 'runs/none'"),
        (main.evaluate, [], "say which run"),
        (main.evaluate, ["."], "is no folder of a run: it holds no experiment.json"),
        (main.train, ["toy", "--bogus"], "arguments: --bogus .see avjax train --help"),
        (main.train, ["toy", "seed=-1"], "a seed of -1 is not from 0"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, arguments, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        run(arguments)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_an_experiments_name_does_not_hide_its_run(tmp_path):
    (tmp_path / "toy").mkdir()
    with pytest.raises(InputError, match="no checkpoint in runs/toy"):
        main.evaluate(["toy"])


@pytest.mark.parametrize("torn", ['{"asked": ["toy', "[]", "{}"])
def test_a_torn_description_of_a_run_is_one_sentence(torn, tmp_path):
    (tmp_path / "experiment.json").write_text(torn)
    with pytest.raises(InputError, match="experiment.json is damaged"):
        main.evaluate(["."])
