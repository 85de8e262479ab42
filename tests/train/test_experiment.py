import dataclasses

import pytest

from avjax.config import override, to_json
from avjax.errors import InputError
from avjax.train.experiment import check, check_same_run
from avjax.train.optimizers import Adam


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"optim": {"maker": Adam()}}, "the objectives are"),
        ({"best": ("tset/error", "min")}, "there is test"),
        ({"save_every": 0}, "save_every must be at least 1"),
    ],
)
def test_pieces_that_do_not_belong_together_are_refused(experiment, changes, sentence):
    check(experiment)
    with pytest.raises(InputError, match=sentence):
        check(dataclasses.replace(experiment, **changes))


def test_an_experiment_can_be_changed_by_words(experiment):
    words = ["optim.maker.rate=3e-4", "task.width=16", "train.batch=4", "mesh=1,2"]
    words += ["evals.test.batch=2", "best=('test/error','min')", "start={'maker':'w'}"]
    changed = override(experiment, words)
    assert changed.optim["maker"].rate == 3e-4
    assert (changed.task.width, changed.train.batch) == (16, 4)
    assert changed.evals["test"].batch == 2
    assert changed.mesh == (1, 2)
    assert changed.best == ("test/error", "min")
    assert changed.start == {"maker": "w"}


def test_a_run_may_go_on_longer_and_elsewhere_but_not_otherwise(experiment):
    stored = to_json(experiment)
    check_same_run(override(experiment, ["steps=99", "mesh=1,1", "keep=5"]), stored)
    with pytest.raises(InputError) as caught:
        changed = override(experiment, ["optim.maker.rate=0.5", "train.seed=3"])
        check_same_run(changed, stored)
    assert "optim.maker.rate was 0.01 and is now 0.5" in str(caught.value)
    assert "train.seed was 0 and is now 3" in str(caught.value)
