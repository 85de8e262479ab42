"""Descriptors of faces: near for one person, far for another, also half covered."""

import numpy as np
import pytest

from avjax.faces.appearance import appearance_distances, describe_face
from avjax.faces.detection import detect_faces


@pytest.fixture(scope="module")
def faces(portraits):
    """Pairs of a portrait and the landmarks in it."""
    return [(image, detect_faces(image).landmarks[0]) for image in portraits]


def test_halves_are_of_length_one(faces):
    descriptor = describe_face(*faces[0])
    assert descriptor.dtype == np.float32 and descriptor.shape[0] == 2
    np.testing.assert_allclose(np.linalg.norm(descriptor, axis=-1), 1, atol=1e-5)


def test_a_face_is_near_itself_in_another_light_size_and_place(faces):
    for image, landmarks in faces:
        darker = (0.7 * image).astype(np.uint8)
        larger = image.repeat(2, axis=0).repeat(2, axis=1)
        expected = describe_face(image, landmarks)
        for other in (
            describe_face(darker, landmarks),
            describe_face(larger, 2 * landmarks + 0.5),
            describe_face(image, landmarks + 1),
        ):
            assert appearance_distances(expected, other).mean() < 0.1


def test_other_people_are_farther_than_the_same_one(faces):
    descriptors = np.stack([describe_face(*face) for face in faces])
    pairs = appearance_distances(descriptors[:, None], descriptors[None]).mean(-1)
    assert np.diagonal(pairs).max() < 1e-5
    assert np.median(pairs[np.triu_indices(len(faces), 1)]) > 0.2


def test_one_half_recognises_a_face_of_which_the_other_is_covered(faces):
    image, landmarks = faces[0]
    covered = image.copy()
    top = int(landmarks[2, 1])
    covered[top:] = (150, 110, 90)
    expected = describe_face(image, landmarks)
    upper, lower = appearance_distances(expected, describe_face(covered, landmarks))
    assert upper < 0.1 < lower


def test_images_without_structure_are_alike(faces):
    landmarks = faces[0][1]
    black, white = (np.full((256, 256, 3), level, np.uint8) for level in (0, 255))
    one, other = describe_face(black, landmarks), describe_face(white, landmarks)
    assert appearance_distances(one, other).max() < 1e-3
