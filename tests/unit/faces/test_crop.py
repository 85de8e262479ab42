import numpy as np
import pytest

from avjax.faces import (
    crop_box,
    crop_lower_face,
    crop_mouth,
    detect_faces,
    face_boxes,
    fit_similarity,
    paste_face,
    tight_face_box,
)
from avjax.faces.crop import mouth_box

RNG = np.random.default_rng(0)


@pytest.fixture
def scene() -> np.ndarray:
    """A smooth image, like skin."""
    y, x = np.mgrid[0:120, 0:160]
    waves = [
        90 + 50 * np.sin(x / a) * np.cos(y / b)
        for a, b in [(21, 17), (30, 25), (40, 19)]
    ]
    return np.stack(waves, axis=-1).astype(np.uint8)


def test_a_crop_on_the_pixel_grid_is_a_slice(scene):
    box = np.array([30, 20, 94, 84], np.float32)
    assert np.array_equal(crop_box(scene, box, 64), scene[20:84, 30:94])


def test_a_crop_at_half_size_averages_blocks_of_four_pixels(scene):
    expected = scene[20:84, 30:94].reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    crop = crop_box(scene, np.array([30, 20, 94, 84], np.float32), 32)
    assert np.abs(crop - expected).max() <= 1


def test_crop_box_interpolates_half_pixels():
    ramp = np.repeat(np.arange(0, 200, 2, np.uint8)[None, :, None], 100, 0).repeat(3, 2)
    left = crop_box(ramp, np.array([20, 20, 60, 60], np.float32), 40).astype(int)
    right = crop_box(ramp, np.array([20.5, 20, 60.5, 60], np.float32), 40).astype(int)
    assert (right - left == 1).all()


@pytest.mark.parametrize("box", [[-30, -20, 50, 60], [130, 90, 190, 150]])
def test_crop_box_repeats_the_border_beyond_the_image(scene, box):
    box = np.array(box, np.float32)
    padded = np.pad(scene, ((80, 80), (80, 80), (0, 0)), mode="edge")
    side = int(box[2] - box[0])
    x, y = (box[:2] + 80).astype(int)
    assert np.array_equal(
        crop_box(scene, box, side), padded[y : y + side, x : x + side]
    )


@pytest.mark.parametrize(
    "box", [[30.3, 20.6, 94.3, 84.6], [-20, -10, 60, 70], [100, 60, 180, 140]]
)
@pytest.mark.parametrize("size", [48, 64, 200])
def test_pasting_a_crop_back_changes_almost_nothing(scene, box, size):
    box = np.array(box, np.float32)
    again = paste_face(scene, crop_box(scene, box, size), box).astype(int)
    assert np.abs(again - scene).max() <= 4


def test_paste_face_changes_no_pixel_above_the_nose_or_outside_the_box(scene):
    box = np.array([30, 20, 94, 84], np.float32)
    before = scene.copy()
    pasted = paste_face(scene, RNG.integers(0, 255, (64, 64, 3), np.uint8), box)
    assert np.array_equal(scene, before)
    changed = (pasted != scene).any(axis=-1)
    changed[20 + int(0.4 * 64) : 84, 30:94] = False
    assert not changed.any()


def test_paste_face_shows_the_patch_at_the_mouth():
    image = np.full((100, 100, 3), 100, np.uint8)
    patch = np.full((64, 64, 3), 100, np.uint8)
    patch[44:52, 24:40] = 200, 40, 40
    pasted = paste_face(image, patch, np.array([18, 18, 82, 82], np.float32))
    assert np.abs(pasted[63:69, 43:57].astype(int) - [200, 40, 40]).max() < 12


@pytest.mark.parametrize("shift", [(20, -10, 5), (-25, -25, -25), (0, 0, 30)])
def test_paste_face_matches_the_colours_of_the_image(scene, shift):
    box = np.array([30, 20, 94, 84], np.float32)
    patch = np.clip(crop_box(scene, box, 64).astype(int) + shift, 0, 255).astype(
        np.uint8
    )
    pasted = paste_face(scene, patch, box).astype(int)
    assert np.abs(pasted - scene).max() <= 5


def test_paste_face_has_a_soft_edge():
    """On a uniform image, a patch of other content fades in over many pixels."""
    image = np.full((200, 200, 3), 100, np.uint8)
    patch = RNG.integers(60, 140, (8, 8, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    pasted = paste_face(image, patch, np.array([20, 20, 180, 180], np.float32)).astype(
        int
    )
    border = pasted[86:180, [32, 167]], pasted[[86, 179], 20:180]
    assert max(np.abs(edge - 100).max() for edge in border) <= 3


def test_paste_face_ignores_a_box_outside_the_image(scene):
    box = np.array([500, 500, 560, 560], np.float32)
    assert np.array_equal(paste_face(scene, scene[:60, :60], box), scene)


def test_paste_face_matches_the_colours_of_a_real_face(face_image):
    (landmarks,) = detect_faces(face_image).landmarks
    box = face_boxes(fit_similarity(landmarks))
    patch = crop_box(face_image, box, 256) * np.array([1.12, 0.95, 0.9]) + [12, -8, 10]
    patch = np.clip(patch, 0, 255).astype(np.uint8)
    pasted = paste_face(face_image, patch, box).astype(int)
    assert np.abs(pasted - face_image).mean() < 1


def test_mouth_box_is_centred_at_three_quarters_of_the_height():
    box = mouth_box(np.array([100, 200, 200, 300], np.float32))
    np.testing.assert_allclose(box, [120, 245, 180, 305])


def test_crop_mouth_cuts_grey_pixels_from_the_image(scene):
    box = np.array([-30, -20, 130, 140], np.float32)  # the mouth box has 96 pixels
    found = crop_mouth(scene, box)
    assert found.shape == (96, 96, 1) and found.dtype == np.uint8
    expected = scene[52:120, 2:98] @ np.array([0.299, 0.587, 0.114])
    assert np.abs(found[:68, :, 0] - expected).max() <= 1
    assert (found[68:] == found[67]).all()  # the border repeats beyond the image


def test_crop_mouth_is_independent_of_the_image_scale(scene):
    box = np.array([40, 10, 120, 90], np.float32)
    small = crop_mouth(scene, box).astype(int)
    twice = scene.repeat(2, axis=0).repeat(2, axis=1)
    large = crop_mouth(twice, 2 * box).astype(int)
    assert np.abs(large - small).mean() < 1.5


def test_tight_face_box_is_the_middle_of_the_square():
    boxes = np.array([[30, 20, 94, 84], [np.nan] * 4], np.float32)
    found = tight_face_box(boxes)
    np.testing.assert_array_equal(found[0], [38, 20, 86, 84])
    assert np.isnan(found[1]).all()


def test_a_tight_crop_has_the_height_of_the_square_and_is_stretched(scene):
    square = np.array([30, 20, 94, 84], np.float32)
    stretched = crop_box(scene, tight_face_box(square), 64).astype(int)
    columns = np.rint((np.arange(64) + 0.5) * 0.75 + 8 - 0.5).astype(int)
    assert np.abs(stretched - crop_box(scene, square, 64)[:, columns]).max() <= 6


@pytest.mark.parametrize("size", [48, 64, 200])
def test_pasting_a_tight_crop_back_changes_almost_nothing(scene, size):
    box = tight_face_box(np.array([30.3, 20.6, 94.3, 84.6], np.float32))
    again = paste_face(scene, crop_box(scene, box, size), box).astype(int)
    assert np.abs(again - scene).max() <= 4
    painted = paste_face(scene, np.zeros((size, size, 3), np.uint8), box)
    changed = np.flatnonzero((painted != scene).any(axis=(0, 2)))
    assert changed.min() >= 38 and changed.max() <= 86


def test_crop_lower_face_is_as_wide_as_the_face_box(scene):
    box = np.array([40, 10, 104, 74], np.float32)
    region = np.array([40, 26, 104, 90], np.float32)  # centred at 3/4 of the box
    found = crop_lower_face(scene, box, 112)
    assert found.shape == (112, 112, 1)
    grey = crop_box(scene, region, 112).astype(float) @ [0.299, 0.587, 0.114]
    assert np.abs(found[..., 0] - grey).max() <= 1
