"""Corruptions of images: strength, order, and zero strength."""

import numpy as np
import pytest

from avjax.data import camera_pipeline
from avjax.data.corruptions import (
    CameraNoise,
    GaussianNoise,
    JpegCompression,
    MixedNoise,
    smooth_noise,
)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def image(rng):
    """Smooth colours from 0.02 to 0.98."""
    down, along = np.meshgrid(*(np.linspace(0, 3, 48),) * 2, indexing="ij")
    waves = [np.sin(down + k) * np.cos(along * k) for k in (1, 2, 3)]
    return (0.5 + 0.48 * np.stack(waves, -1)).astype(np.float32)


def without_noise(corruption_class):
    """Return a corruption with a strength of 0."""
    sizes = {
        GaussianNoise: {"sigma": (0.0, 0.0)},
        MixedNoise: {"sigma": (0.0, 0.0), "max_fraction": 0.0},
    }
    return corruption_class(**sizes[corruption_class])


@pytest.mark.parametrize("corruption_class", [GaussianNoise, MixedNoise])
def test_zero_noise_does_not_change_the_image(corruption_class, image, rng):
    corruption = without_noise(corruption_class)
    np.testing.assert_array_equal(corruption.add(image, rng), image)


def test_camera_without_noise_does_not_change_the_image(image, rng):
    for _ in range(5):
        profile = camera_pipeline.sample_profile(rng)
        noisy = CameraNoise().add_sensor_noise(image, profile, (0.0, 0.0), rng)
        np.testing.assert_array_equal(noisy, image)


def test_development_inverts_to_sensor(image, rng):
    """Only pixels that are neither overexposed nor saturated are compared."""
    dim = 0.6 * image
    for _ in range(5):
        profile = camera_pipeline.sample_profile(rng)
        light = camera_pipeline.to_sensor(dim, profile)
        unclipped = ((light > 0) & (light < 1)).all(axis=-1)
        assert unclipped.mean() > 0.5
        again = camera_pipeline.develop(light, profile)
        np.testing.assert_allclose(again[unclipped], dim[unclipped], atol=2e-3)


def test_color_matrix_keeps_grey(rng):
    profile = camera_pipeline.sample_profile(rng)
    np.testing.assert_allclose(profile.color_matrix.sum(axis=1), 1, rtol=1e-12)
    assert profile.gains[0] > profile.gains[1] < profile.gains[2]


@pytest.mark.parametrize(
    ("prior", "shots"), [("dnd", (1e-4, 0.012)), ("sidd", (6.8674e-4, 2.194856e-2))]
)
def test_noise_variances_follow_the_prior(prior, shots, rng):
    samples = np.array(
        [camera_pipeline.sample_noise_variances(prior, rng) for _ in range(4000)]
    )
    shot, read = np.log(samples.T)
    assert shots[0] <= samples[:, 0].min() and samples[:, 0].max() <= shots[1]
    slope, offset = np.polyfit(shot, read, 1)
    decade = np.log(10)
    expected = {"dnd": (2.18, 1.20, 0.26), "sidd": (1.85, 0.30 * decade, 0.20 * decade)}
    assert slope == pytest.approx(expected[prior][0], abs=0.03)
    assert offset == pytest.approx(expected[prior][1], abs=0.2)
    spread = np.std(read - slope * shot - offset)
    assert spread == pytest.approx(expected[prior][2], rel=0.1)


def test_sensor_noise_grows_with_light_and_is_correlated(rng):
    """With linear light and no colour change, only the mosaic remains of a camera."""
    light = np.full((256, 256, 3), 0.25, np.float32)
    values = rng.standard_normal(light.shape).astype(np.float32) * light
    grain = camera_pipeline.demosaic(values)[2:-2, 2:-2]
    red = grain[..., 0]
    neighbours = np.mean(red[:, 1:] * red[:, :-1]) / np.mean(red**2)
    assert neighbours > 0.4
    profile = camera_pipeline.CameraProfile(np.eye(3), np.ones(3))
    deviations = []
    for grey in (
        0.2,
        0.4,
    ):  # of the finished image, whose tone curve is the same for both
        flat = np.full((128, 128, 3), grey, np.float32)
        deviations += [
            np.std(CameraNoise().add_sensor_noise(flat, profile, variances, rng) - flat)
            for variances in ((1e-4, 0.0), (4e-4, 0.0), (0.0, 1e-5))
        ]
    np.testing.assert_allclose(deviations[1] / deviations[0], 2, rtol=0.05)
    np.testing.assert_allclose(deviations[4] / deviations[3], 2, rtol=0.05)
    by_light, by_none = (deviations[3 + k] / deviations[k] for k in (0, 2))
    brighter = [
        camera_pipeline.to_sensor(np.full(3, grey), profile).mean()
        for grey in (0.4, 0.2)
    ]
    expected = np.sqrt(brighter[0] / brighter[1])
    np.testing.assert_allclose(by_light / by_none, expected, rtol=0.1)


def test_smoothed_noise_is_correlated(rng):
    """Chroma more than luma; the brightness of the image stays the same."""
    noise = rng.standard_normal((128, 128, 3)).astype(np.float32)
    smooth = smooth_noise(noise, luma=0.6, chroma=2.0)
    np.testing.assert_allclose(smooth.mean(), noise.mean(), atol=2e-3)
    grey = smooth.mean(axis=-1, keepdims=True)
    correlations = [
        np.mean(x[:, :-1] * x[:, 1:]) / np.mean(x * x) for x in (grey, smooth - grey)
    ]
    np.testing.assert_allclose(correlations, [0.5, 0.94], atol=0.06)
    np.testing.assert_allclose(smooth_noise(noise, 0.0, 0.0), noise, atol=1e-6)


def test_demosaic_keeps_flat_images():
    flat = np.full((9, 12, 3), 0.3, np.float32)
    np.testing.assert_allclose(camera_pipeline.demosaic(flat), flat, rtol=1e-6)


def test_demosaic_keeps_measured_values(rng):
    values = rng.standard_normal((6, 8, 3)).astype(np.float32)
    full = camera_pipeline.demosaic(values)
    np.testing.assert_allclose(full[::2, ::2, 0], values[::2, ::2, 0], rtol=1e-6)
    np.testing.assert_allclose(full[::2, 1::2, 1], values[::2, 1::2, 1], rtol=1e-6)
    np.testing.assert_allclose(full[1::2, 1::2, 2], values[1::2, 1::2, 2], rtol=1e-6)


def test_white_noise_has_requested_sigma(rng):
    grey = np.full((64, 64, 3), 0.5, np.float32)
    noisy = GaussianNoise((25.0, 25.0)).add(grey, rng)
    assert np.std(noisy - grey) * 255 == pytest.approx(25, rel=0.03)
    assert noisy.dtype == np.float32


def test_white_noise_keeps_grey_images_grey(image, rng):
    grey = np.repeat(image[..., :1], 3, axis=-1)
    for clean, is_grey in ((grey, True), (image, False)):
        added = GaussianNoise((5.0, 5.0)).add(clean, rng) - clean
        assert added.any() and (added == added[..., :1]).all() == is_grey


def test_reference_compat_spares_last_row_column_and_blue(image, rng):
    dim = 0.1 + 0.8 * image
    for compat in (True, False):
        mix = MixedNoise((0.0, 0.0), 1.0, reference_compat=compat)
        hit = np.zeros(image.shape, bool)
        for _ in range(20):
            hit |= mix.add(dim, rng) != dim
        assert hit[:-1, :-1, :2].any()
        for last in (hit[-1], hit[:, -1], hit[..., 2]):
            assert last.any() != compat


def test_mixed_noise_has_random_order(image):
    """Salt is white unless other noise is added after it."""
    mix = MixedNoise((30.0, 30.0), 0.2)
    dim = 0.3 + 0.2 * image
    white = [
        np.mean(mix.add(dim, np.random.default_rng(seed)) == 1) for seed in range(30)
    ]
    assert min(white) < 0.5 * max(white)


@pytest.mark.parametrize(
    "kind",
    [
        GaussianNoise(),
        MixedNoise(),
        CameraNoise(),
        CameraNoise("sidd", (40, 90)),
        CameraNoise("dnd", (95, 100), (0.4, 1.0), (1.0, 3.0)),
        JpegCompression(),
    ],
    ids=repr,
)
def test_result_is_an_image_that_depends_on_the_seed(kind, image):
    noisy, again, other = (
        kind.add(image, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert noisy.shape == image.shape and noisy.dtype == np.float32
    assert noisy.min() >= 0 and noisy.max() <= 1
    np.testing.assert_array_equal(noisy, again)
    assert (noisy != other).any() and (noisy != image).any()


def test_stronger_compression_has_larger_error(image, rng):
    grainy = GaussianNoise((10.0, 10.0)).add(image, rng)
    errors = [
        np.abs(JpegCompression((q, q)).add(grainy, rng) - grainy).mean()
        for q in (20, 60, 95)
    ]
    assert errors[0] > errors[1] > errors[2]
    colours = JpegCompression((95, 95)).add(image, rng) - image
    assert np.abs(colours.mean(axis=(0, 1))).max() < 0.01
