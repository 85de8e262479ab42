import cv2
import numpy as np
import pytest

from avjax.data.puppet import (
    articulate,
    film,
    make_puppet,
    portrait,
    pose,
    render,
    still,
)


def mouth_of(puppet, symbol, size=128, motion=None):
    """One frame in the middle of a long phone, and its landmarks."""
    tracks = articulate(((symbol, 0.4, 0.6),), 25)[12:13]
    frames, landmarks = render(puppet, tracks, motion or still(1), size)
    return frames[0], landmarks[0]


@pytest.fixture(scope="module")
def puppet():
    return next(p for i in range(9) if (p := make_puppet(0, i)).face.beard == 0)


def redness(frame):
    """How much redder than skin, which separates the lips."""
    red, green, blue = np.moveaxis(frame.astype(float), -1, 0)
    return red - (green + blue) / 2


@pytest.mark.parametrize("seed", range(6))
def test_landmarks_lie_on_the_outline_of_the_lips(puppet, seed):
    """A step across a landmark goes from skin to lip, wherever the head is."""
    tracks = articulate((("ɛ", 0.4, 0.6),), 25)[12:13]
    frames, landmarks = render(puppet, tracks, pose(1, 25, seed), 256)
    red, points = redness(frames[0]), landmarks[0]
    middle = points[12:].mean(axis=0)
    for point in points[[1, 2, 3, 4, 5, 7, 8, 9, 10, 11]]:
        away = (point - middle) / np.linalg.norm(point - middle)
        away = np.array([0.0, np.sign(away[1])])
        inside, outside = point - 4 * away, point + 4 * away
        samples = [red[int(round(y)), int(round(x))] for x, y in (inside, outside)]
        assert samples[0] > samples[1] + 10


def test_an_open_mouth_is_dark_between_its_inner_landmarks(puppet):
    frame, points = mouth_of(puppet, "ɑ", 128)
    top, bottom = points[14], points[18]
    x, y = 0.4 * top + 0.6 * bottom
    assert bottom[1] - top[1] > 0.08 * 128
    assert frame[int(round(y)), int(round(x))].max() < 90


def test_shut_lips_have_no_opening(puppet):
    for symbol in "pbm":
        _, points = mouth_of(puppet, symbol)
        np.testing.assert_allclose(points[13:16], points[[19, 18, 17]], atol=0.2)


def test_a_round_mouth_is_narrower_than_a_spread_one(puppet):
    widths = {}
    for symbol in "ui":
        _, points = mouth_of(puppet, symbol)
        widths[symbol] = points[6, 0] - points[0, 0]
    assert widths["u"] < 0.7 * widths["i"]


def test_points_stand_in_the_order_of_the_68(puppet):
    _, points = mouth_of(puppet, "a")
    assert (np.diff(points[:7, 0]) > 0).all() and (np.diff(points[7:12, 0]) < 0).all()
    assert (np.diff(points[12:17, 0]) > 0).all() and (np.diff(points[17:, 0]) < 0).all()
    assert points[3, 1] < points[14, 1] < points[18, 1] < points[9, 1]


def test_the_mouth_is_at_three_quarters_of_the_height():
    for index in range(8):
        _, points = mouth_of(make_puppet(0, index), "m", 96)
        x, y = points[[0, 6]].mean(axis=0)
        assert abs(x - 47.5) < 1 and abs(y - 71.5) < 2


def test_landmarks_scale_with_the_size(puppet):
    (_, small), (_, large) = (mouth_of(puppet, "a", size) for size in (64, 256))
    np.testing.assert_allclose((small + 0.5) * 4, large + 0.5, atol=1e-2)


def test_a_large_picture_reduced_is_nearly_the_small_one(puppet):
    small, large = (mouth_of(puppet, "a", size)[0] for size in (64, 256))
    reduced = cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(reduced.astype(float) - small).mean() < 4


def test_eyes_close_and_light_changes_and_the_mouth_stays(puppet):
    tracks = articulate((), 2)
    motion = still(2)
    motion.lids[1] = 1.0
    motion.light[1] = (0.8, 0.0, 0.0)
    frames, landmarks = render(puppet, tracks, motion, 96)
    np.testing.assert_array_equal(landmarks[0], landmarks[1])
    ratio = frames[1, 88:].mean() / frames[0, 88:].mean()
    assert abs(ratio - 0.8) < 0.01
    eyes = slice(35, 45), slice(22, 42)
    shut, awake = frames[1][eyes] / 0.8, frames[0][eyes].astype(float)
    assert np.abs(shut - awake).mean() > 15


def test_a_portrait_is_found_by_the_cascade():
    cascade = cv2.CascadeClassifier(
        cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml"
    )
    found = 0
    for index in range(10):
        picture, (x0, y0, x1, y1) = portrait(make_puppet(0, index), 320)
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        for x, y, side, _ in cascade.detectMultiScale(grey, 1.1, 4, minSize=(40, 40)):
            near = np.hypot(x + side / 2 - (x0 + x1) / 2, y + side / 2 - (y0 + y1) / 2)
            if near < 0.15 * (x1 - x0) and 0.6 < side / (x1 - x0) < 1.0:
                found += 1
                break
    assert found >= 8


def test_the_box_of_a_portrait_is_the_face_square(puppet):
    """Cut out and resized, it is what render shows."""
    tracks = articulate((), 1)
    face = render(puppet, tracks, still(1), 128)[0][0]
    picture, box = portrait(puppet, 640)
    scale = (box[2] - box[0]) / 128
    matrix = np.array([[scale, 0, box[0]], [0, scale, box[1]]])
    cut = cv2.warpAffine(
        picture, matrix, (128, 128), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    assert np.abs(cut.astype(float) - face).mean() < 8


def test_a_film_moves_its_boxes_with_the_head(puppet):
    motion = still(2)
    motion.shift[1] = (0.1, 0.0)
    frames, boxes = film(puppet, articulate((), 2), motion, 250)
    np.testing.assert_allclose(boxes[1] - boxes[0], [10, 0, 10, 0], atol=1e-3)
    assert frames.shape == (2, 250, 250, 3)
