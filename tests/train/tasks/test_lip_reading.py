"""The lip-reading loss."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax.faces.mouth_crop import center_crop_mouths
from avjax.models.bridging import Bridging, BridgingConfig
from avjax.nn.pixels import MOUTH_STD, normalize_mouth
from avjax.train.ablations.studies import mouth_reader
from avjax.train.tasks.parts import split_variables
from avjax.train.tasks.talking.lip_reading import (
    PART,
    LipReaderConfig,
    crop_mouths,
    init_lip_reader,
    reading_loss,
)

READER = LipReaderConfig(size=32, width=0.05)
SIDE = 48


@pytest.fixture(scope="module")
def loss():
    """The compiled loss of generated and real frames, and weights."""
    shapes = jax.eval_shape(lambda key: init_lip_reader(READER, key), jax.random.key(0))
    params, stats = split_variables({PART: untrained(shapes)})
    return jax.jit(lambda *frames: reading_loss(READER, params, stats, *frames))


@pytest.fixture(scope="module")
def real():
    """Smooth faces that change, f32 [2 9 h w c=3]."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (18, 6, 6, 3), np.uint8)
    faces = [cv2.resize(x, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for x in noise]
    return np.stack(faces).reshape(2, 9, SIDE, SIDE, 3).astype(np.float32) / 255


@pytest.mark.parametrize("size", [32, 64])
def test_mouths_are_those_that_lip_readers_see(real, size):
    faces = np.round(255 * real[0]).astype(np.uint8)
    expected = center_crop_mouths(mouth_reader.crop_mouths(faces), size)
    mouths = crop_mouths(jnp.asarray(real[:1]), size)[0]
    error = np.abs(mouths - normalize_mouth(expected)) * 255 * MOUTH_STD
    assert np.mean(error) < 2 and np.std(expected) > 20  # levels


def test_true_mouths_cost_nothing_and_others_more(loss, real):
    weight = np.ones(2, np.float32)
    assert loss(real[:, 2:7], real, weight) < 1e-9
    small, large = (
        loss(real[:, 2:7] + change * (real[:, :5] - real[:, 2:7]), real, weight)
        for change in (0.2, 1.0)
    )
    assert 0 < small < large
    assert 0.5 < large < 8  # variances: 2 for independent mouths


def test_examples_without_weight_do_not_count(loss, real):
    generated = real[:, 2:7].copy()
    generated[1] = real[1, :5]
    assert loss(generated, real, np.float32([1, 0])) < 1e-9


def test_only_the_generated_mouths_have_a_gradient(loss, real):
    generated, weight = real[:, :5], np.ones(2, np.float32)
    slopes, other = jax.grad(loss, argnums=(0, 1))(generated, real, weight)
    rows = np.any(np.abs(slopes) > 0, axis=(0, 1, 3, 4))
    assert rows[-2:].all() and not rows[: SIDE // 3].any()
    assert not np.any(other[:, 2:7])  # the targets


def test_weights_are_those_of_a_lip_reader():
    config = BridgingConfig("words", ("a", "b"), READER.size, READER.width)
    mouths = jnp.zeros((1, 5, READER.size, READER.size, 1))
    inputs = mouths, jnp.zeros((1, 20, 80)), jnp.ones((1, 5))
    bridging = jax.eval_shape(Bridging(config).init, jax.random.key(0), *inputs)
    reader = jax.eval_shape(lambda key: init_lip_reader(READER, key), jax.random.key(0))
    for kind in ("params", "batch_stats"):
        shapes = (
            jax.tree.map(jnp.shape, x[kind]["visual"]) for x in (bridging, reader)
        )
        assert next(shapes) == next(shapes), kind
