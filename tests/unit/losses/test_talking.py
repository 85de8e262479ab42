"""Losses of talking faces: values, and where gradients stop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.losses.adversarial import bce_fake, bce_real
from avjax.losses.base import masked_mean
from avjax.losses.memory import address_kl, memory_reconstruction_loss
from avjax.losses.reconstruction import (
    gamma_deviance,
    landmark_l1,
    latent_loss,
    pixel_loss,
)
from avjax.losses.sync import (
    cosine_distance,
    lip_infonce,
    lip_l1,
    sync_loss,
)

RNG = np.random.default_rng(0)


def addresses(*shape):
    return jnp.asarray(RNG.dirichlet(np.ones(shape[-1]), shape[:-1]), jnp.float32)


def unit_vectors(*shape):
    vectors = RNG.standard_normal(shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_masked_mean_ignores_masked_values():
    values, weight = RNG.standard_normal((3, 4, 2)), np.array([1, 0, 1])
    mean = masked_mean(jnp.asarray(values), jnp.asarray(weight))
    np.testing.assert_allclose(mean, values[[0, 2]].mean(), rtol=1e-5)
    per_frame = np.ones((3, 4))
    per_frame[1, 2:] = 0
    mean = masked_mean(jnp.asarray(values), jnp.asarray(per_frame))
    np.testing.assert_allclose(mean, values[per_frame > 0].mean(), rtol=1e-5)


def test_masked_values_may_be_infinite():
    values = jnp.array([1.0, jnp.inf])
    assert masked_mean(values, jnp.array([1, 0])) == 1
    assert masked_mean(values, jnp.array([0, 0])) == 0
    assert jnp.isfinite(jax.grad(masked_mean)(values, jnp.array([1.0, 0.0]))).all()


def test_memory_reconstruction_loss():
    """synctalkface (3)"""
    a, b = RNG.standard_normal((2, 2, 3, 4))
    expected = [[np.mean((x - y) ** 2) for x, y in zip(*r)] for r in zip(a, b)]  # noqa: B905
    np.testing.assert_allclose(memory_reconstruction_loss(a, b), expected, rtol=1e-5)
    grads = jax.grad(lambda a, b: memory_reconstruction_loss(a, b).sum(), (0, 1))(a, b)
    assert grads[0].any() and not grads[1].any()


def test_address_kl():
    """synctalkface (4)"""
    source, target = addresses(2, 3, 5), addresses(2, 3, 5)
    actual = address_kl(source, target)
    for index in np.ndindex(2, 3):
        p, q = np.asarray(target[index]), np.asarray(source[index])
        expected = sum(p[i] * np.log(p[i] / q[i]) for i in range(5))
        np.testing.assert_allclose(actual[index], expected, rtol=1e-3, atol=1e-6)
    total = jax.grad(lambda s, t: address_kl(s, t).sum(), (0, 1))
    grads = total(source, target)
    assert grads[0].any() and not grads[1].any()


def test_address_kl_of_equal_addresses_is_zero():
    one_hot = jnp.eye(4)
    assert np.allclose(address_kl(one_hot, one_hot), 0)
    assert jnp.isfinite(jax.grad(lambda s: address_kl(s, one_hot).sum())(one_hot)).all()


def test_pixel_loss_is_per_pixel():
    """synctalkface (7), cals (6)"""
    a, b = RNG.uniform(size=(2, 1, 2, 3, 3, 3))
    np.testing.assert_allclose(pixel_loss(a, b), np.abs(a - b))
    squares = pixel_loss(a, b, l2=True)
    np.testing.assert_allclose(squares, (a - b) ** 2, rtol=1e-6)


def test_sync_loss_is_the_log_of_the_cosine():
    """synctalkface (8), cals (7)"""
    a, b = np.abs(RNG.standard_normal((2, 4, 6)))
    a, b = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b))
    match = np.array([1, 0, 1, 0])
    for i, error in enumerate(sync_loss(a, b, match)):
        cosine = a[i] @ b[i]
        expected = -np.log(cosine if match[i] else 1 - cosine)
        np.testing.assert_allclose(error, expected, rtol=1e-4)


def test_sync_loss_has_finite_gradients_at_both_ends():
    a, b = jnp.eye(2), jnp.eye(2)[::-1]
    for match, video in ((1.0, b), (0.0, a)):
        value, grad = jax.value_and_grad(
            lambda video, match=match: sync_loss(a, video, jnp.full(2, match)).sum()
        )(video)
        assert jnp.isfinite(value) and jnp.isfinite(grad).all() and grad.any()


@pytest.mark.parametrize("prob_floor", [0.05, 0.5])
def test_prob_floor_limits_the_gradient_of_sync_loss(prob_floor):
    """One pair of probability zero must not outweigh all others."""
    cosines = jnp.linspace(0, 1, 50)

    def error(cosine):
        audio, video = jnp.ones(1), cosine[None]
        return sync_loss(audio, video, jnp.ones(()), prob_floor)

    grads = -jax.vmap(jax.grad(error))(cosines[1:-1])
    assert grads.max() <= 1 / prob_floor and grads.min() >= 1 / (1 + prob_floor)
    assert (jnp.diff(grads) < 0).all()


def test_lip_l1_is_a_mean_over_the_embedding():
    """synctalkface (9)"""
    a, b = RNG.standard_normal((2, 3, 5))
    np.testing.assert_allclose(lip_l1(a, b), np.abs(a - b).mean(-1), rtol=1e-5)


def test_cosine_distance():
    """cals (4)"""
    a, b = unit_vectors(2, 3, 5)
    expected = [1 - x @ y for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(cosine_distance(a, b), expected, rtol=1e-4)
    grads = jax.grad(lambda a, b: cosine_distance(a, b).sum(), (0, 1))(a, b)
    assert grads[0].any() and not grads[1].any()


def test_lip_infonce_equals_a_loop_over_candidates():
    """cals (8)"""
    pred, real = unit_vectors(2, 6), unit_vectors(2, 4, 6)
    mask = np.array([[1, 1, 1, 1], [0, 1, 1, 0]])
    far = np.array([[1, 0, 1, 0], [0, 0, 1, 0]])
    actual = lip_infonce(pred, real, 2, mask, temperature=0.5)
    without_neighbours = lip_infonce(pred, real, 2, mask, temperature=0.5, margin=1)
    for clip in range(2):
        similarity = np.exp(real[clip] @ pred[clip] / 0.5)
        total = (similarity * mask[clip]).sum()
        np.testing.assert_allclose(
            actual[clip], -np.log(similarity[2] / total), rtol=1e-4
        )
        np.testing.assert_allclose(
            without_neighbours[clip],
            -np.log(similarity[2] / (similarity * far[clip]).sum()),
            rtol=1e-4,
            atol=1e-6,
        )


def test_lip_infonce_is_small_only_for_the_right_frame():
    """cals (8): L1 does not distinguish an early mouth from a wrong one."""
    real = jnp.eye(5)[None]
    match = jnp.ones((1, 5))
    right = lip_infonce(real[:, 2], real, 2, match)
    early = lip_infonce(real[:, 1], real, 2, match)
    assert right < 1e-4 and early > 14


def test_adversarial_losses_are_cross_entropies():
    """synctalkface (10), cals (9)"""
    logits = np.array([-3.0, 0.0, 5.0])
    probability = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(bce_real(logits), -np.log(probability), rtol=1e-4)
    np.testing.assert_allclose(bce_fake(logits), -np.log(1 - probability), rtol=1e-4)
    assert jnp.isfinite(bce_fake(jnp.array(200.0)))


def test_landmark_l1_adds_both_directions():
    a, b = RNG.uniform(size=(2, 3, 20, 2))
    expected = np.abs(a - b).sum(-1).mean(-1)
    np.testing.assert_allclose(landmark_l1(a, b), expected, rtol=1e-5)


def test_latent_loss_is_a_mean_over_channels():
    """taem (7): no gradient reaches the target."""
    pred, target = (jnp.asarray(RNG.standard_normal((2, 3, 5))) for _ in range(2))
    errors = [np.abs(pred[b, t] - target[b, t]) for b, t in np.ndindex(2, 3)]
    expected = np.reshape([np.mean(error) for error in errors], (2, 3))
    np.testing.assert_allclose(latent_loss(pred, target), expected, rtol=1e-5)
    squares = np.square(pred - target).mean(axis=-1)
    np.testing.assert_allclose(latent_loss(pred, target, True), squares, rtol=1e-5)
    assert not jax.grad(lambda x: latent_loss(pred, x).sum())(target).any()
    assert jax.grad(lambda x: latent_loss(x, target).sum())(pred).all()


def test_gamma_deviance_is_minimal_at_the_mean():
    """taem (8)"""
    lengths = np.array([2.0, 3.0, 10.0])
    pred = np.log(np.linspace(2, 10, 81))[:, None]
    errors = np.mean(gamma_deviance(pred, np.log(lengths)), axis=1)
    assert np.exp(pred[np.argmin(errors), 0]) == pytest.approx(5.0)
    small_errors = gamma_deviance(jnp.array([1.0, 2.0]), jnp.array([1.01, 2.0]))
    np.testing.assert_allclose(small_errors, [1e-4, 0.0], rtol=0.01)
