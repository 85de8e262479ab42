"""Losses of lip editing, compared with loops in numpy."""

import jax
import jax.numpy as jnp
import numpy as np

from avjax.losses.editing import (
    center_clips,
    code_loss,
    editing_loss,
    main_directions,
    mouth_weight,
)
from avjax.nn.lip_editor import EditMaps, mouth_mask

SIZE = 32


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32)


def maps(flow: np.ndarray, weights: np.ndarray) -> EditMaps:
    arrays = flow, 0 * flow, np.zeros((*flow.shape[:3], 3)), weights
    return EditMaps(*map(jnp.asarray, arrays))


def own_pixels(count: int) -> np.ndarray:
    return np.broadcast_to(np.float32([1, 0, 0]), (count, SIZE, SIZE, 3))


def test_the_mouth_counts_most():
    weight = np.asarray(mouth_weight(SIZE))
    assert weight.shape == (SIZE, SIZE, 1)
    np.testing.assert_allclose(weight[0, 0], 0.3, atol=1e-3)
    assert weight.max() == weight[15:17, 15:17].max() > 4
    assert weight[16, 22] > weight[22, 16]  # a mouth is wide


def test_pixel_loss_is_that_of_a_loop():
    """lipwarp (6)"""
    pred, target = random(2, SIZE, SIZE, 3), random(2, SIZE, SIZE, 3, seed=1)
    weight = np.asarray(mouth_weight(SIZE))
    still = maps(np.zeros((2, SIZE, SIZE, 2), np.float32), own_pixels(2))
    loss = jax.jit(editing_loss)(pred, target, still)
    for number in range(2):
        error = pred[number] - target[number]
        expected = (weight * (np.abs(error) + 5 * error**2)).mean()
        expected += 0.5 * (weight[1:] * np.abs(np.diff(error, axis=0))).mean()
        expected += 0.5 * (weight[:, 1:] * np.abs(np.diff(error, axis=1))).mean()
        np.testing.assert_allclose(loss[number], expected, rtol=1e-4)


def test_flow_and_new_pixels_cost():
    """lipwarp (6)"""
    image, scale = random(1, SIZE, SIZE, 3), 96 / SIZE
    flow = np.zeros((1, SIZE, SIZE, 2), np.float32)
    flow[..., 0] = 2.0
    outside = 1 - np.asarray(mouth_mask(SIZE))
    loss = editing_loss(image, image, maps(flow, own_pixels(1)))
    np.testing.assert_allclose(loss, 1e-4 * scale * outside.mean(), rtol=1e-4)
    flow[:, ::2, :, 0] = 4.0  # rows change by 2
    rough = editing_loss(image, image, maps(flow, own_pixels(1)))
    assert rough[0] - loss[0] > 3e-4 * scale**2 * 4 / 2
    painted = np.broadcast_to(np.float32([0, 0, 1]), (1, SIZE, SIZE, 3))
    loss = editing_loss(image, image, maps(0 * flow, painted))
    np.testing.assert_allclose(loss, 2e-3 / 2, rtol=1e-5)


def test_code_loss_is_that_of_a_loop_and_ignores_a_constant():
    """lipwarp (7)"""
    pred, target = random(2, 6, 4), random(2, 6, 4, seed=1)
    mask = np.ones((2, 6), np.float32)
    mask[1, 4:] = 0
    components = np.linalg.qr(random(4, 4, seed=2))[0][:, :3]
    loss = np.asarray(jax.jit(code_loss)(pred, target, mask, components))
    for clip, count in enumerate((6, 4)):
        error = (pred - target)[clip, :count]
        error = error - error.mean(0)
        expected = (error**2).mean(-1) + 0.3 * ((error @ components) ** 2).sum(-1)
        expected[1:] += 0.5 * (np.diff(error, axis=0) ** 2).mean(-1)
        expected += 1e-3 * (pred[clip, :count] ** 2).mean(-1)
        np.testing.assert_allclose(loss[clip, :count], expected, rtol=1e-4)
    moved = code_loss(pred, target + 3, mask, components)
    np.testing.assert_allclose(moved, loss, atol=1e-4)


def test_codes_of_missing_frames_are_zero():
    mask = np.float32([[1, 1, 0]])
    centred = center_clips(jnp.asarray(random(1, 3, 2)), mask)
    np.testing.assert_allclose(centred.sum(1), 0, atol=1e-6)
    assert not np.asarray(centred[0, 2]).any()


def test_main_directions_are_those_of_standardised_codes():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(2000, 1))
    codes = np.hstack([hidden, 10 * hidden, np.zeros((2000, 2))])
    codes = codes + [0.1, 1, 0.1, 3] * rng.normal(size=(2000, 4))
    directions = np.asarray(main_directions(jnp.asarray(np.cov(codes.T))))
    assert directions.shape == (4, 3)
    expected = [0.5**0.5, 0.5**0.5, 0, 0]
    np.testing.assert_allclose(np.abs(directions[:, 0]), expected, atol=0.05)
