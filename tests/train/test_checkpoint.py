import jax
import numpy as np
import pytest

from avjax.train import loading, sharding
from avjax.train.checkpoint import Checkpoints, Notes, read
from avjax.train.compiled import build

PROGRAMS = {}  # compiled once for all tests


def start(experiment, shape=(1, 1)):
    data = loading.batches(experiment.train)
    if shape not in PROGRAMS:
        mesh = sharding.make_mesh(shape)
        PROGRAMS[shape] = build(experiment, mesh, loading.peek(data))
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


def test_what_was_saved_comes_back_though_training_went_on(experiment, tmp_path):
    program, state, data = start(experiment)
    state = steps(program, state, data, 3)
    kept = jax.device_get(jax.tree.map(lambda x: x + 0, state))
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(state, data, Notes({"a": [1]}, 0.5))
        straight = steps(program, state, data, 4)  # overwrites the arrays of `state`
    program, _, data = start(experiment)
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        assert checkpoints.latest() == 3
        assert checkpoints.notes(3) == Notes({"a": [1]}, 0.5)
        state = checkpoints.restore(3, program.shapes, data)
    assert_same(state, kept)
    assert_same(steps(program, state, data, 4), straight)


@pytest.mark.parametrize("shapes", [((1, 1), (1, 2)), ((1, 2), (1, 1))])
def test_a_checkpoint_restores_on_other_devices(experiment, tmp_path, shapes):
    program, state, data = start(experiment, shapes[0])
    state = steps(program, state, data, 2)
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(state, data, Notes({}, None))
    other, _, data = start(experiment, shapes[1])
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        restored = checkpoints.restore(2, other.shapes, data)
    assert_same(restored, state)
    wanted = jax.tree.map(lambda x: x.sharding, other.shapes)
    assert jax.tree.map(lambda x: x.sharding, restored) == wanted
    steps(other, restored, data, 1)


def test_the_latest_and_the_best_are_kept(experiment, tmp_path):
    program, state, data = start(experiment)
    with Checkpoints(tmp_path, keep=2, mode="min") as checkpoints:
        for metric in (3.0, 1.0, None, 2.0, 4.0):
            state = steps(program, state, data, 1)
            checkpoints.save(state, data, Notes({}, None), metric)
            if metric == 1.0:
                best = jax.device_get(jax.tree.map(lambda x: x + 0, state))
    assert {file.name for file in tmp_path.iterdir() if file.name.isdigit()} == set(
        "245"
    )
    assert_same(read(tmp_path, program.shapes, "min"), best)
    assert int(read(tmp_path, program.shapes, None).step) == 5


def test_what_a_kill_left_is_ignored_and_cleared_away(experiment, tmp_path):
    program, state, data = start(experiment)
    half = tmp_path / "9.orbax-checkpoint-tmp"
    half.mkdir(parents=True)
    assert read(tmp_path, program.shapes, None) is None
    assert half.exists()  # reading changes nothing
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        assert checkpoints.latest() is None
        checkpoints.save(state, data, Notes({}, None))
    assert not half.exists()
