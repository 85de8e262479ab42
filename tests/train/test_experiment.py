import dataclasses

import pytest

from avjax.config import override, to_json
from avjax.data.loader import Loader
from avjax.errors import InputError
from avjax.train.experiment import check, check_same_run
from avjax.train.optimizers import Adam


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optim": {"generator": Adam()}}, "the objectives are"),
        ({"select_by": ("tset/error", "min")}, "the evals are: test"),
        ({"save_every": 0}, "save_every must be at least 1"),
    ],
)
def test_inconsistent_fields_are_refused(experiment, changes, message):
    check(experiment)
    with pytest.raises(InputError, match=message):
        check(dataclasses.replace(experiment, **changes))


def test_experiment_can_be_overridden(experiment):
    assignments = [
        "optim.generator.learning_rate=3e-4",
        "task.width=16",
        "train.batch=4",
        "mesh=1,2",
    ]
    assignments += [
        "evals.test.batch=2",
        "select_by=('test/error','min')",
        "init_from={'generator':'w'}",
    ]
    changed = override(experiment, assignments)
    assert changed.optim["generator"].learning_rate == 3e-4
    assert (changed.task.width, changed.train.batch) == (16, 4)
    assert changed.evals["test"].batch == 2
    assert changed.mesh == (1, 2)
    assert changed.select_by == ("test/error", "min")
    assert changed.init_from == {"generator": "w"}


def test_resumed_run_may_change_only_mutable_fields(experiment):
    stored = to_json(experiment)
    check_same_run(
        override(experiment, ["steps=99", "mesh=1,1", "keep_checkpoints=5"]), stored
    )
    corpus = dataclasses.replace(experiment, train=Loader("corpora/a"))
    moved = override(corpus, ["train.root=/data/a", "train.num_workers=4"])
    check_same_run(moved, to_json(corpus))
    with pytest.raises(InputError, match="train.batch_size was 8 and is now 4"):
        check_same_run(override(corpus, ["train.batch_size=4"]), to_json(corpus))
    with pytest.raises(InputError) as error:
        changed = override(
            experiment, ["optim.generator.learning_rate=0.5", "train.seed=3"]
        )
        check_same_run(changed, stored)
    assert "optim.generator.learning_rate was 0.01 and is now 0.5" in str(error.value)
    assert "train.seed was 0 and is now 3" in str(error.value)


def test_run_of_an_older_version_is_refused(experiment):
    stored = to_json(experiment)
    stored["start"] = stored.pop("init_from")
    with pytest.raises(InputError, match="older version of avjax"):
        check_same_run(experiment, stored)


def test_method_with_other_arguments_is_refused_before_training(experiment):
    class Misfit(type(experiment.task)):
        def score(self, predictions, batch):
            return {}

    misfit = dataclasses.replace(experiment, task=Misfit())
    with pytest.raises(
        InputError, match=r"Misfit.score must take the .*\(predictions\)"
    ):
        check(misfit)
