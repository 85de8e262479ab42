"""Squares of pictures with noise, from what was stored."""

import numpy as np
import pytest

from avjax.data.corruptions import Gaussian
from avjax.data.examples import image_pairs as pairs
from avjax.data.examples.image_pairs import PairCrop
from avjax.errors import InputError
from avjax.media.photo_io import as_shares


@pytest.fixture
def levels():
    return np.random.default_rng(0).integers(0, 65536, (24, 20, 3)).astype(np.uint16)


@pytest.fixture
def record(levels):
    clean = [levels // 2, levels // 4]
    return pairs.record(clean=clean, noisy=[levels, levels // 3], clip="a")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_tile_comes_back_as_it_went(levels, kind):
    tile = levels.astype(kind)
    found = pairs.decode(pairs.encode(tile))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, as_shares(tile))
    assert as_shares(np.array([np.iinfo(kind).max])[None].astype(kind)) == 1


def test_a_square_is_cut_from_both_pictures_at_the_same_place(record, levels):
    crop = PairCrop(8, noise=())
    seen = set()
    for seed in range(12):
        example = crop.random_map(record, np.random.default_rng(seed))
        clean, noisy = example["clean"], example["noisy"]
        assert clean.shape == noisy.shape == (8, 8, 3) and example["weight"] == 1
        ratio = float(np.mean(noisy / np.maximum(clean, 1e-6)))
        tile = min((2, 4 / 3), key=lambda wanted: abs(wanted - ratio))
        np.testing.assert_allclose(noisy, tile * clean, atol=1e-4)
        seen.add(tile)
    assert seen == {2, 4 / 3}


def test_training_mirrors_and_evaluation_does_not(record):
    def same(mirror):
        one, other = (
            PairCrop(8, (), share).random_map(record, np.random.default_rng(4))
            for share in (0.0, mirror)
        )
        flipped = {key: one[key][:, ::-1] for key in ("noisy", "clean")}
        return all((other[key] == flipped[key]).all() for key in flipped)

    assert same(1.0) and not same(0.0)
    one, other = (PairCrop(8, (), share).at(record, 0, 1) for share in (0.0, 1.0))
    np.testing.assert_array_equal(one["noisy"], other["noisy"])


def test_an_evaluation_sees_the_same_noise_each_time_and_other_noise_elsewhere(levels):
    record = pairs.record(clean=[levels], clip="a")
    crop = PairCrop(20, noise=(Gaussian(),))
    first, again, beside = (crop.at(record, place, 2)["noisy"] for place in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != beside).any()
    other = crop.at({**record, "clip": "b"}, 0, 2)["noisy"]
    assert (first != other).any()


def test_as_many_places_as_tiles_see_each_tile_once(levels):
    tiles = [np.full_like(levels[:8, :8], number) for number in range(5)]
    record = pairs.record(clean=tiles, noisy=tiles, clip="a")
    crop = PairCrop(8, noise=())
    seen = [crop.at(record, place, 5)["clean"][0, 0, 0] for place in range(5)]
    np.testing.assert_allclose(np.array(seen) * 65535, range(5), atol=1e-3)
    (middle,) = np.unique(crop.at(record, 0, 1)["clean"])
    np.testing.assert_allclose(middle * 65535, 2, atol=1e-3)


def test_noise_is_made_on_the_clean_square(record):
    example = PairCrop(8, noise=(Gaussian((0.0, 0.0)),)).at(record, 0, 1)
    np.testing.assert_array_equal(example["noisy"], example["clean"])


def test_a_picture_that_cannot_be_used_is_one_sentence(record, levels):
    with pytest.raises(InputError, match="a is 24x20, smaller than a square of 32"):
        PairCrop(32, noise=()).at(record, 0, 1)
    with pytest.raises(InputError, match="b has no noise"):
        PairCrop(8, noise=()).at(pairs.record(clean=[levels], clip="b"), 0, 1)
