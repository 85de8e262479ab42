import cv2
import numpy as np
import pytest

from avjax.faces import detection
from avjax.faces.alignment import face_boxes, fit_similarity
from avjax.faces.detection import detect_faces, face_size, refine_landmarks
from avjax.media.image_io import read_image

DOG = "LivePortrait__s30.jpg"  # another dog is found, as if it were a person


def turn(image: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn an image clockwise about its centre -> the image and the map of points."""
    height, width = image.shape[:2]
    middle = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, -degrees, 1.0)
    border = cv2.BORDER_REPLICATE
    return cv2.warpAffine(image, matrix, (width, height), borderMode=border), matrix


def eye_distance(landmarks: np.ndarray) -> float:
    return float(np.hypot(*(landmarks[1] - landmarks[0])))


def place(image: np.ndarray, side: int, shape=(1080, 1920), at=(400, 900)):
    """Show a portrait at a small size in a large grey image."""
    field = np.full((*shape, 3), 120, np.uint8)
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    field[at[0] : at[0] + side, at[1] : at[1] + side] = small
    return field


@pytest.mark.parametrize(
    "shape", [(300, 400), (0, 0), (0, 50), (1, 1), (31, 31), (2000, 30), (900, 2500)]
)
def test_images_without_a_face_give_no_face(shape):
    noise = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    for image in (noise, np.zeros_like(noise)):
        faces = detect_faces(image)
        assert faces.landmarks.shape == (0, 5, 2) and faces.scores.shape == (0,)
        assert faces.landmarks.dtype == faces.scores.dtype == np.float32


@pytest.mark.parametrize("cell", [3, 11, 29])
def test_smooth_noise_gives_no_face(cell):
    rng = np.random.default_rng(cell)
    coarse = rng.integers(0, 255, (360 // cell, 480 // cell, 3), np.uint8)
    noise = cv2.resize(coarse, (480, 360), interpolation=cv2.INTER_CUBIC)
    assert not len(detect_faces(noise).scores)


def test_landmarks_are_in_order_and_in_the_face(portraits):
    for image in portraits:
        (landmarks,), (score,) = detect_faces(image)
        left, right, nose, mouth_left, mouth_right = landmarks
        assert left[0] < nose[0] < right[0] and mouth_left[0] < mouth_right[0]
        assert max(left[1], right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
        assert 30 < eye_distance(landmarks) < 50 and score > 0.9


@pytest.mark.parametrize("degrees", [-45, -30, -15, 15, 30, 45])
def test_tilted_faces_are_found(portraits, degrees):
    for image in portraits:
        (expected,) = detect_faces(image).landmarks
        turned, matrix = turn(image, degrees)
        (found,) = detect_faces(turned).landmarks
        expected = expected @ matrix[:, :2].T + matrix[:, 2]
        error = np.abs(found - expected).max() / eye_distance(expected)
        assert error < 0.2, error


def test_grey_dark_and_pale_faces_are_found(portrait):
    (expected,) = detect_faces(portrait).landmarks
    grey = portrait.mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2)
    for image in (grey, portrait // 4, 128 + portrait // 4):
        (found,) = detect_faces(image).landmarks
        assert np.abs(found - expected).max() < 0.15 * eye_distance(expected)


@pytest.mark.parametrize("side", [56, 96, 300, 2000])
def test_landmarks_scale_with_the_face(portrait, side):
    (expected,) = detect_faces(portrait).landmarks
    method = cv2.INTER_AREA if side < 256 else cv2.INTER_LINEAR
    scaled = cv2.resize(portrait, (side, side), interpolation=method)
    (found,) = detect_faces(scaled).landmarks * 256 / side
    assert np.abs(found - expected).max() < 0.15 * eye_distance(expected)


@pytest.mark.parametrize("side", [90, 150])  # the face is 40, 66 pixels wide
def test_a_small_face_in_a_large_image_is_found(portraits, side):
    for image in portraits:
        (landmarks,) = detect_faces(place(image, side)).landmarks
        middle = np.array([900 + side / 2, 400 + side / 2])
        assert np.abs(landmarks.mean(0) - middle).max() < side / 4


def test_large_images_are_searched_at_a_reduced_size(monkeypatch):
    sizes = []

    def search(image, tilt):
        sizes.append(max(image.shape))
        return np.zeros((0, 5, 2))

    monkeypatch.setattr(detection, "_search", search)
    assert not len(detect_faces(np.zeros((4000, 6000, 3), np.uint8)).scores)
    assert sizes == [640, 1920, 640, 640]


def test_a_quick_search_does_not_look_for_small_faces(portrait):
    image = place(portrait, 64)
    assert len(detect_faces(image).scores) == 1
    assert not len(detect_faces(image, thorough=False).scores)


def test_the_larger_of_two_faces_is_first(portraits):
    pair = np.full((400, 800, 3), 120, np.uint8)
    pair[100:300, 50:250] = cv2.resize(portraits[0], (200, 200))
    pair[0:400, 400:800] = cv2.resize(portraits[1], (400, 400))
    first, second = detect_faces(pair).landmarks
    assert first[0, 0] > 400 > second[0, 0] and face_size(first) > face_size(second)


def test_a_face_at_the_border_is_found(portrait):
    (expected,) = detect_faces(portrait).landmarks
    left = int(expected[0, 0]) - 20  # the eye is 20 pixels from the border
    (found,) = detect_faces(portrait[:, left:]).landmarks
    error = np.abs(found + [left, 0] - expected).max()
    assert error < 0.15 * eye_distance(expected)


@pytest.mark.parametrize("degrees", [0, 25])
def test_refinement_finds_a_face_that_has_moved(portrait, degrees):
    image, _ = turn(portrait, degrees)
    (expected,) = detect_faces(image).landmarks
    scale = eye_distance(expected)
    for shift in ([0.15, 0], [-0.1, 0.1], [0, -0.15]):
        found, score = refine_landmarks(image, expected + scale * np.array(shift))
        assert score > 0.9 and np.abs(found - expected).max() < 0.1 * scale


def test_refinement_tells_that_no_face_is_there(portrait):
    (landmarks,) = detect_faces(portrait).landmarks
    for image in (np.zeros_like(portrait), portrait[::-1]):
        assert refine_landmarks(image, landmarks)[1] < 0.6
    for outside in (landmarks + 1000, landmarks - 1000):
        found, score = refine_landmarks(portrait, outside)
        assert score == 0 and found.shape == (5, 2)


def test_people_and_paintings_have_one_face_and_a_dog_none(real):
    for path in sorted((real / "portraits").iterdir()):
        faces = detect_faces(read_image(path))
        assert len(faces.scores) == (path.name != DOG), path.name


def test_a_real_face_fills_half_of_its_box(face_image):
    (landmarks,) = detect_faces(face_image).landmarks
    x0, _, x1, _ = face_boxes(fit_similarity(landmarks))
    assert 0.4 < (x1 - x0) / len(face_image) < 0.7
