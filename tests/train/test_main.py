"""The commands `avjax train` and `avjax evaluate`."""

import dataclasses
import functools
import json
import shlex
import shutil
import sys

import numpy as np
import pytest

import avjax.__main__
from avjax.config import override, show_assignment, to_assignments
from avjax.data.builders.corpus import build_corpus
from avjax.data.builders.image_pairs import CleanImageSource
from avjax.data.loader import Loader
from avjax.errors import InputError
from avjax.media.photo_io import Photo, write_photo
from avjax.models.bridging import BridgingConfig
from avjax.train import __main__ as main
from avjax.train import experiments
from avjax.train.monitor.metric_table import print_metrics
from avjax.train.registry import load_entry_points, register_experiment


@pytest.fixture(autouse=True)
def registry(experiment, monkeypatch, tmp_path):
    """Replace the experiments by a toy, and run in an empty folder."""

    def toy():
        """A toy that trains quickly.

        More about it.
        """
        return experiment

    monkeypatch.setattr(experiments, "EXPERIMENTS", {"toy": toy, "other": lambda: None})
    monkeypatch.chdir(tmp_path)


def test_list_shows_each_name_with_its_summary(capsys):
    main.train(["--list"])
    assert capsys.readouterr().out.splitlines() == [
        "other",
        "  other",
        "toy",
        "  toy    A toy that trains quickly.",
    ]


def test_run_is_trained_and_evaluated_by_its_name_or_folder(tmp_path, capsys):
    main.train(["toy", "steps=3", "optim.generator.learning_rate=1e-3"])
    assert "wrote runs/toy" in capsys.readouterr().out
    stored = json.loads((tmp_path / "runs/toy/experiment.json").read_text())
    assert stored["arguments"] == [
        "toy",
        "steps=3",
        "optim.generator.learning_rate=1e-3",
    ]
    assert stored["config"]["optim"]["generator"]["learning_rate"] == 1e-3
    lines = (tmp_path / "runs/toy/metrics.jsonl").read_text().splitlines()
    error = json.loads(lines[-1])["test/error"]
    for name in ("toy", "runs/toy"):
        main.evaluate([name])
        assert f"{error:.5g}" in capsys.readouterr().out


def test_initial_weights_are_evaluated_if_there_is_no_run(tmp_path, capsys):
    main.train(["toy", "--out", "here", "steps=2"])
    lines = (tmp_path / "here/metrics.jsonl").read_text().splitlines()
    error = json.loads(lines[-1])["test/error"]
    capsys.readouterr()
    main.evaluate(["toy", "init_from={'generator': 'here/weights'}"])
    assert f"{error:.5g}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        (
            main.train,
            ["toi"],
            "unknown experiment 'toi' .see avjax train --list.; did you mean toy",
        ),
        (main.train, ["toy", "stps=3"], "did you mean steps"),
        (main.train, ["toy", "--distributed", "nowhere"], "give HOST:PORT,PROCESSES"),
        (main.train, ["toy", "steps=0"], "steps must be at least 1"),
        (main.train, ["missing.py:toy"], "there is no file missing.py"),
        (main.evaluate, ["toy"], "no checkpoint in runs/toy"),
        (main.evaluate, ["runs/none"], "there is no folder runs/none"),
        (main.evaluate, [], "name a run"),
        (main.evaluate, ["."], "is not the folder of a run: it has no experiment.json"),
        (main.train, ["toy", "--bogus"], "arguments: --bogus .see avjax train --help"),
        (main.train, ["toy", "seed=-1"], "seed=-1 is outside the range"),
    ],
)
def test_invalid_arguments_are_refused(command, arguments, message, tmp_path):
    with pytest.raises(InputError, match=message):
        command(arguments)
    assert not list(tmp_path.iterdir())


OWN_EXPERIMENT = """
from avjax.train import experiments
from avjax.train.registry import experiment

@experiment
def own():
    return experiments.EXPERIMENTS["toy"]()
"""


def test_experiments_of_a_file_are_trained_and_evaluated(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("avjax.train.registry.EXPERIMENTS", {})
    (tmp_path / "own_experiment.py").write_text(OWN_EXPERIMENT)
    main.train(["own_experiment.py:own", "steps=2"])
    assert "wrote runs/own" in capsys.readouterr().out
    main.evaluate(["own_experiment.py:own"])
    from_file = capsys.readouterr().out
    main.evaluate(["runs/own"])
    assert capsys.readouterr().out == from_file


def test_run_of_a_file_is_found_from_any_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("avjax.train.registry.EXPERIMENTS", {})
    (tmp_path / "own_experiment.py").write_text(OWN_EXPERIMENT)
    monkeypatch.delitem(sys.modules, "own_experiment", raising=False)
    main.train(["own_experiment.py:own", "steps=2"])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    capsys.readouterr()
    main.evaluate(["../runs/own"])
    assert "test/error" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_experiment.py", "name an experiment of the file: own_experiment.py:own"),
        ("own_experiment.py:wn", "no experiment named 'wn'; did you mean own?"),
    ],
)
def test_experiment_of_a_file_is_named(name, message, tmp_path, monkeypatch):
    monkeypatch.setattr("avjax.train.registry.EXPERIMENTS", {})
    monkeypatch.delitem(sys.modules, "own_experiment", raising=False)
    (tmp_path / "own_experiment.py").write_text(OWN_EXPERIMENT)
    with pytest.raises(InputError, match=message):
        main.train([name])


def test_fields_are_shown_as_changes_that_give_the_same_experiment(experiment, capsys):
    assert main.train(["toy", "--show", "task.width=64"]) == 0
    shown = [shlex.split(line)[0] for line in capsys.readouterr().out.splitlines()]
    assert "task.width=64" in shown and "mesh=(-1, 1)" in shown
    assert override(experiment, shown) == override(experiment, ["task.width=64"])


def test_long_list_is_shown_as_a_comment():
    symbols = tuple("abcdefghijklmnopqrstuvwxyz")
    config = BridgingConfig(symbols=symbols, size=64)
    shown = [show_assignment(line) for line in to_assignments(config)]
    assert "# symbols: 26 values, 'a' to 'z' (--json prints all)" in shown
    assert "size=64" in shown


def test_fields_of_all_runs_of_a_sweep_are_printed(capsys):
    assert main.train(["toy", "--print", "steps=2,3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("steps=")] == [
        "steps=2",
        "steps=3",
    ]


class EntryPoint:
    """A module of experiments that an installed package names."""

    value = "my_lab.experiments"

    def __init__(self, error=None):
        self.error = error

    def load(self):
        if self.error:
            raise self.error
        register_experiment("lab", lambda: None)


def test_experiments_of_installed_packages_are_listed(monkeypatch, capsys):
    def install(entry_point):
        load_entry_points.cache_clear()
        monkeypatch.setattr(
            "importlib.metadata.entry_points", lambda group: [entry_point]
        )

    known = experiments.EXPERIMENTS
    monkeypatch.setattr("avjax.train.registry.EXPERIMENTS", known)
    try:
        install(EntryPoint())
        main.train(["--list"])
        assert "lab" in capsys.readouterr().out.split()
        install(EntryPoint(ImportError("no module named my_lab")))
        with pytest.raises(InputError, match="my_lab.experiments, which an installed"):
            main.train(["--list"])
    finally:
        load_entry_points.cache_clear()


def test_evaluation_is_printed_as_json(capsys):
    main.train(["toy", "steps=2"])
    capsys.readouterr()
    main.evaluate(["toy", "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["step", "test/error"] and printed["step"] == 2


def test_metric_without_a_value_has_a_reason(capsys):
    metrics = {"test/lmd": 0.5, "test/lmd_open": float("nan")}
    print_metrics(metrics, "toy")
    printed = capsys.readouterr().out
    assert "nan" not in printed and printed.count("no value") == 2
    assert "pixels" in printed and "lower" in printed
    print_metrics({"test/lmd": 0.5}, "toy")
    assert "no value" not in capsys.readouterr().out


def test_baselines_are_columns_and_parts_are_below_their_metric(capsys):
    values = {
        "lmd": 0.5,
        "lmd_open": 0.25,
        "psnr": 35.0,
        "reference_lmd": 0.125,
        "static_mouth_lmd": 1.5,
        "static_mouth_psnr": 32.0,
        "reference_offset": 2.0,  # of a metric that is not here
        "lmd_error": 0.75,
    }
    print_metrics({f"val/{name}": value for name, value in values.items()}, "toy")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row for row in rows if row and row[0].startswith(("metric", "val"))] == [
        ["metric", "value", "reference", "mouth", "unit", "better"],
        ["val/lmd", "0.5", "0.125", "1.5", "pixels", "lower"],
        ["val/lmd_open", "0.25", "pixels", "lower"],
        ["val/lmd_error", "0.75"],
        ["val/psnr", "35", "32", "dB", "higher"],
        ["val/reference_offset", "2", "frames"],
    ]


def test_evaluation_says_which_state_was_measured(
    experiment, monkeypatch, tmp_path, capsys
):
    def measured(*arguments):
        capsys.readouterr()
        main.evaluate(arguments)
        return capsys.readouterr().out.splitlines()[-1]

    main.train(["toy", "steps=2"])
    assert measured("toy") == "measured: step 2, the latest checkpoint"
    weights = "init_from={'generator': 'runs/toy/weights'}"
    assert measured("toy", "--out", "none", weights).startswith("measured: initial")
    shutil.rmtree(tmp_path / "runs/toy/weights")  # as if it had been stopped
    assert measured("toy").endswith("latest checkpoint; the run has no weights/ yet")
    chosen = dataclasses.replace(experiment, select_by=("test/error", "max"))
    monkeypatch.setitem(experiments.EXPERIMENTS, "chosen", lambda: chosen)
    main.train(["chosen", "steps=4", "evaluate_every=2", "log_every=1"])
    lines = (tmp_path / "runs/chosen/metrics.jsonl").read_text().splitlines()
    found = [x for x in map(json.loads, lines) if "test/error" in x]
    best = max(found, key=lambda entry: entry["test/error"])["step"]
    assert measured("chosen") == f"measured: step {best}, the best by test/error"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train": Loader("corpora/grid")},
            "train.root=corpora/grid: there is no corpus; build it first, by "
            "avjax data build grid --raw GRID --out corpora/grid",
        ),
        (
            {"init_from": {"generator": "runs/wav2lip_grid/weights"}},
            "train wav2lip_grid to its end first: avjax train wav2lip_grid, "
            "or name other weights with init_from.generator=FOLDER",
        ),
    ],
)
def test_missing_corpus_or_run_is_named_with_its_command(
    changes, message, experiment, monkeypatch
):
    changed = dataclasses.replace(experiment, **changes)
    monkeypatch.setitem(experiments.EXPERIMENTS, "changed", lambda: changed)
    with pytest.raises(InputError, match=message):
        main.train(["changed"])


def test_corpus_is_checked_before_the_initial_weights(
    experiment, monkeypatch, tmp_path
):
    write_photo(tmp_path / "raw.png", Photo(np.zeros((32, 32, 3), np.uint8)))
    build_corpus(CleanImageSource(str(tmp_path)), tmp_path / "corpus", num_workers=0)
    loaders = {"train": Loader(str(tmp_path / "corpus")), "evals": {}}
    for fields in (loaders, {"evals": {"test": loaders["train"]}}):
        changed = dataclasses.replace(
            experiment, init_from={"generator": "runs/none/weights"}, **fields
        )
        monkeypatch.setitem(
            experiments.EXPERIMENTS, "changed", functools.partial(lambda x: x, changed)
        )
        with pytest.raises(InputError, match="corpus of images, and .* needs clips"):
            main.train(["changed"])
    changed = dataclasses.replace(
        experiment, init_from={"generator": "runs/none/weights"}
    )
    monkeypatch.setitem(experiments.EXPERIMENTS, "changed", lambda: changed)
    with pytest.raises(InputError, match="there are no weights in runs/none"):
        main.train(["changed"])


def test_run_continues_without_the_run_that_it_started_from(
    experiment, monkeypatch, tmp_path
):
    main.train(["toy", "steps=2"])
    changed = dataclasses.replace(
        experiment, init_from={"generator": "runs/toy/weights"}
    )
    monkeypatch.setitem(experiments.EXPERIMENTS, "second", lambda: changed)
    main.train(["second", "steps=2"])
    readme = (tmp_path / "runs/second/weights/README.md").read_text()
    assert "Started from: toy (licence not stated)." in readme
    assert 'base_model: ["toy"]' in readme
    shutil.rmtree(tmp_path / "runs/toy")
    main.train(["second", "steps=3"])
    main.evaluate(["second"])


def test_syntax_error_in_a_file_of_experiments_is_reported(tmp_path):
    (tmp_path / "broken_experiment.py").write_text("def own(:\n")
    with pytest.raises(InputError, match=r"broken_experiment.py, line 1: "):
        main.train(["broken_experiment.py:own"])


def test_exception_in_a_file_of_experiments_is_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("AVJAX_DEBUG", raising=False)
    monkeypatch.setattr("avjax.train.registry.EXPERIMENTS", {})
    wrong = OWN_EXPERIMENT.replace('["toy"]()', '["toy"]().size')
    (tmp_path / "wrong_experiment.py").write_text(wrong)
    assert avjax.__main__.main(["train", "wrong_experiment.py:own"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "wrong_experiment.py, line 7: AttributeError: " in line
    assert "defect" not in line and "AVJAX_DEBUG=1 prints the traceback" in line


def test_evaluation_cannot_change_the_network(tmp_path):
    main.train(["toy", "steps=2"])
    message = r"cannot be used with task.width=256 \(the run has 512\): "
    with pytest.raises(InputError, match=message):
        main.evaluate(["toy", "task.width=256"])


@pytest.mark.parametrize(
    "change",
    ["steps=3", "train.batch=4", "optim.generator.learning_rate=1e-4", "seed=1"],
)
def test_change_without_effect_on_an_evaluation_is_refused(change):
    path = change.partition("=")[0]
    with pytest.raises(InputError, match=f"{path} has no effect on an evaluation; "):
        main.evaluate(["toy", change])


def test_changes_of_the_run_may_be_repeated_for_its_evaluation(capsys):
    main.train(["toy", "steps=2"])
    assert main.evaluate(["toy", "steps=2", "evals.test.batch=4"]) == 0
    with pytest.raises(InputError, match="init_from.* has no effect"):
        main.evaluate(["toy", "init_from={'generator': 'elsewhere'}"])


def test_run_without_a_checkpoint_cannot_be_evaluated(tmp_path):
    main.train(["toy", "steps=2"])
    shutil.rmtree(tmp_path / "runs/toy/checkpoints")
    with pytest.raises(InputError, match="runs/toy has no checkpoint yet: continue"):
        main.evaluate(["runs/toy"])


def test_missing_cluster_is_reported(monkeypatch):
    def initialize():
        raise ValueError("coordinator_address should be defined.")

    monkeypatch.setattr("jax.distributed.initialize", initialize)
    with pytest.raises(InputError, match="on a cluster that JAX detects"):
        main.train(["toy", "--distributed", "auto"])


def test_folder_with_the_name_of_an_experiment_does_not_hide_its_run(tmp_path):
    (tmp_path / "toy").mkdir()
    with pytest.raises(InputError, match="no checkpoint in runs/toy"):
        main.evaluate(["toy"])


@pytest.mark.parametrize("text", ['{"arguments": ["toy', "[]", "{}"])
def test_damaged_experiment_file_is_refused(text, tmp_path):
    (tmp_path / "experiment.json").write_text(text)
    with pytest.raises(InputError, match="experiment.json is damaged"):
        main.evaluate(["."])


def test_run_of_an_older_version_is_refused(tmp_path):
    (tmp_path / "experiment.json").write_text('{"asked": ["toy"], "config": {}}')
    with pytest.raises(InputError, match="older version of avjax"):
        main.evaluate(["."])
