"""The denoiser and its mask network, apart from the published numbers."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import random_init

from avjax.models.denoiser import DenoiserConfig, MaskNet, RestorationNet
from avjax.nn.warp import double, halve

SMALL = DenoiserConfig(base_channels=4, channel_step=2, mask_channels=4)


@pytest.fixture
def image():
    return np.random.default_rng(0).uniform(size=(2, 8, 12, 3)).astype(np.float32)


@pytest.mark.parametrize(("resize", "factor"), [(halve, 0.5), (double, 2)])
def test_resizing_is_bilinear(image, resize, factor):
    b, h, w, c = image.shape
    shape = b, int(h * factor), int(w * factor), c
    expected = jax.image.resize(image, shape, "bilinear", antialias=False)
    np.testing.assert_allclose(resize(jnp.asarray(image)), expected, atol=1e-6)


def test_zero_residual_leaves_the_image_unchanged(image):
    """denoiser (1)"""
    network = RestorationNet(SMALL)
    params = random_init(lambda: network.init(jax.random.key(0), image))["params"]
    params["primary"]["last"]["kernel"] *= 0
    outputs = network.apply({"params": params}, image)
    np.testing.assert_array_equal(outputs.clean, image)
    assert not outputs.residual.any()


@pytest.fixture
def with_level():
    """A network with the level of the noise as an input, and its parameters."""
    network = RestorationNet(dataclasses.replace(SMALL, auxiliary="level"))
    noisy = jnp.zeros((1, 8, 8, 3))
    return network, random_init(lambda: network.init(jax.random.key(0), noisy))


def test_level_of_each_image_is_an_input(with_level):
    network, variables = with_level
    noisy = np.random.default_rng(0).uniform(size=(2, 16, 8, 3)).astype(np.float32)
    levels = jnp.array([[1.0, 0.5], [2.5, 2.0]])
    together = network.apply(variables, noisy, levels).clean
    for image, own, expected in zip(noisy, levels, together, strict=True):
        params = variables["params"] | {"levels": own}
        alone = network.apply({"params": params}, image[None]).clean[0]
        np.testing.assert_allclose(alone, expected, atol=1e-5)
    other = network.apply(variables, noisy, levels[::-1]).clean
    assert np.abs(other - together).max(axis=(1, 2, 3)).min() > 1e-3


def test_hardly_anything_is_removed_at_a_level_of_nearly_zero(with_level):
    network, variables = with_level
    noisy = np.random.default_rng(0).uniform(size=(1, 16, 8, 3)).astype(np.float32)
    residuals = [
        network.apply(variables, noisy, jnp.log(jnp.array([[level, level]]))).residual
        for level in (25.0, 0.025)
    ]
    assert np.abs(residuals[1]).max() < 0.01 * np.abs(residuals[0]).max()


def test_network_with_the_level_as_an_input_takes_multiples_of_eight(with_level):
    network, variables = with_level
    with pytest.raises(AssertionError):
        network.apply(variables, np.zeros((1, 12, 8, 3), np.float32))


def test_mask_is_between_zero_and_one(image):
    """denoiser (3)"""
    network = MaskNet(SMALL)
    params = random_init(lambda: network.init(jax.random.key(0), image))
    mask = network.apply(params, 20 * image)
    assert mask.shape == (2, 8, 12, 1) and 0 <= mask.min() < 0.4 < 0.6 < mask.max() <= 1


@pytest.mark.parametrize("shape", [(1, 8, 10, 3), (1, 6, 8, 3), (1, 8, 8, 1)])
def test_image_whose_sides_are_not_multiples_of_four_is_rejected(shape):
    network = RestorationNet(SMALL)
    with pytest.raises(AssertionError):
        jax.eval_shape(network.init, jax.random.key(0), jnp.zeros(shape))
