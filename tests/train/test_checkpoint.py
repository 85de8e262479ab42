import jax
import numpy as np
import pytest

from avjax.data.train_batches import TrainBatches
from avjax.train.compiled import build
from avjax.train.parallel import sharding
from avjax.train.run.checkpoint import Checkpoints, Notes, read

PROGRAMS = {}  # compiled once for all tests


def start(experiment, shape=(1, 1)):
    data = TrainBatches(experiment.train)
    if shape not in PROGRAMS:
        mesh = sharding.make_mesh(shape)
        PROGRAMS[shape] = build(experiment, mesh, data.peek())
    program = PROGRAMS[shape]
    return program, program.init(), data


def steps(program, state, data, count):
    for _ in range(count):
        batch = sharding.to_global(program.mesh, next(data))
        state, _ = program.step(state, batch, program.key)
        jax.block_until_ready(state)
    return state


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_saved_state_is_restored_after_training_continued(experiment, tmp_path):
    program, state, data = start(experiment)
    state = steps(program, state, data, 3)
    saved = jax.device_get(jax.tree.map(lambda x: x + 0, state))
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(state, Notes({"a": [1]}, 0.5, 3))
        uninterrupted = steps(
            program, state, data, 4
        )  # overwrites the arrays of `state`
    program, _, data = start(experiment)
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        assert checkpoints.latest() == 3
        assert checkpoints.notes(3) == Notes({"a": [1]}, 0.5, 3)
        state = checkpoints.restore(3, program.shapes)
    data.seek(3)
    assert_same(state, saved)
    assert_same(steps(program, state, data, 4), uninterrupted)


@pytest.mark.parametrize("shapes", [((1, 1), (1, 2)), ((1, 2), (1, 1))])
def test_checkpoint_restores_on_other_devices(experiment, tmp_path, shapes):
    program, state, data = start(experiment, shapes[0])
    state = steps(program, state, data, 2)
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(state, Notes({}))
    target, _, data = start(experiment, shapes[1])
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        restored = checkpoints.restore(2, target.shapes)
    assert_same(restored, state)
    shardings = jax.tree.map(lambda x: x.sharding, target.shapes)
    assert jax.tree.map(lambda x: x.sharding, restored) == shardings
    steps(target, restored, data, 1)


def test_latest_and_best_checkpoints_are_kept(experiment, tmp_path):
    program, state, data = start(experiment)
    with Checkpoints(tmp_path, keep=2, mode="min") as checkpoints:
        for metric in (3.0, 1.0, None, 2.0, 4.0):
            state = steps(program, state, data, 1)
            checkpoints.save(state, Notes({}), metric)
            if metric == 1.0:
                best = jax.device_get(jax.tree.map(lambda x: x + 0, state))
    assert {file.name for file in tmp_path.iterdir() if file.name.isdigit()} == set(
        "245"
    )
    assert_same(read(tmp_path, program.shapes, "min"), best)
    assert int(read(tmp_path, program.shapes, None).step) == 5


def test_incomplete_checkpoint_is_ignored_and_removed(experiment, tmp_path):
    program, state, data = start(experiment)
    incomplete = tmp_path / "9.orbax-checkpoint-tmp"
    incomplete.mkdir(parents=True)
    assert read(tmp_path, program.shapes, None) is None
    assert incomplete.exists()  # reading changes nothing
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        assert checkpoints.latest() is None
        checkpoints.save(state, Notes({}))
    assert not incomplete.exists()


def test_checkpoint_between_two_evaluations_gives_no_warning(
    experiment, tmp_path, caplog
):
    _, state, data = start(experiment)
    with Checkpoints(tmp_path, keep=1, mode="min") as checkpoints:
        checkpoints.save(state, Notes({}))
    assert "tracked_metric" not in caplog.text
