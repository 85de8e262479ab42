"""`avjax train RUN_FOLDER`, and what commands say about an existing run."""

import dataclasses
import json

import pytest

from avjax.config import override
from avjax.data.loader import Loader
from avjax.errors import InputError
from avjax.metrics.units import Unit
from avjax.train import __main__ as main
from avjax.train import experiments
from avjax.train.experiment import check
from avjax.train.experiments.lipwarp import lipwarp_editor_clips
from avjax.train.report.run_log import read_run
from avjax.train.run_evaluation import describe_set


@pytest.fixture
def run(experiment, monkeypatch, tmp_path):
    """A finished run of a toy, in an empty folder."""
    monkeypatch.setattr(experiments, "EXPERIMENTS", {"toy": lambda: experiment})
    monkeypatch.chdir(tmp_path)
    main.train(["toy", "steps=2", "task.width=64", "--out", "runs/first"])
    return tmp_path / "runs/first"


def test_folder_of_a_run_continues_it_as_it_was_started(run, capsys):
    capsys.readouterr()
    main.train(["runs/first"])
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert "complete (2 of 2 steps), so nothing is trained" in line
    assert not printed.out
    main.train(["runs/first", "steps=3"])
    assert "continuing runs/first at step 2" in capsys.readouterr().err
    capsys.readouterr()
    stored = json.loads((run / "experiment.json").read_text())
    assert stored["arguments"] == ["toy", "task.width=64", "steps=3"]
    main.evaluate(["runs/first"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[-2:] == [
        "on set test: 60 examples",
        "measured: step 3, the latest checkpoint",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs/none"], "there is no folder runs/none"),
        (["runs"], "runs is not the folder of a run: it has no experiment.json"),
        (["runs/first", "--out", "runs/second"], "continued in its own folder"),
    ],
)
def test_other_folders_are_refused(arguments, message, run):
    with pytest.raises(InputError, match=message):
        main.train(arguments)
    assert [folder.name for folder in run.parent.iterdir()] == ["first"]


def test_missing_corpus_of_an_existing_run_names_how_to_continue_it(
    run, experiment, monkeypatch
):
    changed = dataclasses.replace(experiment, train=Loader("corpora/grid"))
    monkeypatch.setitem(experiments.EXPERIMENTS, "toy", lambda: changed)
    message = "there is no corpus; .*; avjax train runs/first continues the run there"
    with pytest.raises(InputError, match=message):
        main.train(["toy", "--out", "runs/first"])


def test_units_are_those_that_the_task_declares(experiment, monkeypatch, tmp_path):
    class UnitTask(type(experiment.task)):
        def metric_units(self):
            return {"error": Unit("toys", "lower")}

    for task, unit in ((experiment.task, ""), (UnitTask(), "toys")):
        changed = dataclasses.replace(experiment, task=task, steps=2)
        monkeypatch.setattr(experiments, "EXPERIMENTS", {"toy": lambda x=changed: x})
        main.train(["toy", "--out", str(tmp_path / f"run{unit}")])
        summary = read_run(tmp_path / f"run{unit}").summary()["test/error"]
        assert (summary["unit"], summary["better"]) == (unit, "lower" if unit else "")


def test_evaluation_names_the_split_that_was_read():
    loader = Loader("corpora/mine", "test[:2]")
    expected = "split test[:2] of corpora/mine: 2 examples"
    assert describe_set("test", loader, 2) == expected
    expected = "set val, read from split test[:2] of corpora/mine: 1 example"
    assert describe_set("val", loader, 1) == expected


def test_type_of_products_without_effect_is_refused(experiment):
    check(override(lipwarp_editor_clips(), ["dtype=bfloat16"]))
    check(override(experiment, ["dtype=float32"]))
    with pytest.raises(InputError, match="dtype=bfloat16 has no effect: "):
        check(override(experiment, ["dtype=bfloat16"]))


def test_metric_that_selects_is_written_with_a_comma(experiment):
    changed = override(experiment, ["select_by=test/error,min"])
    assert changed.select_by == ("test/error", "min")
    message = (
        "must be a tuple of 2 values with commas: a string, 'min' or 'max' or none"
    )
    with pytest.raises(InputError, match=message):
        override(experiment, ["select_by=test/error"])
