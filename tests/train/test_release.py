"""What is told about weights that are given away."""

import types

from avjax.data.loader import Loader
from avjax.train.release import card


def test_a_card_is_silent_on_what_the_data_does_not_tell():
    run = types.SimpleNamespace(train=Loader("corpora/grid"), doc="A face.", seed=3)
    told = card(run, 20, {"test/lmd": 0.25, "test/lmd_open": float("nan")}, 0.5)
    lines = ["A face.", "Data: root corpora/grid, split train."]
    assert told.splitlines() == [
        *lines,
        "Seed 3, 20 steps, 0.50 hours.",
        "test/lmd: 0.25",
    ]
