import dataclasses

import numpy as np
import pytest

from avjax.metrics.base import Mean
from avjax.train import loading, sharding
from avjax.train.compiled import build
from avjax.train.evaluate import evaluate, pictures


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


def test_what_no_device_computes_is_scored_on_the_host(experiment):
    class Judged(type(experiment.task)):
        """Counts, in numpy, how often what was made is above zero."""

        def answer(self, params, stats, batch):
            made = self.make(params, batch["x"])
            return {"made": made, "weight": batch["weight"]}

        def score(self, answers):
            assert {type(answer) for answer in answers.values()} == {np.ndarray}
            positive = np.mean(answers["made"] > 0, axis=-1)
            weight = answers["weight"]
            return {"positive": Mean(np.sum(positive * weight), np.sum(weight))}

    experiment = dataclasses.replace(experiment, task=Judged())
    examples = list(loading.one_pass(experiment.train))
    program = build(experiment, sharding.make_mesh((2, 1)), examples[0])
    state = program.init()
    found = evaluate(program, state, examples)
    assert set(found) == {"error", "positive"}
    positive = []
    for batch in examples:
        made = np.asarray(experiment.task.make(state.params, batch["x"]))
        positive += [*(made > 0).mean(-1)[batch["weight"] > 0]]
    assert len(positive) == 60 and 0 < np.mean(positive) < 1
    assert found["positive"] == pytest.approx(np.mean(positive), rel=1e-6)
