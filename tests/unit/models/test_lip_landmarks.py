"""The lip landmark detector: where its points lie."""

import jax
import jax.numpy as jnp
import numpy as np

from avjax.losses.reconstruction import landmark_l1
from avjax.models.lip_landmarks import LipLandmarks, soft_argmax

KEY = jax.random.key(0)


def test_landmarks_lie_at_the_peaks_of_their_maps():
    """lip_landmarks (1), lip_landmarks (2)"""
    maps = jnp.full((1, 4, 8, 2), -50.0)
    maps = maps.at[0, 1, 6, 0].set(50).at[0, 3, 0, 1].set(50)
    expected = [[(6.5) / 8, 0.5 + 1.5 / 8], [0.5 / 8, 0.5 + 3.5 / 8]]
    np.testing.assert_allclose(soft_argmax(maps)[0], expected, atol=1e-6)


def test_landmarks_lie_in_the_lower_half():
    network = LipLandmarks(96, 0.5)
    faces = jax.random.uniform(KEY, (2, 96, 96, 3))
    points = jax.jit(lambda key: network.init_with_output(key, faces)[0])(KEY)
    assert points.shape == (2, 20, 2)
    assert (points[..., 1] > 0.5).all() and ((points > 0) & (points < 1)).all()


def test_landmark_loss_is_the_mean_of_both_coordinates_summed():
    """lip_landmarks (3)"""
    target = jnp.zeros((1, 2, 2))
    points = jnp.array([[[0.1, 0.2], [-0.3, 0.0]]])
    np.testing.assert_allclose(landmark_l1(points, target), [0.3], rtol=1e-6)
