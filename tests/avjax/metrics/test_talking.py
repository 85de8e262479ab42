"""Metrics of talking faces."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from avjax.metrics.base import Mean
from avjax.metrics.image import psnr, ssim
from avjax.metrics.landmark import landmark_distance
from avjax.metrics.sync import synchrony

RNG = np.random.default_rng(0)


def test_means_of_batches_add_up_to_the_mean_of_all():
    values, weight = RNG.standard_normal((6, 4)), np.array([1, 1, 0, 1, 1, 0])
    whole = Mean.empty()
    for part in (slice(0, 3), slice(3, 6)):
        found = Mean.of(jnp.asarray(values[part]), jnp.asarray(weight[part]))
        whole = whole.merge(found)
    assert whole.compute() == pytest.approx(values[weight > 0].mean(), rel=1e-5)


def test_padding_may_be_infinite_and_nothing_has_no_mean():
    assert Mean.of(jnp.array([2.0, jnp.inf]), jnp.array([1, 0])).compute() == 2
    assert np.isnan(Mean.empty().compute())


def test_a_mean_passes_through_jit():
    found = jax.jit(lambda x: Mean.of(x, jnp.ones(3)))(jnp.arange(3.0))
    assert found.compute() == 1


def test_psnr_is_that_of_the_mean_square():
    a, b = RNG.uniform(size=(2, 2, 3, 16, 16, 3))
    found = psnr(jnp.asarray(a), jnp.asarray(b))
    expected = -10 * np.log10(((a - b) ** 2).mean((-3, -2, -1)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert psnr(jnp.ones((4, 4, 1)), jnp.ones((4, 4, 1))) == 100


def test_ssim_is_that_of_a_known_implementation():
    """Away from the borders, where it takes windows that lie half outside."""
    a = RNG.uniform(size=(24, 30, 3)).astype(np.float32)
    b = np.clip(a + 0.1 * RNG.standard_normal(a.shape), 0, 1).astype(np.float32)
    _, every = structural_similarity(
        a,
        b,
        channel_axis=-1,
        data_range=1.0,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    found = ssim(jnp.asarray(a)[None, None], jnp.asarray(b)[None, None])
    np.testing.assert_allclose(found, [[every[5:-5, 5:-5].mean()]], atol=1e-4)


def test_landmark_distance_does_not_see_where_the_mouth_is():
    a, b = RNG.uniform(size=(2, 3, 20, 2))
    here, there = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    expected = np.sqrt(((here - there) ** 2).sum(-1)).mean(-1)
    np.testing.assert_allclose(landmark_distance(a, b), expected, rtol=1e-5)
    np.testing.assert_allclose(landmark_distance(a + 7, b), expected, rtol=1e-4)
    assert np.allclose(landmark_distance(a + 7, a), 0, atol=1e-5)


@pytest.mark.parametrize("late", [-4, 0, 6])
def test_synchrony_finds_how_far_the_sound_is_ahead(late):
    sound = np.abs(RNG.standard_normal((80, 16)))
    sound /= np.linalg.norm(sound, axis=-1, keepdims=True)
    lips = np.roll(sound, late, 0)  # the lips say it `late` frames after the sound
    found = synchrony(jnp.asarray(lips), jnp.asarray(sound), jnp.ones(80))
    assert found.offset == late


def test_synchrony_does_not_see_what_fills_up_a_clip():
    lips, sound = jnp.asarray(RNG.standard_normal((2, 30, 8)))
    exists = (jnp.arange(30) < 22).astype(jnp.float32)
    filled = synchrony(lips, sound, exists)
    short = synchrony(lips[:22], sound[:22], jnp.ones(22))
    np.testing.assert_allclose(filled, short, rtol=1e-5)


def test_synchrony_is_the_mean_over_pairs_that_exist():
    """A numpy loop over frames and offsets."""
    lips, sound = RNG.standard_normal((2, 20, 8))
    means = []
    for shift in range(-15, 16):
        pairs = [(v, v + shift) for v in range(20) if 0 <= v + shift < 20]
        means.append(np.mean([np.linalg.norm(lips[v] - sound[a]) for v, a in pairs]))
    found = synchrony(jnp.asarray(lips), jnp.asarray(sound), jnp.ones(20))
    np.testing.assert_allclose(found.distance, min(means), rtol=1e-5)
    expected = np.median(means) - min(means)
    np.testing.assert_allclose(found.confidence, expected, rtol=1e-3)
    assert found.offset == 15 - np.argmin(means)
