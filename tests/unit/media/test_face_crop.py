import numpy as np
import pytest

from avjax.media.face import crop, detect, lower_face, mouth, paste, upright
from avjax.media.face_crop import mouth_box

DRAW = np.random.default_rng(0)


@pytest.fixture
def scene() -> np.ndarray:
    """A smooth image, as skin is."""
    y, x = np.mgrid[0:120, 0:160]
    waves = [
        90 + 50 * np.sin(x / a) * np.cos(y / b)
        for a, b in [(21, 17), (30, 25), (40, 19)]
    ]
    return np.stack(waves, axis=-1).astype(np.uint8)


def test_a_crop_on_the_pixel_grid_is_a_cut(scene):
    box = np.array([30, 20, 94, 84], np.float32)
    assert np.array_equal(crop(scene, box, 64), scene[20:84, 30:94])


def test_a_crop_at_half_size_averages_fours(scene):
    by_hand = scene[20:84, 30:94].reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    found = crop(scene, np.array([30, 20, 94, 84], np.float32), 32)
    assert np.abs(found - by_hand).max() <= 1


def test_half_a_pixel_counts():
    ramp = np.repeat(np.arange(0, 200, 2, np.uint8)[None, :, None], 100, 0).repeat(3, 2)
    left = crop(ramp, np.array([20, 20, 60, 60], np.float32), 40).astype(int)
    right = crop(ramp, np.array([20.5, 20, 60.5, 60], np.float32), 40).astype(int)
    assert (right - left == 1).all()


@pytest.mark.parametrize("box", [[-30, -20, 50, 60], [130, 90, 190, 150]])
def test_beyond_the_image_its_rim_goes_on(scene, box):
    box = np.array(box, np.float32)
    padded = np.pad(scene, ((80, 80), (80, 80), (0, 0)), mode="edge")
    side = int(box[2] - box[0])
    x, y = (box[:2] + 80).astype(int)
    assert np.array_equal(crop(scene, box, side), padded[y : y + side, x : x + side])


@pytest.mark.parametrize(
    "box", [[30.3, 20.6, 94.3, 84.6], [-20, -10, 60, 70], [100, 60, 180, 140]]
)
@pytest.mark.parametrize("size", [48, 64, 200])
def test_pasting_what_was_cut_changes_almost_nothing(scene, box, size):
    box = np.array(box, np.float32)
    again = paste(scene, crop(scene, box, size), box).astype(int)
    assert np.abs(again - scene).max() <= 4


def test_above_the_nose_and_outside_the_box_no_pixel_changes(scene):
    box = np.array([30, 20, 94, 84], np.float32)
    before = scene.copy()
    pasted = paste(scene, DRAW.integers(0, 255, (64, 64, 3), np.uint8), box)
    assert np.array_equal(scene, before)
    changed = (pasted != scene).any(axis=-1)
    changed[20 + int(0.4 * 64) : 84, 30:94] = False
    assert not changed.any()


def test_the_mouth_is_the_patch():
    image = np.full((100, 100, 3), 100, np.uint8)
    patch = np.full((64, 64, 3), 100, np.uint8)
    patch[44:52, 24:40] = 200, 40, 40
    pasted = paste(image, patch, np.array([18, 18, 82, 82], np.float32))
    assert np.abs(pasted[63:69, 43:57].astype(int) - [200, 40, 40]).max() < 12


@pytest.mark.parametrize("shift", [(20, -10, 5), (-25, -25, -25), (0, 0, 30)])
def test_a_patch_in_another_light_takes_that_of_the_image(scene, shift):
    box = np.array([30, 20, 94, 84], np.float32)
    patch = np.clip(crop(scene, box, 64).astype(int) + shift, 0, 255).astype(np.uint8)
    pasted = paste(scene, patch, box).astype(int)
    assert np.abs(pasted - scene).max() <= 5


def test_no_rectangle_can_be_seen():
    """On a flat image, a patch that cannot be matched fades in over many pixels."""
    image = np.full((200, 200, 3), 100, np.uint8)
    patch = DRAW.integers(60, 140, (8, 8, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    pasted = paste(image, patch, np.array([20, 20, 180, 180], np.float32)).astype(int)
    border = pasted[86:180, [32, 167]], pasted[[86, 179], 20:180]
    assert max(np.abs(edge - 100).max() for edge in border) <= 3


def test_a_box_outside_the_image_pastes_nothing(scene):
    box = np.array([500, 500, 560, 560], np.float32)
    assert np.array_equal(paste(scene, scene[:60, :60], box), scene)


def test_a_real_face_in_another_light_goes_back_unseen(face_image):
    (box,) = detect(face_image)
    patch = crop(face_image, box, 256) * np.array([1.12, 0.95, 0.9]) + [12, -8, 10]
    patch = np.clip(patch, 0, 255).astype(np.uint8)
    pasted = paste(face_image, patch, box).astype(int)
    assert np.abs(pasted - face_image).mean() < 1


def test_the_mouth_square_lies_around_three_quarters_of_the_height():
    box = mouth_box(np.array([100, 200, 200, 300], np.float32))
    np.testing.assert_allclose(box, [120, 245, 180, 305])


def test_the_mouth_is_cut_from_the_image_itself_in_grey(scene):
    box = np.array([-30, -20, 130, 140], np.float32)  # its mouth square has 96 pixels
    found = mouth(scene, box)
    assert found.shape == (96, 96, 1) and found.dtype == np.uint8
    by_hand = scene[52:120, 2:98] @ np.array([0.299, 0.587, 0.114])
    assert np.abs(found[:68, :, 0] - by_hand).max() <= 1
    assert (found[68:] == found[67]).all()  # beyond the image its rim goes on


def test_a_mouth_of_any_size_fills_its_picture(scene):
    box = np.array([40, 10, 120, 90], np.float32)
    small = mouth(scene, box).astype(int)
    twice = scene.repeat(2, axis=0).repeat(2, axis=1)
    large = mouth(twice, 2 * box).astype(int)
    assert np.abs(large - small).mean() < 1.5


def test_an_upright_box_is_the_middle_of_the_square():
    boxes = np.array([[30, 20, 94, 84], [np.nan] * 4], np.float32)
    found = upright(boxes)
    np.testing.assert_array_equal(found[0], [38, 20, 86, 84])
    assert np.isnan(found[1]).all()


def test_an_upright_crop_is_as_high_as_the_square_and_stretched(scene):
    square = np.array([30, 20, 94, 84], np.float32)
    stretched = crop(scene, upright(square), 64).astype(int)
    columns = np.rint((np.arange(64) + 0.5) * 0.75 + 8 - 0.5).astype(int)
    assert np.abs(stretched - crop(scene, square, 64)[:, columns]).max() <= 6


@pytest.mark.parametrize("size", [48, 64, 200])
def test_pasting_what_was_cut_upright_changes_almost_nothing(scene, size):
    box = upright(np.array([30.3, 20.6, 94.3, 84.6], np.float32))
    again = paste(scene, crop(scene, box, size), box).astype(int)
    assert np.abs(again - scene).max() <= 4
    painted = paste(scene, np.zeros((size, size, 3), np.uint8), box)
    changed = np.flatnonzero((painted != scene).any(axis=(0, 2)))
    assert changed.min() >= 38 and changed.max() <= 86


def test_the_lower_face_is_as_wide_as_the_face_around_the_mouth(scene):
    box = np.array([40, 10, 104, 74], np.float32)
    around = np.array([40, 26, 104, 90], np.float32)  # its middle is at 3/4 of the box
    found = lower_face(scene, box, 112)
    assert found.shape == (112, 112, 1)
    grey = crop(scene, around, 112).astype(float) @ [0.299, 0.587, 0.114]
    assert np.abs(found[..., 0] - grey).max() <= 1
