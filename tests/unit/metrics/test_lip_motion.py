"""Lip motion and closures, against loops."""

import jax.numpy as jnp
import numpy as np
import pytest

from avjax.metrics.lip_motion import (
    BILABIAL,
    closures,
    lip_motion_metrics,
    lmd_by_class,
)
from avjax.text.phonemes import PHONEME_CLASSES

RNG = np.random.default_rng(0)


@pytest.fixture
def clips():
    """Two clips of eight frames; the second has six."""
    return {
        "phoneme_class": jnp.asarray(RNG.integers(0, 3, (2, 8))),
        "frame_mask": jnp.asarray(
            np.arange(8)[None] < np.array([[8], [6]]), jnp.float32
        ),
        "weight": jnp.ones(2),
    }


def test_motion_metrics_equal_a_loop(clips):
    pred, lips = RNG.uniform(0, 9, (2, 2, 8, 20, 2))
    metrics = lip_motion_metrics(jnp.asarray(pred), jnp.asarray(lips), clips, 1.0)
    speed, error, jerk = [], [], []
    for clip, frames in ((0, 8), (1, 6)):
        for t in range(1, frames):
            step, true = (x[clip, t] - x[clip, t - 1] for x in (pred, lips))
            speed.append(np.linalg.norm(step, axis=-1).mean())
            error.append(np.linalg.norm(step - true, axis=-1).mean())
        for t in range(3, frames):
            a, b, c, d = pred[clip, t - 3 : t + 1]
            jerk.append(np.linalg.norm(d - 3 * c + 3 * b - a, axis=-1).mean())
    expected = {"speed": speed, "velocity_error": error, "jerk": jerk}
    for name, values in expected.items():
        assert metrics[name].compute() == pytest.approx(np.mean(values), rel=1e-4)


def test_constant_acceleration_has_no_jerk(clips):
    points = jnp.arange(8.0)[None, :, None, None] ** 2 * jnp.ones((2, 1, 20, 2))
    metrics = lip_motion_metrics(points, points, clips, 1.0)
    assert metrics["jerk"].compute() == pytest.approx(0, abs=1e-4)
    assert metrics["velocity_error"].compute() == 0 and metrics["speed"].compute() > 1


def test_a_phoneme_is_closed_if_one_of_its_frames_is():
    is_bilabial = jnp.array([1, 1, 1, 0, 1, 1, 0, 1], bool)
    gap = jnp.array([5.0, 0.2, 5.0, 0.0, 3.0, 2.0, 0.0, 1.0])
    closed, starts = closures(gap, is_bilabial, 1.0)
    np.testing.assert_array_equal(starts, [1, 0, 0, 0, 1, 0, 0, 1])
    np.testing.assert_array_equal(closed[starts > 0], [1, 0, 1])


def test_bilabials_count_once_and_only_within_the_clip(clips):
    """One of the three bilabials lies after the end of its clip."""
    classes = np.zeros((2, 8), int)
    classes[0, 1:3] = classes[0, 5] = classes[1, 7] = BILABIAL
    lips = np.zeros((2, 8, 20, 2))
    lips[0, 5, 13:16, 1] = 4.0  # open
    lips = jnp.asarray(lips)
    batch = {**clips, "phoneme_class": jnp.asarray(classes)}
    mean = lip_motion_metrics(lips, lips, batch, 1.0)["bilabials_shut"]
    assert float(mean.weight) == 2 and mean.compute() == 0.5


def test_lmd_by_class(clips):
    pred, lips = RNG.uniform(0, 9, (2, 2, 8, 20, 2))
    names = "bilabial", "labiodental"
    metrics = lmd_by_class(jnp.asarray(pred), jnp.asarray(lips), clips, names)
    distance = pred - pred.mean(2, keepdims=True) - lips + lips.mean(2, keepdims=True)
    distance = np.linalg.norm(distance, axis=-1).mean(-1)
    for number, name in ((1, "bilabial"), (2, "labiodental")):
        counts = (np.asarray(clips["phoneme_class"]) == number) & (
            np.asarray(clips["frame_mask"]) > 0
        )
        expected = distance[counts].mean()
        assert metrics[f"lmd_{name}"].compute() == pytest.approx(expected, rel=1e-4)


def test_bilabial_is_the_first_phoneme_class():
    assert list(PHONEME_CLASSES)[BILABIAL - 1] == "bilabial"
