"""How long sounds last: codes laid out in time, and durations there and back."""

import jax.numpy as jnp
import numpy as np

from avjax.nn.duration import beside, durations_of, laid_out, seconds_of

EDGES = jnp.array([[0.0, 0.06, 0.1, 0.2, 0.32], [-0.2, 0.1, 0.24, 0.24, 0.24]])


def test_steps_are_those_of_the_sound_that_is_said_then():
    """taem (4): a loop over steps."""
    codes = jnp.arange(24.0).reshape(2, 4, 3)
    steps = laid_out(codes, EDGES, 8, 100)
    assert steps.codes.shape == (2, 32, 3)
    for clip, step in np.ndindex(2, 24):
        moment, edges = (step + 0.5) / 100, np.asarray(EDGES[clip])
        sound = next(i for i in range(4) if edges[i] <= moment < edges[i + 1])
        np.testing.assert_array_equal(steps.codes[clip, step], codes[clip, sound])
        begin, end = edges[sound], edges[sound + 1]
        places = [(moment - begin) / (end - begin), moment - begin, end - moment]
        np.testing.assert_allclose(steps.places[clip, step], places, atol=1e-5)
    np.testing.assert_array_equal(steps.codes[1, 24:], codes[1, 3:].repeat(8, axis=0))


def test_durations_come_back_as_they_went():
    """taem (3)"""
    durations = durations_of(EDGES, 100)
    np.testing.assert_allclose(durations[0, 0], np.log(7), rtol=1e-5)
    np.testing.assert_allclose(
        seconds_of(durations, 100), np.diff(EDGES, axis=1), atol=1e-6
    )
    assert not seconds_of(jnp.full((1, 2), -3.0), 100).any()


def test_neighbours_lie_beside():
    codes = jnp.arange(6.0).reshape(1, 3, 2)
    expected = [[0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 0, 0]]
    np.testing.assert_array_equal(beside(codes)[0], expected)
