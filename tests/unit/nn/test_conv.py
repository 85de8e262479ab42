"""Rewritten convolutions equal the plain ones, and so do all their derivatives."""

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
from avjax.nn import conv as ours

BENCH = pathlib.Path(__file__).parents[2] / "benchmarks" / "conv.py"

AXES_3D = ("NDHWC", "DHWIO", "NDHWC")


def draw(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def plain(x, kernel, strides, padding, dilation=(1, 1)):
    return jax.lax.conv_general_dilated(
        x, kernel, strides, padding, dilation, dimension_numbers=ours.AXES_2D
    )


def close(a, b, share=1e-5):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, atol=share * max(1.0, np.abs(b).max()), rtol=0)


def agree_with_derivatives(f, g, x, kernel):
    """Values, gradients, and gradients of a function of the gradients."""

    def slopes(function):
        def loss(x, kernel):
            return jnp.sum(jnp.sin(function(x, kernel)))

        def bent(x, kernel):
            first = jax.grad(loss, (0, 1))(x, kernel)
            return sum(jnp.sum(jnp.cos(slope)) for slope in first)

        return jax.grad(loss, (0, 1)), jax.grad(bent, (0, 1))

    close(f(x, kernel), g(x, kernel))
    for mine, theirs in zip(slopes(f), slopes(g), strict=True):
        jax.tree.map(close, jax.jit(mine)(x, kernel), jax.jit(theirs)(x, kernel))


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(3, 2, (1, 2)), (4, 2, (2, 2)), (5, 3, (0, 4)), (2, 3, (1, 1)), (3, 1, (2, 2))],
)
def test_a_transposed_convolution_equals_the_dilated_one(kernel, stride, padding):
    x, taps = draw(0, 2, 4, 5, 3), 0.2 * draw(1, kernel, kernel, 3, 2)
    around = (padding, padding[::-1])

    def mine(x, taps):
        return ours.transposed_conv(x, taps, stride=stride, padding=around)

    def theirs(x, taps):
        return plain(x, taps, (1, 1), around, (stride, stride))

    agree_with_derivatives(mine, theirs, x, taps)


def test_every_small_transposed_convolution_equals_the_dilated_one():
    """Values only, through the phases, whatever the platform; crops included."""
    cases = itertools.product((1, 2, 3, 4), (2, 3), (-1, 1), (0, 2), (1, 3))
    for kernel, stride, low, high, size in cases:
        if (size - 1) * stride + 1 + low + high < kernel:
            continue
        x, taps = draw(kernel, 1, size, size + 1, 2), draw(size, kernel, kernel, 2, 1)
        around = ((low, high), (high, low))
        expected = by_hand(x, taps, stride, around)
        close(ours._by_phases(x, taps, stride, around), expected)


def by_hand(x, taps, stride, around):
    """Zeros between the pixels, zeros around or a crop, then a sum over taps."""
    b, h, w, c = x.shape
    wide = np.zeros((b, (h - 1) * stride + 1, (w - 1) * stride + 1, c))
    wide[:, ::stride, ::stride] = x
    pads = [(max(0, low), max(0, high)) for low, high in around]
    wide = np.pad(wide, ((0, 0), *pads, (0, 0)))
    (top, bottom), (left, right) = [(max(0, -a), max(0, -b)) for a, b in around]
    wide = wide[:, top : wide.shape[1] - bottom, left : wide.shape[2] - right]
    rows, columns = (wide.shape[i + 1] - taps.shape[i] + 1 for i in range(2))
    out = np.zeros((b, rows, columns, taps.shape[3]))
    for i, j in itertools.product(range(taps.shape[0]), range(taps.shape[1])):
        out += wide[:, i : i + rows, j : j + columns] @ np.asarray(taps[i, j])
    return out


def test_one_pixel_grows_into_the_kernel_itself():
    x, taps = draw(0, 2, 1, 1, 3), draw(1, 4, 4, 3, 2)
    grown = ours.transposed_conv(x, taps, padding=((3, 3), (3, 3)))
    close(grown, plain(x, taps, (1, 1), ((3, 3), (3, 3))))


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
def test_a_convolution_equals_the_plain_one(size, kernel, strides, padding):
    x, taps = draw(0, 2, *size, 3), 0.1 * draw(1, *kernel, 3, 2)

    def mine(x, taps):
        return ours.conv(x, taps, strides=strides, padding=padding)

    def theirs(x, taps):
        return plain(x, taps, strides, padding)

    agree_with_derivatives(mine, theirs, x, taps)


@pytest.mark.parametrize("sizes", [(1, 1), (2, 2), (1, 4), (2, 1)])
def test_a_map_of_few_pixels_is_convolved_pixel_by_pixel(sizes):
    x, taps = draw(0, 3, *sizes, 4), draw(1, 3, 5, 4, 2)
    around = ((1, 2), (2, 3))

    def mine(x, taps):
        return ours.conv(x, taps, padding=around)

    assert "conv_general" in str(jax.make_jaxpr(mine)(x, taps)), "off a CPU, plain"
    agree_with_derivatives(
        lambda x, taps: ours._by_pixels(x, taps, (1, 1), around),
        lambda x, taps: plain(x, taps, (1, 1), around),
        x,
        taps,
    )


@pytest.mark.parametrize("sizes", [(8, 6), (7, 9), (1, 2)])
def test_the_largest_of_nine_pixels_is_xla_s(sizes):
    x = draw(0, 2, *sizes, 3)
    edges = ((1, 1), (1, 1))
    theirs = lambda x: flax.linen.max_pool(x, (3, 3), (2, 2), edges)  # noqa: E731
    np.testing.assert_array_equal(ours.max_pool(x), theirs(x))
    slopes = [
        jax.grad(lambda x, f=f: jnp.sum(jnp.sin(f(x))))(x)
        for f in (ours.max_pool, theirs)
    ]
    close(*slopes)


def test_negative_padding_crops():
    """It must not reach the compiler, which would read outside of the array."""
    x, taps = draw(0, 2, 6, 6, 3), draw(1, 3, 3, 3, 2)
    cropped = jax.jit(lambda x: ours.conv(x, taps, padding=((-1, 1), (0, 0))))(x)
    close(cropped, by_hand(x, taps, 1, ((-1, 1), (0, 0))))


@pytest.mark.parametrize(
    ("strides", "padding"), [((1, 2, 2), (2, 3, 3)), ((2, 1, 1), (0, 1, 1))]
)
def test_a_convolution_over_time_equals_the_plain_one(strides, padding):
    x, taps = draw(0, 1, 6, 8, 8, 2), 0.05 * draw(1, 3, 7, 7, 2, 3)

    def theirs(x, taps):
        around = [(side, side) for side in padding]
        return jax.lax.conv_general_dilated(
            x, taps, strides, around, dimension_numbers=AXES_3D
        )

    def mine(x, taps):
        return ours.conv3d(x, taps, strides=strides, padding=padding)

    agree_with_derivatives(mine, theirs, x, taps)


def test_the_compiler_takes_our_options():
    double = jax.jit(lambda x: 2 * x, compiler_options=cpu_options())
    assert double(3.0) == 6.0


def test_a_whole_generator_has_the_value_and_gradient_of_plain_convolutions():
    spec = importlib.util.spec_from_file_location("bench_conv", BENCH)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    config = dataclasses.replace(WAV2LIP, width=0.0625, dtype="float64")
    with jax.enable_x64(True):
        of_value, of_gradient = bench.differences(config, batch=2)
    assert of_value < 1e-12 and of_gradient < 1e-9
