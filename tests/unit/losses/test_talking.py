"""Losses of talking faces: values by hand, and where gradient stops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.losses.adversarial import passed_as_real, seen_as_fake
from avjax.losses.base import masked_mean
from avjax.losses.memory import address_divergence, storage_error
from avjax.losses.reconstruction import (
    duration_error,
    landmark_error,
    latent_error,
    pixel_error,
)
from avjax.losses.sync import (
    lip_confusion,
    lip_distance,
    synchrony_error,
    unit_error,
)

RNG = np.random.default_rng(0)


def addresses(*shape):
    return jnp.asarray(RNG.dirichlet(np.ones(shape[-1]), shape[:-1]), jnp.float32)


def directions(*shape):
    vectors = RNG.standard_normal(shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_a_masked_mean_is_that_of_what_exists():
    values, weight = RNG.standard_normal((3, 4, 2)), np.array([1, 0, 1])
    mean = masked_mean(jnp.asarray(values), jnp.asarray(weight))
    np.testing.assert_allclose(mean, values[[0, 2]].mean(), rtol=1e-5)
    per_frame = np.ones((3, 4))
    per_frame[1, 2:] = 0
    mean = masked_mean(jnp.asarray(values), jnp.asarray(per_frame))
    np.testing.assert_allclose(mean, values[per_frame > 0].mean(), rtol=1e-5)


def test_what_is_masked_may_be_infinite():
    values = jnp.array([1.0, jnp.inf])
    assert masked_mean(values, jnp.array([1, 0])) == 1
    assert masked_mean(values, jnp.array([0, 0])) == 0
    assert jnp.isfinite(jax.grad(masked_mean)(values, jnp.array([1.0, 0.0]))).all()


def test_storage_error_is_a_mean_square_and_leaves_its_goal():
    """synctalkface (3)"""
    a, b = RNG.standard_normal((2, 2, 3, 4))
    expected = [[np.mean((x - y) ** 2) for x, y in zip(*r)] for r in zip(a, b)]  # noqa: B905
    np.testing.assert_allclose(storage_error(a, b), expected, rtol=1e-5)
    slopes = jax.grad(lambda a, b: storage_error(a, b).sum(), (0, 1))(a, b)
    assert slopes[0].any() and not slopes[1].any()


def test_address_divergence_is_kl_and_leaves_the_target():
    """synctalkface (4)"""
    source, target = addresses(2, 3, 5), addresses(2, 3, 5)
    found = address_divergence(source, target)
    for place in np.ndindex(2, 3):
        p, q = np.asarray(target[place]), np.asarray(source[place])
        expected = sum(p[i] * np.log(p[i] / q[i]) for i in range(5))
        np.testing.assert_allclose(found[place], expected, rtol=1e-3, atol=1e-6)
    total = jax.grad(lambda s, t: address_divergence(s, t).sum(), (0, 1))
    slopes = total(source, target)
    assert slopes[0].any() and not slopes[1].any()


def test_address_divergence_of_equals_is_zero_also_at_empty_slots():
    one_hot = jnp.eye(4)
    assert np.allclose(address_divergence(one_hot, one_hot), 0)
    assert jnp.isfinite(
        jax.grad(lambda s: address_divergence(s, one_hot).sum())(one_hot)
    ).all()


def test_reconstruction_is_per_pixel():
    """synctalkface (7), cals (6)"""
    a, b = RNG.uniform(size=(2, 1, 2, 3, 3, 3))
    np.testing.assert_allclose(pixel_error(a, b), np.abs(a - b))
    squares = pixel_error(a, b, squared=True)
    np.testing.assert_allclose(squares, (a - b) ** 2, rtol=1e-6)


def test_synchrony_error_is_minus_the_log_of_the_cosine():
    """synctalkface (8), cals (7)"""
    a, b = np.abs(RNG.standard_normal((2, 4, 6)))
    a, b = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b))
    match = np.array([1, 0, 1, 0])
    for i, error in enumerate(synchrony_error(a, b, match)):
        cosine = a[i] @ b[i]
        expected = -np.log(cosine if match[i] else 1 - cosine)
        np.testing.assert_allclose(error, expected, rtol=1e-4)


def test_synchrony_error_is_finite_at_both_ends_and_still_pulls():
    a, b = jnp.eye(2), jnp.eye(2)[::-1]
    for match, seen in ((1.0, b), (0.0, a)):
        value, slope = jax.value_and_grad(
            lambda seen, match=match: synchrony_error(a, seen, jnp.full(2, match)).sum()
        )(seen)
        assert jnp.isfinite(value) and jnp.isfinite(slope).all() and slope.any()


@pytest.mark.parametrize("doubt", [0.05, 0.5])
def test_doubt_bounds_what_one_verdict_weighs(doubt):
    """Lips that the expert finds impossible must not outweigh all others."""
    cosines = jnp.linspace(0, 1, 50)

    def error(cosine):
        heard, seen = jnp.ones(1), cosine[None]
        return synchrony_error(heard, seen, jnp.ones(()), doubt)

    slopes = -jax.vmap(jax.grad(error))(cosines[1:-1])
    assert slopes.max() <= 1 / doubt and slopes.min() >= 1 / (1 + doubt)
    assert (jnp.diff(slopes) < 0).all()


def test_lip_distance_is_a_mean_over_the_code():
    """synctalkface (9)"""
    a, b = RNG.standard_normal((2, 3, 5))
    np.testing.assert_allclose(lip_distance(a, b), np.abs(a - b).mean(-1), rtol=1e-5)


def test_unit_error_is_one_less_the_cosine_and_leaves_the_truth():
    """cals (4)"""
    a, b = directions(2, 3, 5)
    expected = [1 - x @ y for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(unit_error(a, b), expected, rtol=1e-4)
    slopes = jax.grad(lambda a, b: unit_error(a, b).sum(), (0, 1))(a, b)
    assert slopes[0].any() and not slopes[1].any()


def test_lip_confusion_is_the_cross_entropy_of_moments_that_exist():
    """cals (8): a loop over clips and moments."""
    made, real = directions(2, 6), directions(2, 4, 6)
    exists = np.array([[1, 1, 1, 1], [0, 1, 1, 0]])
    found = lip_confusion(made, real, 2, exists, temperature=0.5)
    for clip in range(2):
        likeness = [np.exp(made[clip] @ moment / 0.5) for moment in real[clip]]
        total = sum(like * there for like, there in zip(likeness, exists[clip]))  # noqa: B905
        np.testing.assert_allclose(found[clip], -np.log(likeness[2] / total), rtol=1e-4)


def test_lip_confusion_is_small_where_the_moment_is_right_alone():
    """cals (8): L1 cannot tell a mouth that is early from one that is another's."""
    real = jnp.eye(5)[None]
    match = jnp.ones((1, 5))
    right = lip_confusion(real[:, 2], real, 2, match)
    early = lip_confusion(real[:, 1], real, 2, match)
    assert right < 1e-4 and early > 14


def test_the_critic_s_losses_are_cross_entropies():
    """synctalkface (10), cals (9)"""
    logits = np.array([-3.0, 0.0, 5.0])
    chance = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(passed_as_real(logits), -np.log(chance), rtol=1e-4)
    np.testing.assert_allclose(seen_as_fake(logits), -np.log(1 - chance), rtol=1e-4)
    assert jnp.isfinite(seen_as_fake(jnp.array(200.0)))


def test_landmark_error_adds_both_directions():
    a, b = RNG.uniform(size=(2, 3, 20, 2))
    expected = np.abs(a - b).sum(-1).mean(-1)
    np.testing.assert_allclose(landmark_error(a, b), expected, rtol=1e-5)


def test_what_is_told_is_off_by_the_mean_over_channels():
    """taem (7): the truth is taken as given."""
    told, truth = (jnp.asarray(RNG.standard_normal((2, 3, 5))) for _ in range(2))
    apart = [np.abs(told[b, t] - truth[b, t]) for b, t in np.ndindex(2, 3)]
    expected = np.reshape([np.mean(each) for each in apart], (2, 3))
    np.testing.assert_allclose(latent_error(told, truth), expected, rtol=1e-5)
    squares = np.square(told - truth).mean(axis=-1)
    np.testing.assert_allclose(latent_error(told, truth, True), squares, rtol=1e-5)
    assert not jax.grad(lambda x: latent_error(told, x).sum())(truth).any()
    assert jax.grad(lambda x: latent_error(x, truth).sum())(told).all()


def test_what_is_told_of_durations_is_best_at_their_mean():
    """taem (8)"""
    lengths = np.array([2.0, 3.0, 10.0])
    told = np.log(np.linspace(2, 10, 81))[:, None]
    errors = np.mean(duration_error(told, np.log(lengths)), axis=1)
    assert np.exp(told[np.argmin(errors), 0]) == pytest.approx(5.0)
    near = duration_error(jnp.array([1.0, 2.0]), jnp.array([1.01, 2.0]))
    np.testing.assert_allclose(near, [1e-4, 0.0], rtol=0.01)
