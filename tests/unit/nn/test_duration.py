"""Length regulation, and durations as log-durations and back."""

import jax.numpy as jnp
import numpy as np

from avjax.nn.duration import (
    concat_neighbours,
    length_regulate,
    log_durations,
    to_seconds,
)

EDGES = jnp.array([[0.0, 0.06, 0.1, 0.2, 0.32], [-0.2, 0.1, 0.24, 0.24, 0.24]])


def test_length_regulate_repeats_the_current_phoneme():
    """taem (4): compare with a loop over steps."""
    features = jnp.arange(24.0).reshape(2, 4, 3)
    steps = length_regulate(features, EDGES, 8, 100)
    assert steps.features.shape == (2, 32, 3)
    for clip, step in np.ndindex(2, 24):
        time, edges = (step + 0.5) / 100, np.asarray(EDGES[clip])
        phoneme = next(i for i in range(4) if edges[i] <= time < edges[i + 1])
        np.testing.assert_array_equal(
            steps.features[clip, step], features[clip, phoneme]
        )
        start, end = edges[phoneme], edges[phoneme + 1]
        positions = [(time - start) / (end - start), time - start, end - time]
        np.testing.assert_allclose(steps.positions[clip, step], positions, atol=1e-5)
    np.testing.assert_array_equal(
        steps.features[1, 24:], features[1, 3:].repeat(8, axis=0)
    )


def test_to_seconds_inverts_log_durations():
    """taem (3)"""
    durations = log_durations(EDGES, 100)
    np.testing.assert_allclose(durations[0, 0], np.log(7), rtol=1e-5)
    np.testing.assert_allclose(
        to_seconds(durations, 100), np.diff(EDGES, axis=1), atol=1e-6
    )
    assert not to_seconds(jnp.full((1, 2), -3.0), 100).any()


def test_concat_neighbours():
    features = jnp.arange(6.0).reshape(1, 3, 2)
    expected = [[0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 0, 0]]
    np.testing.assert_array_equal(concat_neighbours(features)[0], expected)
