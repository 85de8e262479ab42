import jax
import numpy as np
import pytest

from avjax.errors import InputError
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.pipelines import audio_talkers as talkers
from avjax.visualize.memory_slots import draw_slots

RNG = np.random.default_rng(0)
CROP = RNG.integers(0, 256, (64, 64, 3), np.uint8)
MEL = RNG.normal(size=(16, 80)).astype(np.float32)


def blank_model(slots: int) -> talkers.Talker:
    config = SyncTalkFaceConfig(size=64, width=0.125, slots=slots)
    variables = jax.jit(lambda: talkers.blank(config))() if slots else {}
    return talkers.Talker(config, variables)


def test_every_slot_is_drawn_and_equal_values_draw_the_same():
    model = blank_model(5)
    memory = model.variables["params"]["memory"]
    memory["values"] = memory["values"].at[3].set(memory["values"][1])
    drawn = draw_slots(model, CROP, MEL)
    assert drawn.shape == (5, 64, 64, 3) and drawn.dtype == np.uint8
    assert (drawn[3] == drawn[1]).all()
    assert (drawn[0] != drawn[1]).any()


def test_without_a_memory_there_is_nothing_to_draw():
    with pytest.raises(InputError, match="have no memory"):
        draw_slots(blank_model(0), CROP, MEL)
