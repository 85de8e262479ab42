"""Measures of restored pictures, against loops and against scikit-image."""

import itertools

import jax
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from avjax.metrics.image import psnr
from avjax.metrics.restoration import ssim2d, ssim3d


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    truth = rng.uniform(size=(2, 16, 18, 3)).astype(np.float32)
    truth[:, 4:12, 4:12] = 0.5
    noise = rng.normal(0, 0.1, truth.shape)
    return np.clip(truth + noise, 0, 1).astype(np.float32), truth


def test_ssim2d_and_psnr_are_those_of_scikit_image(pair):
    as_published = {"gaussian_weights": True, "use_sample_covariance": False}
    alike, ratio = jax.jit(ssim2d)(*pair), jax.jit(psnr)(*pair)
    for number, (picture, truth) in enumerate(zip(*pair, strict=True)):
        expected = structural_similarity(
            picture, truth, data_range=1.0, channel_axis=-1, **as_published
        )
        np.testing.assert_allclose(alike[number], expected, atol=2e-4)
        expected = peak_signal_noise_ratio(truth, picture, data_range=1.0)
        np.testing.assert_allclose(ratio[number], expected, rtol=1e-5)


def test_ssim3d_is_that_of_a_loop_over_windows(pair):
    """By hand, in float64: every voxel's window, with edges continued."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    taps /= taps.sum()
    weight = np.einsum("i,j,k->ijk", taps, taps, taps)
    found = jax.jit(ssim3d)(*pair)
    for number in range(2):
        wide = [np.pad(x[number].astype(np.float64), 5, "edge") for x in pair]
        values = []
        for i, j, k in itertools.product(*map(range, pair[0].shape[1:])):
            a, b = (x[i : i + 11, j : j + 11, k : k + 11] for x in wide)
            mean_a, mean_b = (weight * a).sum(), (weight * b).sum()
            variance = [
                (weight * (x - m) ** 2).sum() for x, m in ((a, mean_a), (b, mean_b))
            ]
            covariance = (weight * (a - mean_a) * (b - mean_b)).sum()
            top = (2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)
            bottom = (mean_a**2 + mean_b**2 + 1e-4) * (sum(variance) + 9e-4)
            values.append(top / bottom)
        np.testing.assert_allclose(found[number], np.mean(values), atol=1e-5)


def test_the_two_differ_and_both_are_one_where_nothing_does(pair):
    picture, truth = pair
    for measure in (ssim2d, ssim3d):
        np.testing.assert_allclose(measure(truth, truth), 1, atol=1e-5)
    assert (
        np.abs(np.asarray(ssim3d(picture, truth) - ssim2d(picture, truth))).min() > 0.01
    )
