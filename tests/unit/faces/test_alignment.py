"""Alignment: the similarity of a face, its smoothing, its box and its crop."""

import cv2
import numpy as np
import pytest

from avjax.faces.alignment import (
    TEMPLATE,
    crop_aligned,
    crop_matrix,
    face_boxes,
    fit_similarity,
    is_profile,
    landmarks_in_box,
    smooth_similarities,
)

RNG = np.random.default_rng(0)
SIDE, MOUTH = 2.1, (0.5, 0.46)


def place(similarity, points=TEMPLATE) -> np.ndarray:
    """Map points of the template to the image."""
    a, b, x, y = similarity
    return points @ np.array([[a, b], [-b, a]]) + [x, y]


def turned(degrees: float, scale: float = 40.0, at=(80.0, 90.0)) -> np.ndarray:
    radians = np.deg2rad(degrees)
    return np.array([scale * np.cos(radians), scale * np.sin(radians), *at])


@pytest.mark.parametrize("degrees", [-120, -45, 0, 10, 90])
def test_the_similarity_of_a_placed_template_is_found(degrees):
    expected = turned(degrees)
    np.testing.assert_allclose(fit_similarity(place(expected)), expected, atol=1e-9)


def test_the_fit_has_the_least_squares_error_and_ignores_the_nose():
    points = place(turned(20)) + RNG.normal(0, 2, (5, 2))
    rows = [
        row for u, v in TEMPLATE[[0, 1, 3, 4]] for row in ([u, -v, 1, 0], [v, u, 0, 1])
    ]
    expected, *_ = np.linalg.lstsq(
        np.array(rows), points[[0, 1, 3, 4]].ravel(), rcond=None
    )
    np.testing.assert_allclose(fit_similarity(points), expected, atol=1e-9)
    points[2] += 30
    np.testing.assert_allclose(fit_similarity(points), expected, atol=1e-9)


def test_similarities_of_absent_faces_are_nan():
    found = fit_similarity(np.full((3, 5, 2), np.nan, np.float32))
    assert found.shape == (3, 4) and np.isnan(found).all()
    assert np.isnan(face_boxes(found)).all()
    assert fit_similarity(np.zeros((0, 5, 2))).shape == (0, 4)


def test_smoothing_of_jitter_is_a_gaussian_average():
    jittering = turned(5) + RNG.normal(0, 0.2, (60, 4))
    weights = np.exp(-0.5 * (np.arange(-6, 7) / 2.0) ** 2)
    padded = np.pad(jittering, ((6, 6), (0, 0)), mode="edge")
    expected = [np.convolve(x, weights / weights.sum(), "valid") for x in padded.T]
    found = smooth_similarities(jittering)
    np.testing.assert_allclose(found, np.stack(expected, -1), atol=0.02)
    assert found[8:-8].std(0).max() < 0.5 * jittering.std(0).max()


@pytest.mark.parametrize("column", [0, 1, 2, 3], ids=["a", "b", "x", "y"])
def test_smoothing_does_not_lag_behind_fast_motion(column):
    step = np.concatenate([np.zeros(30), np.linspace(0, 1, 6), np.ones(30)])
    moving = np.tile(turned(0), (66, 1))
    moving[:, column] += 60 * step if column > 1 else 24 * step
    plain = np.convolve(moving[:, column], np.ones(9) / 9, "same")[10:-10]
    error = np.abs(smooth_similarities(moving) - moving)[10:-10, column].max()
    assert error < 0.5 * np.abs(plain - moving[10:-10, column]).max()
    assert error < 5


def test_smoothing_keeps_steady_motion_and_cuts():
    steady = turned(0) + 0.8 * np.arange(60)[:, None] * [0, 0, 1, 0]
    np.testing.assert_allclose(
        smooth_similarities(steady)[8:-8], steady[8:-8], atol=0.01
    )
    cut = np.concatenate([np.tile(turned(0), (9, 1)), np.tile(turned(9, 90), (9, 1))])
    np.testing.assert_allclose(smooth_similarities(cut), cut, atol=1e-6)


def test_smoothing_keeps_gaps_and_does_not_average_across_them():
    gap = np.concatenate([[turned(0)] * 9, np.full((4, 4), np.nan), [turned(1)] * 9])
    np.testing.assert_allclose(smooth_similarities(gap), gap, atol=1e-9)
    assert smooth_similarities(np.zeros((0, 4))).shape == (0, 4)


def test_landmarks_in_a_box_have_this_box():
    box = np.array([30, 40, 130, 140], np.float32)
    landmarks = landmarks_in_box(box)
    np.testing.assert_allclose(face_boxes(fit_similarity(landmarks)), box, atol=1e-3)
    mouth = (landmarks[3] + landmarks[4]) / 2
    assert mouth[0] == pytest.approx(80) and 0.70 < (mouth[1] - 40) / 100 < 0.76


@pytest.mark.parametrize("degrees", [-45, 0, 30])
def test_the_box_stays_upright_above_the_mouth_of_a_tilted_face(degrees):
    x0, y0, x1, y1 = face_boxes(turned(degrees))
    assert (x0 + x1) / 2 == pytest.approx(80) and x1 - x0 == pytest.approx(y1 - y0)
    np.testing.assert_allclose([x0, y0, x1, y1], face_boxes(turned(0)), atol=1e-4)


@pytest.mark.parametrize("degrees", [0, 45])
def test_the_crop_shows_the_mouth_at_its_place(degrees):
    similarity, size = turned(degrees), 64
    inverse = cv2.invertAffineTransform(crop_matrix(similarity, size, SIDE, MOUTH))
    mouth = inverse @ [*similarity[2:], 1]
    np.testing.assert_allclose(mouth, [31.5, 0.46 * 64 - 0.5], atol=1e-9)
    eyes = place(similarity)[:2] @ inverse[:, :2].T + inverse[:, 2]
    np.testing.assert_allclose(eyes[1] - eyes[0], [64 / SIDE, 0], atol=1e-9)


def test_an_upright_crop_on_the_pixel_grid_is_a_slice():
    image = RNG.integers(0, 255, (120, 160, 3), np.uint8)
    similarity = np.array([40, 0, 79.5, 79.5])  # the crop of side 2 has 80 pixels
    crop = crop_aligned(image, similarity, 80, 2.0, (0.5, 0.5))
    assert np.array_equal(crop[:80], image[40:120, 40:120])
    small = crop_aligned(image, similarity, 20, 2.0, (0.5, 0.5))
    expected = image[40:120, 40:120].reshape(20, 4, 20, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - expected).max() <= 1


def test_the_crop_of_a_turned_face_is_that_of_the_upright_one():
    y, x = np.mgrid[0:160, 0:160]
    image = (120 + 60 * np.sin(x / 9) * np.cos(y / 7)).astype(np.uint8)
    image = image[..., None].repeat(3, -1)
    upright = np.array([30, 0, 79.5, 79.5])
    matrix = cv2.getRotationMatrix2D((79.5, 79.5), -30, 1.0)  # clockwise
    rotated = cv2.warpAffine(image, matrix, (160, 160), flags=cv2.INTER_CUBIC)
    expected = crop_aligned(image, upright, 48, SIDE, MOUTH).astype(int)
    found = crop_aligned(rotated, turned(30, 30, (79.5, 79.5)), 48, SIDE, MOUTH)
    assert np.abs(found - expected).max() < 8


def test_the_crop_repeats_the_border_beyond_the_image():
    image = np.full((40, 40, 3), 90, np.uint8)
    crop = crop_aligned(image, np.array([60, 0, 0, 0]), 32, SIDE, MOUTH)
    assert (crop == 90).all()


def test_faces_seen_from_the_side_are_profiles():
    front = place(turned(20))
    one_sided, narrow = front.copy(), TEMPLATE * [0.3, 1]
    one_sided[2] = front[1] + 3 * (front[1] - front[0]) / 40
    absent = np.full((5, 2), np.nan)
    faces = np.stack([front, one_sided, narrow, absent])
    assert is_profile(faces).tolist() == [False, True, True, False]
