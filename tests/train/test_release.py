"""The model card of released weights."""

import types

from avjax.data.loader import Loader
from avjax.model_cards import read_card
from avjax.train.release import model_card


def make_run(select_by):
    train = Loader("corpora/grid")
    return types.SimpleNamespace(
        train=train, description="A face.", seed=3, select_by=select_by
    )


def test_model_card_omits_metrics_that_are_not_finite():
    run = make_run(select_by=None)
    card = model_card(run, 20, {"test/lmd": 0.25, "test/lmd_open": float("nan")}, 0.5)
    lines = ["A face.", "Data: root corpora/grid, split train."]
    assert card.splitlines() == [
        *lines,
        "Seed 3, 20 steps, 0.50 hours.",
        "test/lmd: 0.25",
        "Trained on: grid.",
    ]


def test_score_is_the_metric_that_selects_the_weights():
    card = model_card(make_run(("test/lmd", "min")), 20, {"test/lmd": 0.25}, 0.5)
    facts = read_card(card)
    assert (facts.score, facts.trained_on) == ("test/lmd 0.25", "grid")
    unknown = {"test/lmd": float("nan")}
    assert not read_card(model_card(make_run(("test/lmd", "min")), 9, unknown, 1)).score
