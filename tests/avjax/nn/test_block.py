"""Blocks of the published layer tables."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from avjax.nn.block import Conv, ConvBlock, DeconvBlock, NoNormBlock, Norm

KEY = jax.random.key(0)


def picture(*shape):
    return 3 + 2 * jax.random.normal(KEY, shape)


def test_normalisation_is_that_of_linen_in_training_and_after():
    x = picture(4, 3, 5, 8)
    theirs = nn.BatchNorm(momentum=0.99, epsilon=1e-5)
    variables = Norm().init(KEY, x, True)
    y, changed = Norm().apply(variables, x, True, mutable=["batch_stats"])
    expected, updated = theirs.apply(
        variables, x, use_running_average=False, mutable=["batch_stats"]
    )
    np.testing.assert_allclose(y, expected, atol=1e-5)
    for name, value in updated["batch_stats"].items():
        np.testing.assert_allclose(changed["batch_stats"][name], value, rtol=1e-5)
    y = Norm().apply(variables | changed, x, False)
    after = theirs.apply(variables | updated, x, use_running_average=True)
    np.testing.assert_allclose(y, after, atol=1e-5)


def test_init_leaves_the_running_statistics_alone():
    stats = Norm().init(KEY, picture(4, 8), True)["batch_stats"]
    assert not stats["mean"].any() and (stats["var"] == 1).all()


def test_a_bias_before_a_batch_s_own_mean_learns_nothing_and_later_does():
    x = picture(2, 4, 4, 3)
    block = ConvBlock(8, 3, 1, 1)
    variables = block.init(KEY, x, True)

    def total(params, train):
        variables_now = {**variables, "params": params}
        y, _ = block.apply(variables_now, x, train, mutable=["batch_stats"])
        return jnp.sum(jnp.sin(y))

    conv = jax.grad(total)(variables["params"], True)["conv"]
    assert not conv["bias"].any() and conv["kernel"].any()
    assert jax.grad(total)(variables["params"], False)["conv"]["bias"].any()


def test_a_residual_is_added_before_the_rectifier():
    x = jax.random.normal(KEY, (2, 4, 4, 8))
    block = ConvBlock(8, 3, 1, 1, residual=True)
    variables = block.init(KEY, x, False)
    silent = jax.tree.map(jnp.zeros_like, variables["params"])
    y = block.apply({**variables, "params": silent}, x, False)
    np.testing.assert_allclose(y, nn.relu(x), atol=1e-6)


def test_blocks_have_the_published_sizes():
    x = picture(1, 6, 6, 8)
    up = DeconvBlock(8, 3, 2, 1, 1)
    assert up.apply(up.init(KEY, x, False), x, False).shape == (1, 12, 12, 8)
    wide = NoNormBlock(8, 5, (1, 2), 1)
    y = wide.apply(wide.init(KEY, x), x)
    assert y.shape == (1, 4, 2, 8) and y.min() < 0


def test_half_precision_is_for_products_alone():
    x = picture(4, 6, 6, 8)
    block = ConvBlock(8, 3, 1, 1, dtype="bfloat16")
    variables = block.init(KEY, x, True)
    y, changed = block.apply(variables, x, True, mutable=["batch_stats"])
    assert y.dtype == jnp.bfloat16
    kinds = {leaf.dtype for leaf in jax.tree.leaves((variables, changed))}
    assert kinds == {jnp.dtype("float32")}


def test_kernels_are_drawn_within_one_over_the_root_of_the_fan_in():
    conv = Conv(64, 3)
    kernel = conv.init(KEY, picture(1, 4, 4, 16))["params"]["kernel"]
    bound = 1 / np.sqrt(3 * 3 * 16)
    assert 0.95 * bound < np.abs(kernel).max() <= bound
