"""Winograd's convolution equals a plain one."""

import jax
import numpy as np
import pytest

from avjax.nn.conv import conv
from avjax.nn.inference.temporal_winograd import conv3d_by_winograd
from avjax.nn.inference.winograd import (
    strided_winograd_conv,
    transform_kernel,
    transform_strided_kernel,
    winograd_conv,
)
from avjax.nn.temporal_conv import conv3d


@pytest.mark.parametrize("shape", [(1, 4, 4, 2), (2, 8, 12, 5), (1, 7, 13, 2)])
def test_it_equals_a_plain_convolution(shape):
    x = jax.random.normal(jax.random.key(0), shape)
    kernel = jax.random.normal(jax.random.key(1), (3, 3, shape[-1], 3))
    expected = conv(x, kernel, padding=((1, 1), (1, 1)))
    outputs = jax.jit(winograd_conv)(x, transform_kernel(kernel))
    assert_close(outputs, expected)


@pytest.mark.parametrize(("size", "padding"), [(10, 1), (9, 0), (8, 2)])
def test_a_strided_one_equals_a_plain_convolution(size, padding):
    x = jax.random.normal(jax.random.key(0), (2, size, size + 1, 3))
    kernel = jax.random.normal(jax.random.key(1), (5, 5, 3, 4))
    pads = (padding, padding), (padding, padding)
    expected = conv(x, kernel, strides=(2, 2), padding=pads)
    transformed = transform_strided_kernel(kernel)
    assert_close(strided_winograd_conv(x, transformed, padding), expected)


@pytest.mark.parametrize("frames", [5, 8, 14])
def test_one_over_time_equals_a_plain_convolution(frames):
    x = jax.random.normal(jax.random.key(0), (2, frames, 6, 5, 3))
    kernel = jax.random.normal(jax.random.key(1), (5, 3, 3, 3, 4))
    sizes = {"strides": (1, 2, 2), "padding": (0, 1, 1)}
    expected = conv3d(x, kernel, **sizes)
    assert_close(
        jax.jit(conv3d_by_winograd, static_argnames=sizes)(x, kernel, **sizes), expected
    )


def assert_close(outputs, expected):
    assert outputs.shape == expected.shape
    scale = float(abs(expected).max())
    np.testing.assert_allclose(outputs, expected, atol=1e-5 * scale)
