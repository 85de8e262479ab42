"""The model card of released weights."""

import types

from avjax.data.loader import Loader
from avjax.train.release import model_card


def test_model_card_omits_metrics_that_are_not_finite():
    run = types.SimpleNamespace(
        train=Loader("corpora/grid"), description="A face.", seed=3
    )
    card = model_card(run, 20, {"test/lmd": 0.25, "test/lmd_open": float("nan")}, 0.5)
    lines = ["A face.", "Data: root corpora/grid, split train."]
    assert card.splitlines() == [
        *lines,
        "Seed 3, 20 steps, 0.50 hours.",
        "test/lmd: 0.25",
    ]
