"""Metrics of restored images, against loops and scikit-image."""

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
    target = rng.uniform(size=(2, 16, 18, 3)).astype(np.float32)
    target[:, 4:12, 4:12] = 0.5
    noise = rng.normal(0, 0.1, target.shape)
    return np.clip(target + noise, 0, 1).astype(np.float32), target


def test_ssim2d_and_psnr_equal_scikit_image(pair):
    options = {"gaussian_weights": True, "use_sample_covariance": False}
    similarities, ratios = jax.jit(ssim2d)(*pair), jax.jit(psnr)(*pair)
    for number, (image, target) in enumerate(zip(*pair, strict=True)):
        expected = structural_similarity(
            image, target, data_range=1.0, channel_axis=-1, **options
        )
        np.testing.assert_allclose(similarities[number], expected, atol=2e-4)
        expected = peak_signal_noise_ratio(target, image, data_range=1.0)
        np.testing.assert_allclose(ratios[number], expected, rtol=1e-5)


def test_ssim3d_equals_a_loop_over_windows(pair):
    """Compute the window of each voxel in float64, with edges replicated."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    taps /= taps.sum()
    weight = np.einsum("i,j,k->ijk", taps, taps, taps)
    actual = jax.jit(ssim3d)(*pair)
    for number in range(2):
        padded = [np.pad(x[number].astype(np.float64), 5, "edge") for x in pair]
        values = []
        for i, j, k in itertools.product(*map(range, pair[0].shape[1:])):
            a, b = (x[i : i + 11, j : j + 11, k : k + 11] for x in padded)
            mean_a, mean_b = (weight * a).sum(), (weight * b).sum()
            variance = [
                (weight * (x - m) ** 2).sum() for x, m in ((a, mean_a), (b, mean_b))
            ]
            covariance = (weight * (a - mean_a) * (b - mean_b)).sum()
            top = (2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)
            bottom = (mean_a**2 + mean_b**2 + 1e-4) * (sum(variance) + 9e-4)
            values.append(top / bottom)
        np.testing.assert_allclose(actual[number], np.mean(values), atol=1e-5)


def test_both_ssims_are_one_for_equal_images_and_differ_otherwise(pair):
    image, target = pair
    for metric in (ssim2d, ssim3d):
        np.testing.assert_allclose(metric(target, target), 1, atol=1e-5)
    assert (
        np.abs(np.asarray(ssim3d(image, target) - ssim2d(image, target))).min() > 0.01
    )
