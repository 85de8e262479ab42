import numpy as np
import pytest

from avjax.train import loading, sharding
from avjax.train.evaluate import evaluate, pictures
from avjax.train.program import build


@pytest.fixture
def program(experiment):
    example = next(loading.one_pass(experiment.train))
    return build(experiment, sharding.make_mesh((2, 1)), example)


def test_a_metric_is_the_mean_over_examples_and_padding_counts_for_nothing(
    experiment, program
):
    state = program.init()
    found = evaluate(program, state, loading.one_pass(experiment.evals["test"]))
    errors = []
    for batch in loading.one_pass(experiment.train):
        made = np.asarray(experiment.task.make(state.params, batch["x"]))
        errors += [*((made - batch["y"]) ** 2).mean(-1)[batch["weight"] > 0]]
    assert len(errors) == 60  # and 64 with the padding of the last batch
    assert found == {
        "error": pytest.approx(np.mean(errors, dtype=np.float64), rel=1e-6)
    }


def test_a_metric_of_nothing_is_not_a_number(experiment, program):
    batch = dict(next(loading.one_pass(experiment.train)))
    batch["weight"] = np.zeros_like(batch["weight"])
    assert np.isnan(evaluate(program, program.init(), [batch])["error"])


def test_pictures_are_those_of_the_task(experiment, program):
    drawn = pictures(program, program.init(), next(loading.one_pass(experiment.train)))
    assert drawn["made"].shape == (4, 16, 16, 3)
    assert drawn["made"].dtype == np.uint8
