"""Crops of noisy and clean images."""

import numpy as np
import pytest

from avjax.data.corruptions import GaussianNoise
from avjax.data.examples.image_pairs import (
    ImagePairCrop,
    decode_png,
    encode_png,
    make_image_record,
    random_colors,
)
from avjax.errors import InputError
from avjax.media.pixels import to_float01


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 65536, (24, 20, 3)).astype(np.uint16)


@pytest.fixture
def record(pixels):
    clean = [pixels // 2, pixels // 4]
    return make_image_record(clean=clean, noisy=[pixels, pixels // 3], clip="a")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiles_are_stored_without_loss(pixels, dtype):
    tile = pixels.astype(dtype)
    decoded = decode_png(encode_png(tile))
    assert decoded.dtype == np.float32
    np.testing.assert_array_equal(decoded, to_float01(tile))
    assert to_float01(np.array([np.iinfo(dtype).max])[None].astype(dtype)) == 1


def test_both_images_are_cropped_at_the_same_place(record, pixels):
    crop = ImagePairCrop(8, corruptions=())
    ratios = set()
    for seed in range(12):
        example = crop.random_map(record, np.random.default_rng(seed))
        clean, noisy = example["clean"], example["noisy"]
        assert clean.shape == noisy.shape == (8, 8, 3) and example["weight"] == 1
        ratio = float(np.mean(noisy / np.maximum(clean, 1e-6)))
        tile = min((2, 4 / 3), key=lambda candidate: abs(candidate - ratio))
        np.testing.assert_allclose(noisy, tile * clean, atol=1e-4)
        ratios.add(tile)
    assert ratios == {2, 4 / 3}


def test_only_training_crops_are_mirrored(record):
    def is_flipped(mirror):
        original, mirrored = (
            ImagePairCrop(8, (), prob).random_map(record, np.random.default_rng(4))
            for prob in (0.0, mirror)
        )
        flipped = {key: original[key][:, ::-1] for key in ("noisy", "clean")}
        return all((mirrored[key] == flipped[key]).all() for key in flipped)

    assert is_flipped(1.0) and not is_flipped(0.0)
    original, mirrored = (
        ImagePairCrop(8, (), prob).at(record, 0, 1) for prob in (0.0, 1.0)
    )
    np.testing.assert_array_equal(original["noisy"], mirrored["noisy"])


def test_evaluation_noise_is_fixed_for_each_place(pixels):
    record = make_image_record(clean=[pixels], clip="a")
    crop = ImagePairCrop(20, corruptions=(GaussianNoise(),))
    first, again, elsewhere = (
        crop.at(record, place, 2)["noisy"] for place in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != elsewhere).any()
    other = crop.at({**record, "clip": "b"}, 0, 2)["noisy"]
    assert (first != other).any()


def test_evaluation_examples_are_spread_over_tiles(pixels):
    tiles = [np.full_like(pixels[:8, :8], number) for number in range(5)]
    record = make_image_record(clean=tiles, noisy=tiles, clip="a")
    crop = ImagePairCrop(8, corruptions=())
    seen = [crop.at(record, place, 5)["clean"][0, 0, 0] for place in range(5)]
    np.testing.assert_allclose(np.array(seen) * 65535, range(5), atol=1e-3)
    (middle,) = np.unique(crop.at(record, 0, 1)["clean"])
    np.testing.assert_allclose(middle * 65535, 2, atol=1e-3)


def test_noise_is_added_to_the_clean_crop(record):
    example = ImagePairCrop(8, corruptions=(GaussianNoise((0.0, 0.0)),)).at(
        record, 0, 1
    )
    np.testing.assert_array_equal(example["noisy"], example["clean"])


def test_clean_crops_are_blurred_before_noise_is_added(record):
    def example(*clean_blur):
        noise = (GaussianNoise((5.0, 5.0)),)
        crop = ImagePairCrop(16, noise, mirror_prob=0, clean_blur=clean_blur)
        return crop.random_map(record, np.random.default_rng(0))

    sharp, soft = example(0.0, 0.0), example(1.0, 1.5)
    assert soft["clean"].std() < 0.5 * sharp["clean"].std()
    assert soft["clean"].mean() == pytest.approx(sharp["clean"].mean(), rel=0.1)
    noise = 255 * (soft["noisy"] - soft["clean"])
    assert noise.std() == pytest.approx(5, rel=0.15)
    untouched = example(0.0, 0.05)["clean"]
    np.testing.assert_array_equal(untouched, sharp["clean"])


def test_colors_of_training_crops_are_permuted_and_strengthened(record):
    def example(color_prob, method="random_map", seed=0):
        crop = ImagePairCrop(16, (GaussianNoise((5.0, 5.0)),), 0, color_prob=color_prob)
        source = (seed, 1) if method == "at" else (np.random.default_rng(seed),)
        return getattr(crop, method)(record, *source)

    def saturation(image):
        return np.mean(image.max(axis=-1) - image.min(axis=-1))

    same, changed = example(1e-9), example(1.0)
    assert saturation(changed["clean"]) > 1.1 * saturation(same["clean"])
    assert changed["clean"].min() >= 0 and changed["clean"].max() <= 1
    noise = 255 * (changed["noisy"] - changed["clean"])
    assert noise.std() == pytest.approx(5, rel=0.15)
    fixed, expected = (example(prob, "at") for prob in (1.0, 0.0))
    np.testing.assert_array_equal(fixed["clean"], expected["clean"])


def test_random_colors_keep_grey_and_reach_every_channel():
    grey = np.full((2, 2, 3), 0.3, np.float32)
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(random_colors(grey, rng), grey, atol=1e-6)
    red = np.array([[[0.6, 0.3, 0.3]]], np.float32)
    changed = np.concatenate([random_colors(red, rng) for _ in range(60)])[:, 0]
    assert set(changed.argmax(axis=-1)) == {0, 1, 2}
    assert changed.min() < 0.1 and changed.max() > 0.9


@pytest.mark.parametrize("change", [{"color_prob": 0.5}, {"clean_blur": (0.0, 1.0)}])
def test_changes_of_clean_images_need_noise(change):
    with pytest.raises(InputError, match="need corruptions"):
        ImagePairCrop(8, corruptions=(), **change)


def test_unusable_images_are_rejected(record, pixels):
    with pytest.raises(
        InputError, match="a is 24x20 pixels, smaller than the crop of 32"
    ):
        ImagePairCrop(32, corruptions=()).at(record, 0, 1)
    with pytest.raises(InputError, match="b has no noisy image"):
        ImagePairCrop(8, corruptions=()).at(
            make_image_record(clean=[pixels], clip="b"), 0, 1
        )
