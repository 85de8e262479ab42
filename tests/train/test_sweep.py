"""Sweeps: several values of a field."""

import functools
import json

import pytest

from avjax.config import override
from avjax.errors import InputError
from avjax.train.experiment import check
from avjax.train.run.sweep import fit_all, plan_runs, split_at_commas, split_values


def make(experiment, assignments):
    changed = override(experiment, assignments)
    check(changed)
    return changed


def test_commas_inside_of_brackets_do_not_separate():
    assert split_at_commas('(1,2),{"a": [3, 4]},5') == ["(1,2)", '{"a": [3, 4]}', "5"]


def test_values_that_fit_as_a_whole_are_one_value(experiment):
    assignments = ["mesh=(1,2)", "description=a,b", "steps=3,4", "seed=1"]
    assert split_values(experiment, assignments) == [
        ["mesh=(1,2)"],
        ["description=a,b"],
        ["steps=3", "steps=4"],
        ["seed=1"],
    ]
    with pytest.raises(InputError, match="must be an integer"):
        split_values(experiment, ["steps=many"])


def test_single_run_keeps_its_folder(experiment, tmp_path):
    plan = functools.partial(plan_runs, functools.partial(make, experiment))
    (run,) = plan(["steps=3"], tmp_path)
    assert run.folder == tmp_path and run.experiment.steps == 3 and not run.values
    (run,) = plan(["mesh=(1,2)"], tmp_path)
    assert run.folder == tmp_path and run.assignments == ("mesh=(1,2)",)


def test_all_combinations_are_checked_before_the_first_run(experiment, tmp_path):
    plan = functools.partial(plan_runs, functools.partial(make, experiment))
    runs = plan(["steps=2,4", "accumulate=1", "task.noise=0.0,0.1"], tmp_path)
    assert [dict(run.values) for run in runs] == [
        {"steps": steps, "task.noise": noise}
        for steps in ("2", "4")
        for noise in ("0.0", "0.1")
    ]
    assert runs[-1].folder == tmp_path / "steps=4,task.noise=0.1"
    with pytest.raises(InputError, match="steps must be at least 1"):
        plan(["steps=2,0"], tmp_path)


def test_runs_are_tabulated_and_a_failure_does_not_stop_the_others(
    experiment, tmp_path, capsys
):
    rate = "optim.generator.learning_rate"
    runs = plan_runs(
        functools.partial(make, experiment),
        ["steps=3", "log_every=1", f"{rate}=1e-3,1e38,1e-2"],
        tmp_path,
    )
    fit_all("toy", runs, tmp_path)
    table = json.loads((tmp_path / "sweep.json").read_text())
    assert table["columns"] == [rate, "test/error", "failure"]
    assert [row[0] for row in table["rows"]] == ["1e-3", "1e38", "1e-2"]
    assert [row[2] is None for row in table["rows"]] == [True, False, True]
    assert "at step" in table["rows"][1][2]
    errors = [row[1] for row in table["rows"] if row[1] is not None]
    assert len(errors) == 2 and errors[0] != errors[1]
    assert "test/error" in capsys.readouterr().out
    arguments = json.loads((runs[0].folder / "experiment.json").read_text())
    assert arguments["arguments"] == ["toy", *runs[0].assignments]
