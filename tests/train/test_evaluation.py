import dataclasses

import numpy as np
import pytest

from avjax.errors import InputError
from avjax.metrics.base import Mean
from avjax.train.compiled import build
from avjax.train.evaluation import evaluate, visualize
from avjax.train.experiments import EXPERIMENTS
from avjax.train.parallel import sharding
from avjax.train.run_evaluation import on_split


@pytest.fixture
def program(experiment):
    example = next(experiment.train.eval_batches())
    return build(experiment, sharding.make_mesh((2, 1)), example)


def test_metric_is_the_mean_over_examples_without_padding(experiment, program):
    state = program.init()
    metrics = evaluate(program, state, experiment.evals["test"].eval_batches())
    errors = []
    for batch in experiment.train.eval_batches():
        output = np.asarray(experiment.task.generate(state.params, batch["x"]))
        errors += [*((output - batch["y"]) ** 2).mean(-1)[batch["weight"] > 0]]
    assert len(errors) == 60  # and 64 with the padding of the last batch
    assert metrics == {
        "error": pytest.approx(np.mean(errors, dtype=np.float64), rel=1e-6)
    }


def test_metric_without_weight_is_nan(experiment, program):
    batch = dict(next(experiment.train.eval_batches()))
    batch["weight"] = np.zeros_like(batch["weight"])
    assert np.isnan(evaluate(program, program.init(), [batch])["error"])


def test_images_are_those_of_the_task(experiment, program):
    images = visualize(program, program.init(), next(experiment.train.eval_batches()))
    assert images["output"].shape == (4, 16, 16, 3)
    assert images["output"].dtype == np.uint8


def test_predictions_are_scored_on_the_host(experiment):
    class ScoredTask(type(experiment.task)):
        """Counts, in numpy, how often the output is positive."""

        def predict(self, params, stats, batch):
            output = self.generate(params, batch["x"])
            return {"output": output, "weight": batch["weight"]}

        def score(self, answers):
            assert {type(answer) for answer in answers.values()} == {np.ndarray}
            positive = np.mean(answers["output"] > 0, axis=-1)
            weight = answers["weight"]
            return {"positive": Mean(np.sum(positive * weight), np.sum(weight))}

    experiment = dataclasses.replace(experiment, task=ScoredTask())
    examples = list(experiment.train.eval_batches())
    program = build(experiment, sharding.make_mesh((2, 1)), examples[0])
    state = program.init()
    metrics = evaluate(program, state, examples)
    assert set(metrics) == {"error", "positive"}
    positive = []
    for batch in examples:
        output = np.asarray(experiment.task.generate(state.params, batch["x"]))
        positive += [*(output > 0).mean(-1)[batch["weight"] > 0]]
    assert len(positive) == 60 and 0 < np.mean(positive) < 1
    assert metrics["positive"] == pytest.approx(np.mean(positive), rel=1e-6)


@pytest.mark.parametrize(
    ("before", "split", "after"),
    [
        ("val", "test", "test"),
        ("val[:40]", "test", "test[:40]"),
        ("val[:40]", "test[40:]", "test[40:]"),
    ],
)
def test_another_split_of_the_same_corpus_is_evaluated(before, split, after):
    experiment = EXPERIMENTS["bridging_puppet"]()
    loader = dataclasses.replace(experiment.evals["val"], split=before)
    experiment = dataclasses.replace(experiment, evals={"val": loader})
    (name, changed), *others = on_split(experiment, split).evals.items()
    assert (name, changed.split, others) == ("test", after, [])
    assert changed.root == loader.root


def test_loader_without_splits_has_no_other_split(experiment):
    with pytest.raises(InputError, match="evals.test reads no split of a corpus"):
        on_split(experiment, "val")
