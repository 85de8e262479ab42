"""How mouths move and shut, by loops over clips, frames and sounds."""

import jax.numpy as jnp
import numpy as np
import pytest

from avjax.metrics.lip_motion import BILABIAL, distance_by_class, movement, shut
from avjax.text.phonemes import CLASSES

RNG = np.random.default_rng(0)


@pytest.fixture
def clips():
    """Two clips of eight frames, of which six exist of the second."""
    return {
        "sounds": jnp.asarray(RNG.integers(0, 3, (2, 8))),
        "mask": jnp.asarray(np.arange(8)[None] < np.array([[8], [6]]), jnp.float32),
        "weight": jnp.ones(2),
    }


def test_motion_is_that_of_the_points_from_frame_to_frame(clips):
    found, lips = RNG.uniform(0, 9, (2, 2, 8, 20, 2))
    figures = movement(jnp.asarray(found), jnp.asarray(lips), clips, 1.0)
    speed, error, jerk = [], [], []
    for clip, frames in ((0, 8), (1, 6)):
        for t in range(1, frames):
            step, true = (x[clip, t] - x[clip, t - 1] for x in (found, lips))
            speed.append(np.linalg.norm(step, axis=-1).mean())
            error.append(np.linalg.norm(step - true, axis=-1).mean())
        for t in range(3, frames):
            a, b, c, d = found[clip, t - 3 : t + 1]
            jerk.append(np.linalg.norm(d - 3 * c + 3 * b - a, axis=-1).mean())
    expected = {"speed": speed, "velocity_error": error, "jerk": jerk}
    for name, values in expected.items():
        assert figures[name].compute() == pytest.approx(np.mean(values), rel=1e-4)


def test_a_mouth_that_moves_evenly_has_no_jerk(clips):
    places = jnp.arange(8.0)[None, :, None, None] ** 2 * jnp.ones((2, 1, 20, 2))
    figures = movement(places, places, clips, 1.0)
    assert figures["jerk"].compute() == pytest.approx(0, abs=1e-4)
    assert figures["velocity_error"].compute() == 0 and figures["speed"].compute() > 1


def test_a_sound_is_shut_if_any_of_its_frames_is():
    asked = jnp.array([1, 1, 1, 0, 1, 1, 0, 1], bool)
    opening = jnp.array([5.0, 0.2, 5.0, 0.0, 3.0, 2.0, 0.0, 1.0])
    closed, begins = shut(opening, asked, 1.0)
    np.testing.assert_array_equal(begins, [1, 0, 0, 0, 1, 0, 0, 1])
    np.testing.assert_array_equal(closed[begins > 0], [1, 0, 1])


def test_bilabials_count_once_and_only_where_a_clip_exists(clips):
    """Of three sounds that should shut the lips one lies behind the end of its clip."""
    sounds = np.zeros((2, 8), int)
    sounds[0, 1:3] = sounds[0, 5] = sounds[1, 7] = BILABIAL
    lips = np.zeros((2, 8, 20, 2))
    lips[0, 5, 13:16, 1] = 4.0  # open
    given = jnp.asarray(lips), {**clips, "sounds": jnp.asarray(sounds)}
    mean = movement(given[0], *given, 1.0)["bilabials_shut"]
    assert float(mean.weight) == 2 and mean.compute() == 0.5


def test_distances_are_told_by_the_class_of_the_sound(clips):
    found, lips = RNG.uniform(0, 9, (2, 2, 8, 20, 2))
    given = jnp.asarray(found), jnp.asarray(lips), clips
    figures = distance_by_class(*given, ("bilabial", "labiodental"))
    away = found - found.mean(2, keepdims=True) - lips + lips.mean(2, keepdims=True)
    away = np.linalg.norm(away, axis=-1).mean(-1)
    for number, name in ((1, "bilabial"), (2, "labiodental")):
        here = (np.asarray(clips["sounds"]) == number) & (np.asarray(clips["mask"]) > 0)
        expected = away[here].mean()
        assert figures[f"lmd_{name}"].compute() == pytest.approx(expected, rel=1e-4)


def test_the_class_that_shuts_the_lips_is_the_first():
    assert list(CLASSES)[BILABIAL - 1] == "bilabial"
