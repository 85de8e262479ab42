"""The picture of a mouth: the middle of its crop, moved, mirrored and made to size."""

import numpy as np
import pytest

from avjax.media.mouth_crop import MARGIN, mouth_pictures


@pytest.fixture
def mouths():
    return np.random.default_rng(0).integers(0, 256, (3, 96, 96, 1)).astype(np.uint8)


def test_at_its_own_size_a_picture_is_the_middle_of_the_crop(mouths):
    found = mouth_pictures(mouths, 88)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, mouths[:, 4:92, 4:92])


@pytest.mark.parametrize("shift", [(1, -3), (-MARGIN, MARGIN)])
def test_a_shift_takes_another_part_down_and_to_the_right(mouths, shift):
    down, right = shift
    found = mouth_pictures(mouths, 88, shift)
    expected = mouths[:, 4 + down : 92 + down, 4 + right : 92 + right]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [88, 44, 112])
def test_a_mirrored_picture_is_the_picture_turned_round(mouths, size):
    plain, turned = (mouth_pictures(mouths, size, mirrored=m) for m in (False, True))
    assert plain.shape == (3, size, size, 1)
    difference = plain[:, :, ::-1].astype(int) - turned
    assert np.abs(difference).max() <= 1, "but for rounding"


def test_half_the_size_is_the_mean_of_four_pixels(mouths):
    found = mouth_pictures(mouths, 44)
    for frame, row, column in ((0, 0, 0), (1, 20, 43), (2, 43, 7)):
        top, left = 4 + 2 * row, 4 + 2 * column
        expected = mouths[frame, top : top + 2, left : left + 2].astype(float).mean()
        assert abs(found[frame, row, column, 0] - expected) <= 0.5
