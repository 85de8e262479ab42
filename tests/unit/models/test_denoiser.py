"""The restoration net and its mask, apart from the published numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import drawn

from avjax.models.denoiser import (
    DenoiserConfig,
    MaskNet,
    RestorationNet,
    doubled,
    halved,
)

SMALL = DenoiserConfig(base=4, more=2, mask_base=4)


@pytest.fixture
def picture():
    return np.random.default_rng(0).uniform(size=(2, 8, 12, 3)).astype(np.float32)


@pytest.mark.parametrize(("resize", "times"), [(halved, 0.5), (doubled, 2)])
def test_sizes_change_as_bilinear_ones_do(picture, resize, times):
    b, h, w, c = picture.shape
    shape = b, int(h * times), int(w * times), c
    expected = jax.image.resize(picture, shape, "bilinear", antialias=False)
    np.testing.assert_allclose(resize(jnp.asarray(picture)), expected, atol=1e-6)


def test_a_head_that_says_nothing_leaves_the_picture_as_it_is(picture):
    """denoiser (1)"""
    network = RestorationNet(SMALL)
    params = drawn(lambda: network.init(jax.random.key(0), picture))["params"]
    params["primary"]["last"]["kernel"] *= 0
    restored = network.apply({"params": params}, picture)
    np.testing.assert_array_equal(restored.clean, picture)
    assert not restored.residual.any()


def test_a_mask_is_between_nothing_and_everything(picture):
    """denoiser (3)"""
    network = MaskNet(SMALL)
    params = drawn(lambda: network.init(jax.random.key(0), picture))
    mask = network.apply(params, 20 * picture)
    assert mask.shape == (2, 8, 12, 1) and 0 <= mask.min() < 0.4 < 0.6 < mask.max() <= 1


@pytest.mark.parametrize("shape", [(1, 8, 10, 3), (1, 6, 8, 3), (1, 8, 8, 1)])
def test_a_picture_that_cannot_be_halved_twice_is_refused(shape):
    network = RestorationNet(SMALL)
    with pytest.raises(AssertionError):
        jax.eval_shape(network.init, jax.random.key(0), jnp.zeros(shape))
