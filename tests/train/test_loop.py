import dataclasses
import json
import signal
import time

import jax
import numpy as np
import pytest
from train_processes import finish, start_processes, wait_for_step

from avjax import weights
from avjax.data.loader import Loader
from avjax.errors import InputError
from avjax.models.lip_landmarks import LipLandmarksConfig
from avjax.train.checks import validate_batch
from avjax.train.compiled import build
from avjax.train.init_from import init_from_weights
from avjax.train.loop import fit
from avjax.train.optimizers import Adam
from avjax.train.parallel import sharding
from avjax.train.run.checkpoint import read
from avjax.train.tasks.lip_landmarks import LipLandmarksTask

KILLS = 3


def lines(folder):
    return [json.loads(x) for x in (folder / "metrics.jsonl").read_text().splitlines()]


def numbers(folder):
    """Read the entries without those that depend on the time."""
    clock = {"steps_per_second", "examples_per_second", "wait_fraction", "hours"}
    return [{k: x for k, x in line.items() if k not in clock} for line in lines(folder)]


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def shapes_of(experiment):
    example = next(experiment.train.train_batches())
    return build(experiment, sharding.make_mesh(), example).shapes


def train_in_process(folder, kill_at=None):
    """Train in a process of its own, to the end or until it is killed at a step."""
    (child,) = start_processes("train", "long", "--out", folder)
    if kill_at is not None:
        wait_for_step(folder, kill_at, [child])
        child.kill()
    ((status, errors),) = finish([child])
    assert status == (0 if kill_at is None else -signal.SIGKILL), errors


def test_killed_run_resumes_to_the_same_numbers(long_experiment, tmp_path):
    """Compare runs of processes that do nothing else, as those of `avjax train`."""
    train_in_process(tmp_path / "uninterrupted")
    rng = np.random.default_rng(time.time_ns())
    kills = sorted(rng.integers(2, long_experiment.steps - 10, KILLS).tolist())
    print("killed at about", kills)
    for step in kills:
        train_in_process(tmp_path / "killed", step)
    train_in_process(tmp_path / "killed")
    assert numbers(tmp_path / "killed") == numbers(tmp_path / "uninterrupted")
    shapes = shapes_of(long_experiment)
    killed, uninterrupted = (
        read(tmp_path / name / "checkpoints", shapes, None)
        for name in ("killed", "uninterrupted")
    )
    assert int(killed.step) == long_experiment.steps
    assert_same(killed, uninterrupted)


def test_training_improves_the_metric(experiment, tmp_path):
    experiment = dataclasses.replace(
        experiment, steps=60, evaluate_every=20, save_every=60
    )
    fit(experiment, tmp_path)
    errors = [x["test/error"] for x in lines(tmp_path) if "test/error" in x]
    assert len(errors) == 3
    assert errors[-1] < 0.5 * errors[0]


def test_run_resumes_with_more_steps_but_not_with_another_config(experiment, tmp_path):
    fit(experiment, tmp_path)
    longer = dataclasses.replace(experiment, steps=15, mesh=(1, 2))
    assert int(fit(longer, tmp_path).step) == 15
    other = dataclasses.replace(longer, seed=1)
    with pytest.raises(InputError, match="seed was 0 and is now 1"):
        fit(other, tmp_path)
    assert json.loads((tmp_path / "experiment.json").read_text())["config"]["seed"] == 0


def test_checkpoint_of_the_earlier_format_is_continued(experiment, tmp_path):
    short = dataclasses.replace(experiment, steps=4, evals={})
    fit(short, tmp_path / "old")
    (notes,) = (tmp_path / "old/checkpoints/4/notes").glob("metadata*")
    content = json.loads(notes.read_text())
    assert content.pop("next_batch") == 4
    notes.write_text(json.dumps(content))
    longer = dataclasses.replace(short, steps=6)
    continued = fit(longer, tmp_path / "old")
    assert_same(continued, fit(longer, tmp_path / "new"))


def test_run_is_not_shortened(experiment, tmp_path):
    fit(dataclasses.replace(experiment, steps=3), tmp_path / "run")
    stored = (tmp_path / "run/experiment.json").read_text()
    with pytest.raises(InputError, match="already has 3 steps, more than steps=2"):
        fit(dataclasses.replace(experiment, steps=2), tmp_path / "run")
    assert (tmp_path / "run/experiment.json").read_text() == stored


def test_last_weights_are_released_without_select_by(experiment, tmp_path):
    state = fit(experiment, tmp_path)
    released = weights.load(tmp_path / "weights")
    assert released.system == "toy"
    assert released.config == {"batch": 8, "seed": 0}
    assert "Seed 0, 12 steps" in released.card
    assert set(released.params) == {"generator"}
    assert_same(released.params["generator"], jax.device_get(state.params["generator"]))
    assert_same(released.stats["generator"], jax.device_get(state.stats["generator"]))


def test_best_weights_are_released_with_select_by(experiment, tmp_path):
    selected = dataclasses.replace(
        experiment, select_by=("test/error", "max"), evaluate_every=2, steps=10
    )
    fit(selected, tmp_path)
    errors = {x["step"]: x["test/error"] for x in lines(tmp_path) if "test/error" in x}
    best = max(errors, key=errors.get)
    assert best != 10  # the error decreases, and the experiment selects the largest
    card = weights.load(tmp_path / "weights").card
    assert f"{best} steps" in card
    assert f"test/error: {errors[best]:.5g}" in card
    assert str(best) in {file.name for file in (tmp_path / "checkpoints").iterdir()}


def test_part_starts_from_weights(experiment, tmp_path):
    fit(experiment, tmp_path / "first")
    expected = weights.load(tmp_path / "first/weights").params["generator"]
    source = str(tmp_path / "first/weights")
    frozen = {
        name: dataclasses.replace(optimizer, learning_rate=0.0)
        for name, optimizer in experiment.optim.items()
    }
    second = dataclasses.replace(
        experiment, init_from={"generator": source}, optim=frozen, steps=1
    )
    assert_same(
        jax.device_get(fit(second, tmp_path / "second").params["generator"]), expected
    )
    misfit = dataclasses.replace(
        second, task=dataclasses.replace(second.task, width=256)
    )
    with pytest.raises(InputError, match="do not fit 'generator'"):
        fit(misfit, tmp_path / "third")
    with pytest.raises(
        InputError, match="the parts are discriminator, expert, generator"
    ):
        fit(
            dataclasses.replace(second, init_from={"generatr": source}),
            tmp_path / "fourth",
        )


def test_path_in_a_part_starts_from_weights(experiment, tmp_path):
    fit(experiment, tmp_path / "first")
    source = str(tmp_path / "first/weights")
    expected = weights.load(source).params["generator"]
    other = dataclasses.replace(experiment, seed=1)
    program = build(
        other,
        sharding.make_mesh(other.mesh),
        next(other.train.train_batches()),
    )
    fresh = jax.device_get(program.init().params["generator"])
    initialised = jax.device_get(
        init_from_weights(program, {"generator/into": source}).params["generator"]
    )
    assert_same(initialised["into"], expected["into"])
    assert_same(initialised["out"], fresh["out"])
    for name, message in (
        ("generator/inn", "'generator' holds bias, into, out"),
        ("generator/into/kernel", "'generator/into' holds nothing further"),
    ):
        with pytest.raises(InputError, match=message):
            init_from_weights(program, {name: source})


def test_diverging_run_stops_and_keeps_a_finite_checkpoint(experiment, tmp_path):
    # The first rates are so small that a step is finite.
    diverging = Adam(learning_rate=1e30, warmup=10_000)
    rates = {**experiment.optim, "generator": diverging}
    breaking = dataclasses.replace(experiment, optim=rates, save_every=1)
    with pytest.raises(InputError, match=r"is (nan|inf) at step \d+"):
        fit(breaking, tmp_path)
    checkpoint = read(tmp_path / "checkpoints", shapes_of(breaking), None)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(checkpoint.params))


def test_folder_that_cannot_be_made_is_an_input_error(experiment, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write into"):
        fit(experiment, tmp_path / "file" / "run")


def test_faces_of_another_size_are_refused(experiment):
    task = LipLandmarksTask(LipLandmarksConfig(size=96))
    loader = Loader("corpora/small")
    batch = {"faces": np.zeros((2, 5, 32, 32, 3)), "weight": np.ones(2)}
    with pytest.raises(InputError, match="corpora/small: the faces are 32 .*--size 96"):
        validate_batch(task, loader, batch)
    validate_batch(experiment.task, loader, batch)  # a task without a size takes any
    validate_batch(task, loader, {"faces": np.zeros((2, 5, 96, 96, 3))})


def test_indivisible_batch_is_refused_before_anything_is_written(experiment, tmp_path):
    uneven = dataclasses.replace(experiment, accumulate=3)
    with pytest.raises(InputError, match="multiple of 6"):
        fit(uneven, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()
