"""Centre crops of mouth images: shifted, mirrored and resized."""

import numpy as np
import pytest

from avjax.faces.mouth_crop import CROP_MARGIN, center_crop_mouths


@pytest.fixture
def mouths():
    return np.random.default_rng(0).integers(0, 256, (3, 96, 96, 1)).astype(np.uint8)


def test_at_native_size_the_result_is_the_centre_of_the_crop(mouths):
    crops = center_crop_mouths(mouths, 88)
    assert crops.dtype == np.uint8
    np.testing.assert_array_equal(crops, mouths[:, 4:92, 4:92])


@pytest.mark.parametrize("shift", [(1, -3), (-CROP_MARGIN, CROP_MARGIN)])
def test_shift_moves_the_crop_down_and_to_the_right(mouths, shift):
    down, right = shift
    found = center_crop_mouths(mouths, 88, shift)
    expected = mouths[:, 4 + down : 92 + down, 4 + right : 92 + right]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [88, 44, 112])
def test_mirrored_flips_left_and_right(mouths, size):
    plain, mirrored = (
        center_crop_mouths(mouths, size, mirrored=m) for m in (False, True)
    )
    assert plain.shape == (3, size, size, 1)
    difference = plain[:, :, ::-1].astype(int) - mirrored
    assert np.abs(difference).max() <= 1, "up to rounding"


def test_half_the_size_is_the_mean_of_four_pixels(mouths):
    found = center_crop_mouths(mouths, 44)
    for frame, row, column in ((0, 0, 0), (1, 20, 43), (2, 43, 7)):
        top, left = 4 + 2 * row, 4 + 2 * column
        expected = mouths[frame, top : top + 2, left : left + 2].astype(float).mean()
        assert abs(found[frame, row, column, 0] - expected) <= 0.5
