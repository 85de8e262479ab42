"""Aligned lower faces, and edits that are applied to whole frames."""

import numpy as np
import pytest

from avjax.faces.editing import (
    LOWER_FACE_SIZE,
    MOUTH_SHAPE,
    AlignedFrame,
    Edit,
    apply_edit,
    crop_encoder_mouth,
    crop_lower_face_aligned,
    edit_region,
)

SIZE = 32


def smooth_image(shape: tuple[int, int] = (200, 240), phase: float = 0.0) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = [np.sin(x / 17 + phase), np.cos(y / 13 + phase), np.sin((x + y) / 23)]
    return (127 + 90 * np.stack(waves, axis=-1)).astype(np.uint8)


def aligned(image: np.ndarray, angle: float = 0.0) -> AlignedFrame:
    eyes = 60.0
    a, b = eyes * np.cos(angle), eyes * np.sin(angle)
    return AlignedFrame(image, np.array([a, b, 120.0, 100.0]))


def make_edit(weights: tuple[float, float, float], flow=(0.0, 0.0)) -> Edit:
    still = np.zeros((SIZE, SIZE, 2), np.float32)
    paint = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    return Edit(
        still + np.asarray(flow, np.float32),
        still,
        paint,
        np.broadcast_to(np.asarray(weights, np.float32), (SIZE, SIZE, 3)),
    )


def test_copying_the_frame_changes_no_pixel():
    frame = aligned(smooth_image(), 0.4)
    edited = apply_edit(frame, frame, make_edit((1, 0, 0)))
    assert np.abs(edited.astype(int) - frame.image).max() <= 1


def test_no_pixel_outside_of_the_region_changes():
    frame = aligned(smooth_image())
    edited = apply_edit(frame, frame, make_edit((0, 0, 1)))
    changed = np.flatnonzero((edited != frame.image).any(axis=(0, 2)))
    half = 2.1 * 60 / 2
    assert 120 - half <= changed.min() < changed.max() <= 120 + half
    assert (edited[100, 120] == 127).all() or (edited[100, 120] == 128).all()


def test_the_reference_is_taken_from_the_same_place_of_the_face():
    image = smooth_image()
    frame, reference = aligned(image), aligned(image, 0.5)
    turned = apply_edit(frame, reference, make_edit((0, 1, 0)))
    same = apply_edit(frame, frame, make_edit((0, 1, 0)))
    assert np.abs(same.astype(int) - image).max() <= 1
    assert np.abs(turned.astype(int) - image).max() > 20
    mouth = np.abs(turned[100, 120].astype(int) - image[100, 120]).max()
    assert mouth <= 3  # the mouth is the centre of the turn


def test_a_flow_moves_pixels_by_its_length_in_the_frame():
    frame = aligned(smooth_image())
    edited = apply_edit(frame, frame, make_edit((1, 0, 0), flow=(2, 0)))
    shift = 2 * 2.1 * 60 / SIZE  # pixels of the frame
    expected = frame.image[100, round(120 + shift)]
    np.testing.assert_allclose(edited[100, 120].astype(int), expected, atol=4)


def test_a_face_beyond_the_frame_leaves_it_unchanged():
    image = smooth_image()
    far = AlignedFrame(image, np.array([60.0, 0.0, 900.0, 100.0]))
    assert (apply_edit(far, far, make_edit((0, 0, 1))) == image).all()


def test_a_face_at_the_border_is_edited_inside_the_frame():
    image = smooth_image()
    border = AlignedFrame(image, np.array([60.0, 0.0, 2.0, 100.0]))
    edited = apply_edit(border, border, make_edit((0, 0, 1)))
    assert edited.shape == image.shape
    assert (edited[:, 150:] == image[:, 150:]).all()
    assert (edited[100, 2] != image[100, 2]).any()


def test_the_lower_face_is_upright_for_a_tilted_head():
    image = smooth_image()
    upright = crop_lower_face_aligned(aligned(image))
    assert upright.shape == (LOWER_FACE_SIZE, LOWER_FACE_SIZE, 3)
    tilted = crop_lower_face_aligned(aligned(image, 0.7))
    assert np.abs(upright.astype(int) - tilted).mean() > 5
    center = (round(0.46 * LOWER_FACE_SIZE), LOWER_FACE_SIZE // 2)
    difference = upright[center].astype(int) - tilted[center]
    assert np.abs(difference).max() <= 4


@pytest.mark.parametrize("zoom", [0.9, 1.0, 1.1])
def test_the_mouth_of_the_encoder_is_grey_and_has_its_shape(zoom):
    face = np.full((LOWER_FACE_SIZE, LOWER_FACE_SIZE, 3), 60, np.uint8)
    mouth = crop_encoder_mouth(face, (1.0, -2.0), 0.1, zoom)
    assert mouth.shape == MOUTH_SHAPE
    np.testing.assert_allclose(mouth, 60, atol=0.1)


def test_the_region_is_full_at_the_mouth_and_zero_at_the_edges():
    region = edit_region(96)
    assert region[45, 48] == 1
    for edge in (region[0], region[-1], region[:, 0], region[:, -1]):
        assert edge.max() < 0.01


def test_a_grey_frame_stays_grey():
    grey = np.repeat(smooth_image()[..., :1], 3, axis=-1)
    edit = make_edit((0, 0, 1))._replace(
        paint=np.broadcast_to(np.float32([0.2, 0.9, 0.4]), (SIZE, SIZE, 3))
    )
    frame = aligned(grey)
    edited = apply_edit(frame, frame, edit).astype(int)
    assert np.ptp(edited, axis=-1).max() <= 1
    assert np.abs(edited - grey).max() > 20
    color = aligned(smooth_image())
    assert np.ptp(apply_edit(color, color, edit)[100, 120].astype(int)) > 100
