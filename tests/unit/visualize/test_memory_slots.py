"""The faces that single memory slots generate."""

import jax
import numpy as np
import pytest

from avjax.errors import InputError
from avjax.models.synctalkface import SyncTalkFaceConfig, init_variables
from avjax.visualize.memory_slots import generate_slots

RNG = np.random.default_rng(0)
CROP = RNG.integers(0, 256, (64, 64, 3), np.uint8)
MEL = RNG.normal(size=(16, 80)).astype(np.float32)


def test_equal_slots_generate_equal_faces():
    config = SyncTalkFaceConfig(size=64, width=0.125, num_slots=5)
    variables = jax.jit(lambda: init_variables(config, jax.random.key(0)))()
    memory = variables["generator"]["params"]["memory"]
    memory["values"] = memory["values"].at[3].set(memory["values"][1])
    faces = generate_slots(config, variables, CROP, MEL)
    assert faces.shape == (5, 64, 64, 3) and faces.dtype == np.uint8
    assert (faces[3] == faces[1]).all()
    assert (faces[0] != faces[1]).any()


def test_network_without_a_memory_is_refused():
    config = SyncTalkFaceConfig(size=64, width=0.125, num_slots=0)
    with pytest.raises(InputError, match="have no memory"):
        generate_slots(config, {}, CROP, MEL)
