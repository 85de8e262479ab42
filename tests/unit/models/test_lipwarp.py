"""LipWarp: its parts, and its latent space as the pipelines use it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.faces.editing import MOUTH_SHAPE, edit_region
from avjax.models.lipwarp import AudioToCode, LipWarpConfig, init_variables
from avjax.models.talker import latent_space
from avjax.nn.lip_editor import compose_edit

CONFIG = LipWarpConfig(
    size=32, code_dim=4, context_frames=3, audio_dim=16, layers=1, heads=2, dropout=0.0
)
SPACE = latent_space(CONFIG)


@pytest.fixture(scope="module")
def variables():
    return jax.jit(lambda key: init_variables(CONFIG, key))(jax.random.key(0))


def mels(frames: int = 9) -> jax.Array:
    return jax.random.normal(jax.random.key(1), (2, frames, 16, 80))


def test_no_part_has_batch_statistics(variables):
    assert set(variables) == set(SPACE.parts)
    assert all(set(part) == {"params"} for part in variables.values())


def test_mouths_become_codes_within_bounds(variables):  # lipwarp (1)
    mouths = jax.random.uniform(jax.random.key(2), (3, *MOUTH_SHAPE, 1))
    codes = SPACE.encode_mouths(variables, mouths)
    assert codes.shape == (3, CONFIG.latent_dim)
    assert float(jnp.abs(codes).max()) <= 1


def test_an_edit_depends_on_the_code_only_near_the_mouth(variables):
    frames = jax.random.uniform(jax.random.key(3), (2, 32, 32, 3))
    references = jax.random.uniform(jax.random.key(4), (2, 32, 32, 3))
    region = jnp.asarray(edit_region(32))

    def edit(code: float) -> jax.Array:
        codes = jnp.full((2, 4), code)
        maps = SPACE.predict_edit(variables, frames, references, codes)  # lipwarp (2)
        return compose_edit(frames, references, maps, region)  # lipwarp (3)

    first, second = edit(1.0), edit(-1.0)
    outside = np.asarray(region) == 0
    np.testing.assert_array_equal(first[:, outside], frames[:, outside])  # lipwarp (4)
    assert float(jnp.abs(first - second).max()) > 0
    assert first.shape == frames.shape


def test_audio_becomes_codes_within_its_context(variables):  # lipwarp (5)
    frame_mask = jnp.ones((2, 9))
    codes = SPACE.encode_audio(variables, mels(), frame_mask)
    assert codes.shape == (2, 9, 4)
    changed = mels().at[:, 8].add(1.0)
    other = SPACE.encode_audio(variables, changed, frame_mask)
    np.testing.assert_allclose(other[:, :5], codes[:, :5], atol=1e-5)
    assert float(jnp.abs(other[:, 5] - codes[:, 5]).max()) > 1e-4


def test_the_lookahead_limits_future_audio(variables):
    frame_mask, lookahead = jnp.ones((2, 9)), jnp.array([1, 1])
    codes = SPACE.encode_audio(variables, mels(), frame_mask, lookahead)
    changed = mels().at[:, 8].add(1.0)
    other = SPACE.encode_audio(variables, changed, frame_mask, lookahead)
    np.testing.assert_allclose(other[:, :7], codes[:, :7], atol=1e-5)


def test_windows_can_be_encoded_one_by_one(variables):
    frame_mask, lookahead = jnp.ones((2, 9)), jnp.array([3, 3])
    features = SPACE.encode_windows(variables, mels())
    codes = SPACE.contextualize(variables, features, frame_mask, lookahead)
    expected = SPACE.encode_audio(variables, mels(), frame_mask)
    np.testing.assert_allclose(codes, expected, atol=1e-5)


def test_dropout_is_active_in_training_only():
    config = LipWarpConfig(audio_dim=16, layers=1, heads=2, dropout=0.5)
    network = AudioToCode(config)
    inputs = mels(), jnp.ones((2, 9)), jnp.full(2, 15)
    variables = network.init(jax.random.key(0), *inputs)
    rngs = {"dropout": jax.random.key(1)}
    trained = network.apply(variables, *inputs, True, rngs=rngs)
    tested = network.apply(variables, *inputs)
    assert float(jnp.abs(jnp.asarray(trained) - jnp.asarray(tested)).max()) > 1e-3
