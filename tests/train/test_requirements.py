"""Fields of an experiment that name a corpus can be set at once."""

from avjax.train.experiments import EXPERIMENTS
from avjax.train.experiments.requirements import expand_root


def test_root_is_that_of_training_and_of_all_evaluations():
    experiment = EXPERIMENTS["lipwarp_editor_clips"]()
    assert expand_root(["steps=3", "root=a=b"], experiment, "train", "evals") == [
        "steps=3",
        "train.root=a=b",
        "evals.val.root=a=b",
    ]
    assert expand_root(["root=c"], experiment, "evals") == ["evals.val.root=c"]
