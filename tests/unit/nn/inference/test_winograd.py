"""Winograd's convolution equals a plain one."""

import jax
import numpy as np
import pytest

from avjax.nn.conv import conv
from avjax.nn.inference.winograd import transform_kernel, winograd_conv


@pytest.mark.parametrize("shape", [(1, 4, 4, 2), (2, 8, 12, 5)])
def test_it_equals_a_plain_convolution(shape):
    x = jax.random.normal(jax.random.key(0), shape)
    kernel = jax.random.normal(jax.random.key(1), (3, 3, shape[-1], 3))
    expected = conv(x, kernel, padding=((1, 1), (1, 1)))
    outputs = jax.jit(winograd_conv)(x, transform_kernel(kernel))
    np.testing.assert_allclose(
        outputs, expected, atol=1e-5 * float(abs(expected).max())
    )
