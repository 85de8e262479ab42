"""Tests of rendered frames, landmarks and portraits."""

import cv2
import numpy as np
import pytest

from avjax.constants import FPS
from avjax.data.puppet import (
    articulate,
    make_puppet,
    render_face,
    render_portrait,
    render_portrait_video,
    sample_pose,
    still_pose,
)
from avjax.faces.alignment import face_boxes, fit_similarity
from avjax.faces.detection import detect_faces


def render_phone(puppet, symbol, size=128, motion=None):
    """Render one frame in the middle of a long phone, with its landmarks."""
    tracks = articulate(((symbol, 0.4, 0.6),), 25)[12:13]
    frames, landmarks = render_face(puppet, tracks, motion or still_pose(1), size)
    return frames[0], landmarks[0]


@pytest.fixture(scope="module")
def puppet():
    return next(p for i in range(9) if (p := make_puppet(0, i)).face.beard == 0)


def redness(frame):
    """Measure how red each pixel is, which separates lips from skin."""
    red, green, blue = np.moveaxis(frame.astype(float), -1, 0)
    return red - (green + blue) / 2


@pytest.mark.parametrize("seed", range(6))
def test_landmarks_lie_on_the_lip_contour(puppet, seed):
    """A step across a landmark leads from skin to lip, in any pose."""
    tracks = articulate((("ɛ", 0.4, 0.6),), 25)[12:13]
    frames, landmarks = render_face(puppet, tracks, sample_pose(1, FPS, seed), 256)
    red, points = redness(frames[0]), landmarks[0]
    middle = points[12:].mean(axis=0)
    for point in points[[1, 2, 3, 4, 5, 7, 8, 9, 10, 11]]:
        direction = (point - middle) / np.linalg.norm(point - middle)
        direction = np.array([0.0, np.sign(direction[1])])
        inside, outside = point - 4 * direction, point + 4 * direction
        samples = [red[int(round(y)), int(round(x))] for x, y in (inside, outside)]
        assert samples[0] > samples[1] + 10


def test_open_mouth_is_dark_between_inner_landmarks(puppet):
    frame, points = render_phone(puppet, "ɑ", 128)
    top, bottom = points[14], points[18]
    x, y = 0.4 * top + 0.6 * bottom
    assert bottom[1] - top[1] > 0.08 * 128
    assert frame[int(round(y)), int(round(x))].max() < 90


def test_closed_lips_have_no_opening(puppet):
    for symbol in "pbm":
        _, points = render_phone(puppet, symbol)
        np.testing.assert_allclose(points[13:16], points[[19, 18, 17]], atol=0.2)


def test_rounded_mouth_is_narrower_than_spread_mouth(puppet):
    widths = {}
    for symbol in "ui":
        _, points = render_phone(puppet, symbol)
        widths[symbol] = points[6, 0] - points[0, 0]
    assert widths["u"] < 0.7 * widths["i"]


def test_landmarks_follow_the_68_point_order(puppet):
    _, points = render_phone(puppet, "a")
    assert (np.diff(points[:7, 0]) > 0).all() and (np.diff(points[7:12, 0]) < 0).all()
    assert (np.diff(points[12:17, 0]) > 0).all() and (np.diff(points[17:, 0]) < 0).all()
    assert points[3, 1] < points[14, 1] < points[18, 1] < points[9, 1]


def test_mouth_is_at_three_quarters_of_the_height():
    for index in range(8):
        _, points = render_phone(make_puppet(0, index), "m", 96)
        x, y = points[[0, 6]].mean(axis=0)
        assert abs(x - 47.5) < 1 and abs(y - 71.5) < 2


def test_landmarks_scale_with_the_size(puppet):
    (_, small), (_, large) = (render_phone(puppet, "a", size) for size in (64, 256))
    np.testing.assert_allclose((small + 0.5) * 4, large + 0.5, atol=1e-2)


def test_reduced_large_frame_matches_small_frame(puppet):
    small, large = (render_phone(puppet, "a", size)[0] for size in (64, 256))
    reduced = cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(reduced.astype(float) - small).mean() < 4


def test_lids_and_light_do_not_move_the_mouth(puppet):
    tracks = articulate((), 2)
    motion = still_pose(2)
    motion.lids[1] = 1.0
    motion.light[1] = (0.8, 0.0, 0.0)
    frames, landmarks = render_face(puppet, tracks, motion, 96)
    np.testing.assert_array_equal(landmarks[0], landmarks[1])
    ratio = frames[1, 88:].mean() / frames[0, 88:].mean()
    assert abs(ratio - 0.8) < 0.01
    eyes = slice(35, 45), slice(22, 42)
    shut, awake = frames[1][eyes] / 0.8, frames[0][eyes].astype(float)
    assert np.abs(shut - awake).mean() > 15


def test_portraits_are_detected_by_a_face_detector():
    for index in range(10):
        image, expected = render_portrait(make_puppet(0, index), 320)
        (landmarks,) = detect_faces(image).landmarks
        box, side = face_boxes(fit_similarity(landmarks)), expected[2] - expected[0]
        assert np.abs(box - expected).max() < 0.15 * side


def test_portrait_box_is_the_face_square(puppet):
    """The cropped and resized portrait matches render_face."""
    tracks = articulate((), 1)
    face = render_face(puppet, tracks, still_pose(1), 128)[0][0]
    image, box = render_portrait(puppet, 640)
    scale = (box[2] - box[0]) / 128
    matrix = np.array([[scale, 0, box[0]], [0, scale, box[1]]])
    cut = cv2.warpAffine(
        image, matrix, (128, 128), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    assert np.abs(cut.astype(float) - face).mean() < 8


def test_face_boxes_move_with_the_head(puppet):
    motion = still_pose(2)
    motion.shift[1] = (0.1, 0.0)
    frames, boxes = render_portrait_video(puppet, articulate((), 2), motion, 250)
    np.testing.assert_allclose(boxes[1] - boxes[0], [10, 0, 10, 0], atol=1e-3)
    assert frames.shape == (2, 250, 250, 3)
