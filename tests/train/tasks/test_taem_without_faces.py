"""TAEM for a talker that edits frames, trained on speech without faces."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax.errors import InputError
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.taem import TaemConfig
from avjax.train.tasks.taem import TaemTask

FRAMES, NUM_PHONEMES = 8, 7
TALKER = LipWarpConfig(size=32, code_dim=4, audio_dim=8, layers=1, heads=2)
TINY = TaemConfig(
    TALKER,
    NUM_PHONEMES,
    dim=8,
    encoder_layers=1,
    refiner_layers=1,
    context_phonemes=2,
    context_frames=2,
    speaker_inputs=(),
)
TASK = TaemTask(TINY, l2=True, aux=None)
EDGES = [[0, 0.06, 0.12, 0.2, 0.32], [-0.2, 0.1, 0.24, 0.24, 0.24]]
MELS = np.random.default_rng(0).normal(size=(2, FRAMES, 16, 80))
BATCH = {
    "phoneme_ids": jnp.array([[1, 3, 2, 4], [5, 2, 0, 0]]),
    "phoneme_edges": jnp.array(EDGES),
    "mels": jnp.asarray(MELS, jnp.float32),
    "frame_mask": jnp.ones((2, FRAMES)),
    "loss_mask": jnp.ones((2, FRAMES)),
    "weight": jnp.ones(2),
}


@pytest.fixture(scope="module")
def state():
    return untrained(jax.eval_shape(TASK.init, jax.random.key(0), BATCH))


def test_parts_are_the_text_encoder_and_the_talker(state):
    parts = {"text_encoder", "mouth_encoder", "editor", "audio_to_code"}
    assert set(state[0]) == parts == set(TASK.export(*state).params)


def test_latents_are_measured_without_faces(state):
    metrics = jax.jit(TASK.evaluate)(*state, BATCH)
    rows = {f"{x}{name}" for x in ("", "phoneme_mean_") for name in ("cosine", "r2")}
    lengths = {"duration_ms", "length_error"}
    lengths |= {f"phoneme_mean_{name}" for name in lengths}
    assert set(metrics) == rows | lengths
    assert TASK.visualize(*state, BATCH) == {}


def test_loss_needs_no_portrait(state):
    TASK.validate(BATCH)
    loss, aux = jax.jit(TASK.loss)(*state, BATCH, jax.random.key(1))
    assert np.isfinite(loss) and set(aux.logs) == {"latents", "durations"}


def test_model_with_speaker_inputs_needs_portraits():
    model = dataclasses.replace(TINY, speaker_inputs=("encoder",))
    with pytest.raises(InputError, match="the clips have no faces"):
        TaemTask(model, aux=None).validate(BATCH)
