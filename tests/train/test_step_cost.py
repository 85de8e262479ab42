"""What a training step of a talking face sends and holds on eight devices."""

import os
import pathlib
import pickle
import subprocess
import sys

import pytest
import sharded_steps

DATA_PARALLEL, FSDP = sharded_steps.MESHES


@pytest.fixture(scope="module")
def costs():
    script = pathlib.Path(sharded_steps.__file__)
    flags = os.environ["XLA_FLAGS"].replace("device_count=2", "device_count=8")
    paths = os.pathsep.join(path for path in sys.path if path)
    result = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": paths},
        capture_output=True,
        check=True,
    )
    return pickle.loads(result.stdout)


@pytest.mark.parametrize("mesh", [DATA_PARALLEL, FSDP])
def test_no_array_of_a_device_holds_the_whole_batch(costs, mesh):
    assert len(costs[mesh].shapes) > 100
    assert not costs[mesh].undivided(sharded_steps.BATCH)


def test_data_parallel_step_sends_gradients_and_statistics_only(costs):
    cost = costs[DATA_PARALLEL]
    assert {x.kind for x in cost.collectives} == {"all-reduce"}
    assert 0 < cost.sent() < 1.1 * 2 * cost.trained_bytes


def test_fsdp_step_gathers_parameters_and_moves_no_activations(costs):
    cost = costs[FSDP]
    kinds = {x.kind for x in cost.collectives}
    assert kinds <= {"all-reduce", "all-gather", "reduce-scatter"}
    assert cost.sent("all-gather") < 1.5 * cost.param_bytes
    assert cost.sent() < 4 * cost.param_bytes


def test_fsdp_step_takes_less_memory_than_data_parallelism(costs):
    assert costs[FSDP].memory < costs[DATA_PARALLEL].memory
