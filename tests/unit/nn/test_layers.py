"""Convolutional blocks, PReLU and batch renormalisation."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.nn.batch_renorm import RENORM_FULL, BatchRenorm, renorm_correction
from avjax.nn.layers import (
    Conv,
    ConvBlock,
    ConvLeakyReLU,
    ConvNoBias,
    ConvSpec,
    DeconvBlock,
    PReLU,
)

KEY = jax.random.key(0)


def image(*shape):
    return 3 + 2 * jax.random.normal(KEY, shape)


def trained_variables(mean, var, count=RENORM_FULL):
    """Variables of a BatchRenorm after some batches of these statistics."""
    params = {"scale": jnp.linspace(0.5, 2, 8), "bias": jnp.linspace(-1, 1, 8)}
    stats = {"mean": jnp.full(8, mean), "var": jnp.full(8, var)}
    return {
        "params": params,
        "batch_stats": stats | {"count": jnp.asarray(float(count))},
    }


def test_batch_renorm_starts_as_batch_norm():
    x = image(4, 3, 5, 8)
    batch_norm = nn.BatchNorm(momentum=0.0, epsilon=1e-5)  # equals the first batch
    variables = BatchRenorm().init(KEY, x, True)
    y, changed = BatchRenorm().apply(variables, x, True, mutable=["batch_stats"])
    expected, updated = batch_norm.apply(
        variables, x, use_running_average=False, mutable=["batch_stats"]
    )
    np.testing.assert_allclose(y, expected, atol=1e-5)
    for name in ("mean", "var"):
        value = updated["batch_stats"][name]
        np.testing.assert_allclose(changed["batch_stats"][name], value, rtol=1e-5)
    y = BatchRenorm().apply(variables | changed, x, False)
    after = batch_norm.apply(variables | updated, x, use_running_average=True)
    np.testing.assert_allclose(y, after, atol=1e-5)


def test_running_statistics_are_a_mean_and_then_a_moving_average():
    variables, means = BatchRenorm().init(KEY, image(4, 8), True), []
    for count in range(5):
        x = image(4, 8) + count
        _, changed = BatchRenorm().apply(variables, x, True, mutable=["batch_stats"])
        variables |= changed
        means.append(x.mean(0))
    stats = variables["batch_stats"]
    np.testing.assert_allclose(stats["mean"], np.mean(means, axis=0), rtol=1e-5)
    assert stats["count"] == 5
    full = trained_variables(mean=2.0, var=4.0)
    _, changed = BatchRenorm().apply(full, image(4, 8), True, mutable=["batch_stats"])
    expected = 0.99 * 2.0 + 0.01 * image(4, 8).mean(0)
    np.testing.assert_allclose(changed["batch_stats"]["mean"], expected, rtol=1e-5)
    assert changed["batch_stats"]["count"] == RENORM_FULL


def test_full_correction_trains_with_running_statistics():
    x, variables = image(4, 3, 5, 8), trained_variables(mean=2.0, var=6.0)
    y, _ = BatchRenorm().apply(variables, x, True, mutable=["batch_stats"])
    np.testing.assert_allclose(y, BatchRenorm().apply(variables, x, False), atol=1e-5)


def test_full_correction_has_the_scaled_gradient_of_batch_norm():
    x, weight = image(16, 8), jax.random.normal(jax.random.key(1), (16, 8))

    def total(x, variables):
        y, _ = BatchRenorm().apply(variables, x, True, mutable=["batch_stats"])
        return jnp.sum(y * weight)

    initial = jax.grad(total)(x, trained_variables(mean=2.0, var=6.0, count=0))
    full = jax.grad(total)(x, trained_variables(mean=2.0, var=6.0))
    scale = jnp.sqrt((x.var(0) + 1e-5) / (6.0 + 1e-5))
    np.testing.assert_allclose(full, initial * scale[None], rtol=1e-4, atol=1e-6)


def test_correction_is_limited():
    batch = jnp.asarray([100.0]), jnp.asarray([50.0])
    running = jnp.asarray([0.0]), jnp.asarray([1.0])
    assert [float(x[0]) for x in renorm_correction(batch, running, 0)] == [1, 0]
    r, d = renorm_correction(batch, running, RENORM_FULL)
    assert float(r[0]) == pytest.approx(3) and float(d[0]) == 5


def test_init_does_not_change_running_statistics():
    stats = BatchRenorm().init(KEY, image(4, 8), True)["batch_stats"]
    assert not stats["mean"].any() and (stats["var"] == 1).all()


def test_bias_before_batch_norm_has_no_gradient_in_training():
    x = image(2, 4, 4, 3)
    block = ConvBlock(ConvSpec(8, 3, 1, 1))
    variables = block.init(KEY, x, True)

    def total(params, train):
        variables_now = {**variables, "params": params}
        y, _ = block.apply(variables_now, x, train, mutable=["batch_stats"])
        return jnp.sum(jnp.sin(y))

    conv = jax.grad(total)(variables["params"], True)["conv"]
    assert not conv["bias"].any() and conv["kernel"].any()
    assert jax.grad(total)(variables["params"], False)["conv"]["bias"].any()


def test_residual_is_added_before_relu():
    x = jax.random.normal(KEY, (2, 4, 4, 8))
    block = ConvBlock(ConvSpec(8, 3, 1, 1, residual=True))
    variables = block.init(KEY, x, False)
    zeros = jax.tree.map(jnp.zeros_like, variables["params"])
    y = block.apply({**variables, "params": zeros}, x, False)
    np.testing.assert_allclose(y, nn.relu(x), atol=1e-6)


def test_blocks_have_the_published_sizes():
    x = image(1, 6, 6, 8)
    upsample = DeconvBlock(ConvSpec(8, 3, 2, 1), output_padding=1)
    assert upsample.apply(upsample.init(KEY, x, False), x, False).shape == (
        1,
        12,
        12,
        8,
    )
    strided = ConvLeakyReLU(ConvSpec(8, 5, (1, 2), 1))
    y = strided.apply(strided.init(KEY, x), x)
    assert y.shape == (1, 4, 2, 8) and y.min() < 0


def test_bfloat16_is_used_for_products_only():
    x = image(4, 6, 6, 8)
    block = ConvBlock(ConvSpec(8, 3, 1, 1), dtype="bfloat16")
    variables = block.init(KEY, x, True)
    y, changed = block.apply(variables, x, True, mutable=["batch_stats"])
    assert y.dtype == jnp.bfloat16
    dtypes = {leaf.dtype for leaf in jax.tree.leaves((variables, changed))}
    assert dtypes == {jnp.dtype("float32")}


def test_kernels_are_initialised_within_fan_in_bound():
    conv = Conv(64, 3)
    kernel = conv.init(KEY, image(1, 4, 4, 16))["params"]["kernel"]
    bound = 1 / np.sqrt(3 * 3 * 16)
    assert 0.95 * bound < np.abs(kernel).max() <= bound


def test_prelu_scales_negative_values_per_channel():
    x = jax.random.normal(KEY, (2, 3, 4))
    variables = PReLU().init(KEY, x)
    assert (variables["params"]["slope"] == 0.25).all()
    slopes = np.array([-1.0, 0, 0.5, 2])
    y = PReLU().apply({"params": {"slope": jnp.asarray(slopes)}}, x)
    for index in np.ndindex(2, 3, 4):
        factor = 1 if x[index] >= 0 else slopes[index[-1]]
        np.testing.assert_allclose(y[index], factor * x[index], rtol=1e-6)
    half = PReLU().apply(variables, x.astype(jnp.bfloat16))
    assert half.dtype == jnp.bfloat16


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (1, 2)])
def test_conv_no_bias_is_centred(kernel, stride):
    """A kernel that is one only in its centre picks every stride-th pixel."""
    x, conv = image(1, 6, 6, 2), ConvNoBias(2, kernel, stride)
    variables = conv.init(KEY, x)
    assert set(variables["params"]) == {"kernel"}
    centre = np.zeros((kernel, kernel, 2, 2), np.float32)
    centre[kernel // 2, kernel // 2] = np.eye(2)
    y = conv.apply({"params": {"kernel": jnp.asarray(centre)}}, x)
    np.testing.assert_allclose(y, x[:, ::stride, ::stride], rtol=1e-6)
