import cv2
import numpy as np
import pytest

from avjax.media.face import crop_box, detect_faces
from avjax.media.image_io import read_image
from avjax.media.video_reader import read_frames

ANIMALS = ["LivePortrait__s30.jpg", "ATVGnet__test7.jpg"]


@pytest.mark.parametrize("shape", [(300, 400), (1, 1), (2000, 30)])
def test_images_without_a_face_give_no_box(shape):
    noise = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    for image in (noise, np.zeros_like(noise)):
        boxes = detect_faces(image)
        assert boxes.shape == (0, 4) and boxes.dtype == np.float32


def test_a_box_is_a_square_around_the_face(face_image):
    (box,) = detect_faces(face_image)
    assert box[2] - box[0] == pytest.approx(box[3] - box[1], rel=1e-3)
    assert 0.4 < (box[2] - box[0]) / len(face_image) < 0.7


@pytest.mark.parametrize("scale", [0.2, 0.5, 2.0])
def test_the_box_scales_with_the_face(face_image, scale):
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(face_image, None, fx=scale, fy=scale, interpolation=method)
    expected, actual = detect_faces(face_image)[0] * scale, detect_faces(scaled)[0]
    assert np.abs(actual - expected).max() < 0.15 * (expected[2] - expected[0])


def test_a_small_face_in_a_large_image_is_detected(face_image):
    field = np.full((1080, 1920, 3), 120, np.uint8)
    field[400:510, 900:1010] = cv2.resize(face_image, (110, 110))
    (box,) = detect_faces(field)
    centre = (box[:2] + box[2:]) / 2
    assert np.abs(centre - [955, 450]).max() < 15


def test_the_larger_of_two_faces_is_first(face_image):
    pair = np.full((400, 800, 3), 120, np.uint8)
    pair[100:300, 50:250] = cv2.resize(face_image, (200, 200))
    pair[0:400, 400:800] = cv2.resize(face_image, (400, 400))
    boxes = detect_faces(pair)
    assert len(boxes) == 2 and boxes[0, 0] > 400 > boxes[1, 2]


def test_people_and_paintings_have_one_face_and_animals_none(real):
    for path in sorted((real / "portraits").iterdir()):
        boxes = detect_faces(read_image(path).rgb)
        assert len(boxes) == (path.name not in ANIMALS), path.name


def test_the_mouth_is_at_three_quarters_of_the_box(real):
    """Compare with OpenCV's mouth cascade on the five GRID speakers."""
    mouths = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_smile.xml")
    heights, centres = [], []
    for folder in sorted((real / "grid" / "video").iterdir()):
        image = next(read_frames(min(folder.iterdir()), 5))
        face = cv2.cvtColor(
            crop_box(image, detect_faces(image)[0], 200), cv2.COLOR_RGB2GRAY
        )
        found, hits = mouths.detectMultiScale2(face[100:], 1.05, 1, minSize=(40, 20))
        if len(found):
            x, y, width, height = found[np.argmax(hits)]
            heights.append((100 + y + height / 2) / 200)
            centres.append((x + width / 2) / 200)
    assert len(heights) >= 3
    assert (
        abs(np.median(heights) - 0.75) < 0.04 and abs(np.median(centres) - 0.5) < 0.05
    )
