"""Fields of an experiment that name a corpus can be set at once."""

import pathlib

import pytest

from avjax.errors import InputError
from avjax.train.experiments import EXPERIMENTS
from avjax.train.experiments.requirements import check_run, expand_root


def test_root_is_that_of_training_and_of_all_evaluations():
    experiment = EXPERIMENTS["lipwarp_editor_clips"]()
    assert expand_root(["steps=3", "root=a=b"], experiment, "train", "evals") == [
        "steps=3",
        "train.root=a=b",
        "evals.val.root=a=b",
    ]
    assert expand_root(["root=c"], experiment, "evals") == ["evals.val.root=c"]


def test_root_is_refused_where_no_corpus_is_read():
    experiment = EXPERIMENTS["lipwarp_articulation"]()
    with pytest.raises(InputError, match="root=c: the experiment reads no corpus"):
        expand_root(["root=c"], experiment, "train", "evals")


@pytest.mark.parametrize(
    ("weights", "remedy"),
    [
        ("runs/wav2lip_grid/weights", "first: avjax train wav2lip_grid, or name"),
        ("runs/lip_memory_grid/96-0", r"lip_memory.start grid runs/wav2lip_grid/weig"),
        ("runs/mine/weights", "train mine to its end first, or name"),
    ],
)
def test_missing_weights_name_the_command_that_makes_them(
    weights, remedy, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=remedy):
        check_run(pathlib.Path(weights), "init_from.generator")
