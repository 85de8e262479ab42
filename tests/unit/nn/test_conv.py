"""Rewritten convolutions equal the plain ones, with all derivatives."""

import dataclasses
import importlib.util
import itertools
import pathlib

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.compilation import cpu_options
from avjax.models.synctalkface import WAV2LIP
from avjax.nn import conv as rewritten
from avjax.nn.temporal_conv import conv3d

BENCH = pathlib.Path(__file__).parents[2] / "benchmarks" / "conv.py"

AXES_3D = ("NDHWC", "DHWIO", "NDHWC")


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def plain(x, kernel, strides, padding, dilation=(1, 1)):
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        dilation,
        dimension_numbers=rewritten.DIMENSION_NUMBERS,
    )


def assert_close(a, b, rtol=1e-5):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, atol=rtol * max(1.0, np.abs(b).max()), rtol=0)


def assert_equal_with_derivatives(f, g, x, kernel):
    """Compare values, gradients and second derivatives."""

    def gradients(function):
        def loss(x, kernel):
            return jnp.sum(jnp.sin(function(x, kernel)))

        def second_loss(x, kernel):
            first = jax.grad(loss, (0, 1))(x, kernel)
            return sum(jnp.sum(jnp.cos(grad)) for grad in first)

        return jax.grad(loss, (0, 1)), jax.grad(second_loss, (0, 1))

    assert_close(f(x, kernel), g(x, kernel))
    for actual_fn, expected_fn in zip(gradients(f), gradients(g), strict=True):
        jax.tree.map(
            assert_close, jax.jit(actual_fn)(x, kernel), jax.jit(expected_fn)(x, kernel)
        )


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(3, 2, (1, 2)), (4, 2, (2, 2)), (5, 3, (0, 4)), (2, 3, (1, 1)), (3, 1, (2, 2))],
)
def test_transposed_conv_equals_dilated_conv(kernel, stride, padding):
    x, taps = normal(0, 2, 4, 5, 3), 0.2 * normal(1, kernel, kernel, 3, 2)
    padding_pairs = (padding, padding[::-1])

    def actual_fn(x, taps):
        return rewritten.transposed_conv(x, taps, stride=stride, padding=padding_pairs)

    def expected_fn(x, taps):
        return plain(x, taps, (1, 1), padding_pairs, (stride, stride))

    assert_equal_with_derivatives(actual_fn, expected_fn, x, taps)


def test_small_transposed_convs_equal_dilated_conv():
    """Compare values of the CPU code on every platform, including crops."""
    cases = itertools.product((1, 2, 3, 4), (2, 3), (-1, 1), (0, 2), (1, 3))
    for kernel, stride, low, high, size in cases:
        if (size - 1) * stride + 1 + low + high < kernel:
            continue
        x, taps = (
            normal(kernel, 1, size, size + 1, 2),
            normal(size, kernel, kernel, 2, 1),
        )
        padding_pairs = ((low, high), (high, low))
        expected = reference_transposed_conv(x, taps, stride, padding_pairs)
        assert_close(
            rewritten._transposed_by_phase(x, taps, stride, padding_pairs), expected
        )


def reference_transposed_conv(x, taps, stride, padding_pairs):
    """Dilate, pad or crop, then sum over taps."""
    b, h, w, c = x.shape
    wide = np.zeros((b, (h - 1) * stride + 1, (w - 1) * stride + 1, c))
    wide[:, ::stride, ::stride] = x
    pads = [(max(0, low), max(0, high)) for low, high in padding_pairs]
    wide = np.pad(wide, ((0, 0), *pads, (0, 0)))
    (top, bottom), (left, right) = [(max(0, -a), max(0, -b)) for a, b in padding_pairs]
    wide = wide[:, top : wide.shape[1] - bottom, left : wide.shape[2] - right]
    rows, columns = (wide.shape[i + 1] - taps.shape[i] + 1 for i in range(2))
    out = np.zeros((b, rows, columns, taps.shape[3]))
    for i, j in itertools.product(range(taps.shape[0]), range(taps.shape[1])):
        out += wide[:, i : i + rows, j : j + columns] @ np.asarray(taps[i, j])
    return out


def test_transposed_conv_of_one_pixel_gives_the_kernel():
    x, taps = normal(0, 2, 1, 1, 3), normal(1, 4, 4, 3, 2)
    upsampled = rewritten.transposed_conv(x, taps, padding=((3, 3), (3, 3)))
    assert_close(upsampled, plain(x, taps, (1, 1), ((3, 3), (3, 3))))


@pytest.mark.parametrize(
    ("size", "kernel", "strides", "padding"),
    [
        ((8, 9), (5, 5), (1, 2), ((1, 1), (1, 1))),
        ((8, 9), (5, 5), (2, 2), ((2, 2), (2, 2))),
        ((9, 10), (7, 7), (2, 2), ((3, 3), (3, 3))),
        ((9, 8), (3, 3), (3, 1), ((1, 1), (1, 1))),
        ((7, 7), (3, 3), (2, 2), ((1, 1), (1, 1))),
        ((4, 3), (4, 3), (1, 1), ((0, 0), (0, 0))),
    ],
)
def test_conv_equals_plain_conv(size, kernel, strides, padding):
    x, taps = normal(0, 2, *size, 3), 0.1 * normal(1, *kernel, 3, 2)

    def actual_fn(x, taps):
        return rewritten.conv(x, taps, strides=strides, padding=padding)

    def expected_fn(x, taps):
        return plain(x, taps, strides, padding)

    assert_equal_with_derivatives(actual_fn, expected_fn, x, taps)


@pytest.mark.parametrize("sizes", [(1, 1), (2, 2), (1, 4), (2, 1)])
def test_small_maps_use_a_dense_product(sizes):
    x, taps = normal(0, 3, *sizes, 4), normal(1, 3, 5, 4, 2)
    padding_pairs = ((1, 2), (2, 3))

    def actual_fn(x, taps):
        return rewritten.conv(x, taps, padding=padding_pairs)

    assert "conv_general" in str(jax.make_jaxpr(actual_fn)(x, taps)), (
        "plain on other platforms"
    )
    assert_equal_with_derivatives(
        lambda x, taps: rewritten._dense_conv(x, taps, (1, 1), padding_pairs),
        lambda x, taps: plain(x, taps, (1, 1), padding_pairs),
        x,
        taps,
    )


@pytest.mark.parametrize("sizes", [(8, 6), (7, 9), (1, 2)])
def test_max_pool_equals_flax(sizes):
    x = normal(0, 2, *sizes, 3)
    edges = ((1, 1), (1, 1))
    expected_fn = lambda x: flax.linen.max_pool(x, (3, 3), (2, 2), edges)  # noqa: E731
    np.testing.assert_array_equal(rewritten.max_pool(x), expected_fn(x))
    gradients = [
        jax.grad(lambda x, f=f: jnp.sum(jnp.sin(f(x))))(x)
        for f in (rewritten.max_pool, expected_fn)
    ]
    assert_close(*gradients)


def test_negative_padding_crops():
    """The compiler must not see it: it would read outside of the array."""
    x, taps = normal(0, 2, 6, 6, 3), normal(1, 3, 3, 3, 2)
    cropped = jax.jit(lambda x: rewritten.conv(x, taps, padding=((-1, 1), (0, 0))))(x)
    assert_close(cropped, reference_transposed_conv(x, taps, 1, ((-1, 1), (0, 0))))


@pytest.mark.parametrize(
    ("strides", "padding"), [((1, 2, 2), (2, 3, 3)), ((2, 1, 1), (0, 1, 1))]
)
def test_conv3d_equals_plain_conv(strides, padding):
    x, taps = normal(0, 1, 6, 8, 8, 2), 0.05 * normal(1, 3, 7, 7, 2, 3)

    def expected_fn(x, taps):
        padding_pairs = [(side, side) for side in padding]
        return jax.lax.conv_general_dilated(
            x, taps, strides, padding_pairs, dimension_numbers=AXES_3D
        )

    def actual_fn(x, taps):
        return conv3d(x, taps, strides=strides, padding=padding)

    assert_equal_with_derivatives(actual_fn, expected_fn, x, taps)


def test_cpu_options_are_valid_compiler_options():
    double = jax.jit(lambda x: 2 * x, compiler_options=cpu_options())
    assert double(3.0) == 6.0


def test_generator_has_value_and_gradient_of_plain_convs():
    spec = importlib.util.spec_from_file_location("bench_conv", BENCH)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    config = dataclasses.replace(WAV2LIP, width=0.0625, dtype="float64")
    with jax.enable_x64(True):
        value_error, gradient_error = bench.differences(config, batch=2)
    assert value_error < 1e-12 and gradient_error < 1e-9


def test_large_convolutions_in_training_equal_plain_ones():
    x, kernel = normal(0, 8, 22, 28, 64), normal(1, 3, 3, 64, 80) / 24
    pads = (1, 1), (1, 1)

    def derivatives(function):
        def loss(x, kernel):
            return jnp.sum(jnp.sin(function(x, kernel)))

        return jax.jit(jax.value_and_grad(loss, (0, 1)))(x, kernel)[1]

    def trained(x, kernel):
        return rewritten.conv(x, kernel, padding=pads, train=True)

    def expected(x, kernel):
        return plain(x, kernel, (1, 1), pads)

    assert_close(trained(x, kernel), expected(x, kernel), rtol=5e-5)
    assert (trained(x, kernel) != rewritten.conv(x, kernel, padding=pads)).any()
    for ours, theirs in zip(derivatives(trained), derivatives(expected), strict=True):
        assert_close(ours, theirs, rtol=5e-5)
