import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import types

import jax
import numpy as np
import pytest

from avjax import weights
from avjax.data.loader import Loader
from avjax.errors import InputError
from avjax.models.lip_landmarks import LandmarkConfig
from avjax.train import loading, sharding
from avjax.train.checkpoint import read
from avjax.train.compiled import build, first_state
from avjax.train.loop import check_sides, fit
from avjax.train.optimizers import Adam

KILLS = 3
HERE = pathlib.Path(__file__).parent
PROGRAM = """
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("toy", sys.argv[1])
toy = importlib.util.module_from_spec(spec)
sys.modules["toy"] = toy
spec.loader.exec_module(toy)
from avjax.train.loop import fit
fit(toy.long_experiment(), pathlib.Path(sys.argv[2]))
"""


def lines(folder):
    return [json.loads(x) for x in (folder / "journal.jsonl").read_text().splitlines()]


def numbers(folder):
    """The journal without what the clock put there."""
    clock = {"steps_per_second", "wait_share", "hours"}
    return [{k: x for k, x in line.items() if k not in clock} for line in lines(folder)]


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def shapes_of(experiment):
    example = next(loading.batches(experiment.train))
    return build(experiment, sharding.make_mesh(), example).shapes


def train_until_killed(folder, step):
    """Starts a process on the long experiment and kills it at about that step."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(HERE / "conftest.py"), str(folder)],
        env=os.environ,
        stderr=subprocess.DEVNULL,
    )
    file, mark = folder / "journal.jsonl", f'"step": {step},'
    until = time.monotonic() + 120
    while not (file.exists() and mark in file.read_text()):
        assert child.poll() is None and time.monotonic() < until
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.wait()


def test_a_run_killed_at_any_moment_resumes_to_the_same_numbers(
    long_experiment, tmp_path
):
    straight = fit(long_experiment, tmp_path / "straight")
    rng = np.random.default_rng(time.time_ns())
    kills = sorted(rng.integers(2, long_experiment.steps - 10, KILLS).tolist())
    for step in kills:
        train_until_killed(tmp_path / "killed", step)
    killed = fit(long_experiment, tmp_path / "killed")
    print("killed at about", kills)
    assert_same(killed, straight)
    assert numbers(tmp_path / "killed") == numbers(tmp_path / "straight")


def test_training_makes_the_metric_better(experiment, tmp_path):
    experiment = dataclasses.replace(
        experiment, steps=60, evaluate_every=20, save_every=60
    )
    fit(experiment, tmp_path)
    errors = [x["test/error"] for x in lines(tmp_path) if "test/error" in x]
    assert len(errors) == 3
    assert errors[-1] < 0.5 * errors[0]


def test_a_longer_run_goes_on_and_another_config_does_not(experiment, tmp_path):
    fit(experiment, tmp_path)
    longer = dataclasses.replace(experiment, steps=15, mesh=(1, 2))
    assert int(fit(longer, tmp_path).step) == 15
    other = dataclasses.replace(longer, seed=1)
    with pytest.raises(InputError, match="seed was 0 and is now 1"):
        fit(other, tmp_path)
    assert json.loads((tmp_path / "experiment.json").read_text())["config"]["seed"] == 0


def test_the_last_weights_are_published_where_nothing_tells_the_best(
    experiment, tmp_path
):
    state = fit(experiment, tmp_path)
    published = weights.load(tmp_path / "weights")
    assert published.system == "toy"
    assert published.config == {"batch": 8, "seed": 0}
    assert "Seed 0, 12 steps" in published.card
    assert set(published.params) == {"maker"}
    assert_same(published.params["maker"], jax.device_get(state.params["maker"]))
    assert_same(published.stats["maker"], jax.device_get(state.stats["maker"]))


def test_the_best_weights_are_published_where_a_metric_judges(experiment, tmp_path):
    judged = dataclasses.replace(
        experiment, best=("test/error", "max"), evaluate_every=2, steps=10
    )
    fit(judged, tmp_path)
    errors = {x["step"]: x["test/error"] for x in lines(tmp_path) if "test/error" in x}
    best = max(errors, key=errors.get)
    assert best != 10  # training makes the error smaller, and we asked for the largest
    card = weights.load(tmp_path / "weights").card
    assert f"{best} steps" in card
    assert f"test/error: {errors[best]:.5g}" in card
    assert str(best) in {file.name for file in (tmp_path / "checkpoints").iterdir()}


def test_a_part_begins_with_the_weights_that_start_names(experiment, tmp_path):
    fit(experiment, tmp_path / "first")
    given = weights.load(tmp_path / "first/weights").params["maker"]
    source = str(tmp_path / "first/weights")
    still = {
        name: dataclasses.replace(rule, rate=0.0)
        for name, rule in experiment.optim.items()
    }
    second = dataclasses.replace(
        experiment, start={"maker": source}, optim=still, steps=1
    )
    assert_same(jax.device_get(fit(second, tmp_path / "second").params["maker"]), given)
    misfit = dataclasses.replace(
        second, task=dataclasses.replace(second.task, width=256)
    )
    with pytest.raises(InputError, match="do not fit 'maker'"):
        fit(misfit, tmp_path / "third")
    with pytest.raises(InputError, match="the parts are critic, expert, maker"):
        fit(dataclasses.replace(second, start={"makr": source}), tmp_path / "fourth")


def test_a_path_in_a_part_begins_with_the_same_path_of_the_weights(
    experiment, tmp_path
):
    fit(experiment, tmp_path / "first")
    source = str(tmp_path / "first/weights")
    given = weights.load(source).params["maker"]
    other = dataclasses.replace(experiment, seed=1)
    program = build(
        other,
        sharding.make_mesh(other.mesh),
        loading.peek(loading.batches(other.train)),
    )
    fresh = jax.device_get(program.init().params["maker"])
    begun = jax.device_get(first_state(program, {"maker/into": source}).params["maker"])
    assert_same(begun["into"], given["into"])
    assert_same(begun["out"], fresh["out"])
    for name, there in (
        ("maker/inn", "in 'maker' is bias, into, out"),
        ("maker/into/kernel", "in 'maker/into' is no more"),
    ):
        with pytest.raises(InputError, match=there):
            first_state(program, {name: source})


def test_a_run_whose_numbers_break_down_stops_and_keeps_its_sound_checkpoint(
    experiment, tmp_path
):
    wild = Adam(rate=1e30, warmup=10_000)  # so small at first that a step is sound
    rates = {**experiment.optim, "maker": wild}
    breaking = dataclasses.replace(experiment, optim=rates, save_every=1)
    with pytest.raises(InputError, match=r"is (nan|inf) at step \d+"):
        fit(breaking, tmp_path)
    kept = read(tmp_path / "checkpoints", shapes_of(breaking), None)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(kept.params))


def test_a_folder_that_cannot_be_made_is_one_sentence(experiment, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write into"):
        fit(experiment, tmp_path / "file" / "run")


def test_a_batch_that_teaches_nothing_is_refused_before_anything_is_written(
    experiment, tmp_path, monkeypatch
):
    def mute(data):
        return {**peek(data), "weight": np.zeros(2, np.float32)}

    peek = loading.peek
    monkeypatch.setattr(loading, "peek", mute)
    with pytest.raises(InputError, match="all of its examples weigh 0"):
        fit(experiment, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_faces_of_another_size_than_the_models_are_refused(experiment):
    task = types.SimpleNamespace(model=LandmarkConfig(size=96))
    loader = Loader("corpora/small")
    batch = {"faces": np.zeros((2, 5, 32, 32, 3)), "weight": np.ones(2)}
    with pytest.raises(InputError, match="corpora/small: faces are 32 .*--size 96"):
        check_sides(task, loader, batch)
    check_sides(experiment.task, loader, batch)  # a task without a size takes any
    check_sides(task, loader, {"faces": np.zeros((2, 5, 96, 96, 3))})


def test_a_batch_that_does_not_divide_is_refused_before_anything_is_written(
    experiment, tmp_path
):
    uneven = dataclasses.replace(experiment, accumulate=3)
    with pytest.raises(InputError, match="multiple of 6"):
        fit(uneven, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()
