"""Blocks of the published layer tables."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.nn.layers import (
    GROWN,
    Conv,
    ConvBlock,
    DeconvBlock,
    NoNormBlock,
    Norm,
    PlainConv,
    PRelu,
    correction,
)

KEY = jax.random.key(0)


def picture(*shape):
    return 3 + 2 * jax.random.normal(KEY, shape)


def grown(mean, var, seen=GROWN):
    """A Norm that saw so many batches of these statistics, with learnt parameters."""
    params = {"scale": jnp.linspace(0.5, 2, 8), "bias": jnp.linspace(-1, 1, 8)}
    stats = {"mean": jnp.full(8, mean), "var": jnp.full(8, var)}
    return {"params": params, "batch_stats": stats | {"seen": jnp.asarray(float(seen))}}


def test_normalisation_is_that_of_linen_at_first_and_after_training():
    x = picture(4, 3, 5, 8)
    theirs = nn.BatchNorm(momentum=0.0, epsilon=1e-5)  # the first batch is all there is
    variables = Norm().init(KEY, x, True)
    y, changed = Norm().apply(variables, x, True, mutable=["batch_stats"])
    expected, updated = theirs.apply(
        variables, x, use_running_average=False, mutable=["batch_stats"]
    )
    np.testing.assert_allclose(y, expected, atol=1e-5)
    for name in ("mean", "var"):
        value = updated["batch_stats"][name]
        np.testing.assert_allclose(changed["batch_stats"][name], value, rtol=1e-5)
    y = Norm().apply(variables | changed, x, False)
    after = theirs.apply(variables | updated, x, use_running_average=True)
    np.testing.assert_allclose(y, after, atol=1e-5)


def test_running_statistics_are_the_mean_of_few_batches_and_follow_many():
    variables, means = Norm().init(KEY, picture(4, 8), True), []
    for count in range(5):
        x = picture(4, 8) + count
        _, changed = Norm().apply(variables, x, True, mutable=["batch_stats"])
        variables |= changed
        means.append(x.mean(0))
    stats = variables["batch_stats"]
    np.testing.assert_allclose(stats["mean"], np.mean(means, axis=0), rtol=1e-5)
    assert stats["seen"] == 5
    old = grown(mean=2.0, var=4.0)
    _, changed = Norm().apply(old, picture(4, 8), True, mutable=["batch_stats"])
    expected = 0.99 * 2.0 + 0.01 * picture(4, 8).mean(0)
    np.testing.assert_allclose(changed["batch_stats"]["mean"], expected, rtol=1e-5)
    assert changed["batch_stats"]["seen"] == GROWN


def test_a_grown_norm_does_in_training_what_it_does_later():
    x, variables = picture(4, 3, 5, 8), grown(mean=2.0, var=6.0)
    y, _ = Norm().apply(variables, x, True, mutable=["batch_stats"])
    np.testing.assert_allclose(y, Norm().apply(variables, x, False), atol=1e-5)


def test_the_gradient_of_a_grown_norm_is_that_of_batch_normalisation_in_its_scale():
    x, weight = picture(16, 8), jax.random.normal(jax.random.key(1), (16, 8))

    def total(x, variables):
        y, _ = Norm().apply(variables, x, True, mutable=["batch_stats"])
        return jnp.sum(y * weight)

    young = jax.grad(total)(x, grown(mean=2.0, var=6.0, seen=0))
    old = jax.grad(total)(x, grown(mean=2.0, var=6.0))
    scale = jnp.sqrt((x.var(0) + 1e-5) / (6.0 + 1e-5))
    np.testing.assert_allclose(old, young * scale[None], rtol=1e-4, atol=1e-6)


def test_a_batch_unlike_all_before_is_corrected_within_limits():
    own = jnp.asarray([100.0]), jnp.asarray([50.0])
    known = jnp.asarray([0.0]), jnp.asarray([1.0])
    assert [float(each[0]) for each in correction(own, known, 0)] == [1, 0]
    wider, higher = correction(own, known, GROWN)
    assert float(wider[0]) == pytest.approx(3) and float(higher[0]) == 5


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


def test_what_is_below_zero_is_scaled_by_a_factor_that_each_channel_learns():
    x = jax.random.normal(KEY, (2, 3, 4))
    variables = PRelu().init(KEY, x)
    assert (variables["params"]["slope"] == 0.25).all()
    slopes = np.array([-1.0, 0, 0.5, 2])
    y = PRelu().apply({"params": {"slope": jnp.asarray(slopes)}}, x)
    for place in np.ndindex(2, 3, 4):
        factor = 1 if x[place] >= 0 else slopes[place[-1]]
        np.testing.assert_allclose(y[place], factor * x[place], rtol=1e-6)
    half = PRelu().apply(variables, x.astype(jnp.bfloat16))
    assert half.dtype == jnp.bfloat16


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (1, 2)])
def test_a_plain_convolution_has_no_bias_and_keeps_the_middle(kernel, stride):
    """A kernel that is one at its middle alone picks every stride-th pixel."""
    x, conv = picture(1, 6, 6, 2), PlainConv(2, kernel, stride)
    variables = conv.init(KEY, x)
    assert set(variables["params"]) == {"kernel"}
    middle = np.zeros((kernel, kernel, 2, 2), np.float32)
    middle[kernel // 2, kernel // 2] = np.eye(2)
    y = conv.apply({"params": {"kernel": jnp.asarray(middle)}}, x)
    np.testing.assert_allclose(y, x[:, ::stride, ::stride], rtol=1e-6)
