import dataclasses

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from avjax.data.train_batches import TrainBatches
from avjax.errors import InputError
from avjax.train.compiled import build
from avjax.train.optimizers import Adam, Muon
from avjax.train.parallel import sharding


def test_mesh_takes_the_remaining_devices():
    assert sharding.make_mesh((-1, 1)).shape == {"data": 2, "fsdp": 1}
    assert sharding.make_mesh((1, -1)).shape == {"data": 1, "fsdp": 2}
    assert sharding.make_mesh((1, 1)).size == 1


@pytest.mark.parametrize("shape", [(2, 2), (0, 1), (-1, 3), (-1, 0), (-1, -1), (-2, 1)])
def test_mesh_that_does_not_fit_is_refused(shape):
    with pytest.raises(InputError, match="does not fit 2 devices"):
        sharding.make_mesh(shape)


def test_output_channels_of_a_large_array_are_divided():
    mesh = sharding.make_mesh((1, 2))
    cases = {
        (3, 3, 512, 256): PartitionSpec(None, None, None, "fsdp"),
        (512, 128): PartitionSpec(None, "fsdp"),
        (129, 64): PartitionSpec(None, "fsdp"),
        (5, 5, 512, 3): PartitionSpec(None, None, "fsdp"),
        (8, 16): PartitionSpec(),
        (4095,): PartitionSpec(),
        (71, 73): PartitionSpec(),
        (): PartitionSpec(),
    }
    for shape, spec in cases.items():
        assert sharding.array_sharding(mesh, shape).spec == spec, shape


def test_without_fsdp_arrays_are_replicated():
    mesh = sharding.make_mesh((2, 1))
    assert sharding.array_sharding(mesh, (512, 512)).is_fully_replicated


def test_batch_is_divided_over_all_devices_without_texts():
    x = np.arange(12.0, dtype=np.float32).reshape(4, 3)
    batch = {"x": x, "text": np.array(["a", "b", "c", "d"])}
    sharded = sharding.to_global(sharding.make_mesh((1, 2)), batch)
    assert list(sharded) == ["x"]
    np.testing.assert_array_equal(sharded["x"], x)
    assert [shard.data.shape for shard in sharded["x"].addressable_shards] == [
        (2, 3)
    ] * 2


def test_indivisible_batch_is_refused():
    mesh = sharding.make_mesh((2, 1))
    sharding.check_batch(mesh, {"x": np.zeros(8)}, 4)
    with pytest.raises(InputError, match="multiple of 8"):
        sharding.check_batch(mesh, {"x": np.zeros(6)}, 4)


MUON = {"generator": Muon(1e-3), "discriminator": Adam(1e-3)}


@pytest.mark.parametrize(
    ("shape", "changes"),
    [((2, 1), {}), ((1, 2), {}), ((1, 2), {"optim": MUON, "accumulate": 2})],
)
def test_sharded_run_matches_one_device(experiment, shape, changes):
    experiment = dataclasses.replace(experiment, **changes)

    def run(shape):
        mesh = sharding.make_mesh(shape)
        data = TrainBatches(experiment.train)
        program = build(experiment, mesh, data.peek())
        state = program.init()
        for _ in range(5):
            batch = sharding.to_global(mesh, next(data))
            state, logs = program.step(state, batch, program.key)
            jax.block_until_ready(state)
        return program, state, logs

    _, single, single_logs = run((1, 1))
    program, sharded, logs = run(shape)
    into = sharded.params["generator"]["into"].sharding.spec
    assert into == (PartitionSpec(None, "fsdp") if shape[1] == 2 else PartitionSpec())
    states = jax.tree.leaves(program.shapes.opt["generator"])
    assert {x.sharding.spec for x in states if x.shape == (8, 512)} == {into}
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5),
        (single.params, single.stats, single_logs),
        (sharded.params, sharded.stats, logs),
    )


def test_step_of_one_device_has_no_constraints(experiment):
    def lower(shape):
        example = TrainBatches(experiment.train).peek()
        program = build(experiment, sharding.make_mesh(shape), example)
        return program.step.lower(program.shapes, example, program.key).as_text()

    assert "sharding_constraint" in lower((1, 2))
    assert "sharding_constraint" not in lower((1, 1))
