"""Pixel values as networks take them."""

import jax.numpy as jnp
import numpy as np

from avjax.nn.pixels import normalize_mouth


def test_normalize_mouth_uses_the_statistics_of_lrw():
    grey = np.arange(256, dtype=np.uint8)
    expected = [(value / 255 - 0.4136) / 0.17 for value in range(256)]
    np.testing.assert_allclose(normalize_mouth(jnp.asarray(grey)), expected, atol=1e-5)
