"""Examples of lip editing: shapes, determinism, and where a frame is changed."""

import numpy as np
import pytest

from avjax.data.examples.lip_editing import LipEditClip, LipEditExample
from avjax.data.schema import NO_LOWER_FACE
from avjax.errors import InputError
from avjax.faces.wrong_mouths import (
    blur_mouth,
    nearest_pose,
    paste_mask,
    paste_mouth,
)


def test_an_example_has_documented_shapes_and_depends_on_its_generator(lip_record):
    transform = LipEditExample(64)
    first, again, other = (
        transform.random_map(lip_record, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    for key in ("frame", "target", "reference"):
        assert first[key].shape == (64, 64, 3) and first[key].dtype == np.float32
        assert 0 <= first[key].min() <= first[key].max() <= 1
    assert first["mouth"].shape == (40, 56) and first["mouth"].dtype == np.float32
    for key, value in first.items():
        np.testing.assert_array_equal(value, again[key])
    assert np.abs(first["target"] - other["target"]).max() > 0.01


@pytest.mark.parametrize("seed", range(12))
def test_all_random_changes_keep_the_frame_beside_its_target(lip_record, seed):
    """Far from the mouth, frame and target are equal, but for JPEG's blocks."""
    rng = np.random.default_rng(seed)
    example = LipEditExample(96).random_map(lip_record, rng)
    difference = np.abs(example["frame"] - example["target"])
    assert difference[:6].max() < 0.1


def test_an_example_of_an_evaluation_changes_the_mouth_only(lip_record):
    example = LipEditExample(128).at(lip_record, 1, 3)
    difference = np.abs(example["frame"] - example["target"])
    assert difference[:20].max() < 1e-3 and difference[:, :15].max() < 1e-3
    assert difference[50:90, 44:84].max() > 0.2
    assert np.ptp(example["mouth"]) > 0.2


def test_the_frames_of_a_clip_are_its_single_examples(lip_record):
    clip = LipEditClip(num_frames=4, size=32).at(lip_record, 0, 1)
    single = LipEditExample(32).at(lip_record, 2, 4)
    assert clip["frame"].shape == (4, 32, 32, 3) and clip["mouth"].shape == (4, 40, 56)
    np.testing.assert_array_equal(clip["target"][2], single["target"])
    assert clip["weight"].shape == ()


def test_a_neighbour_is_pasted_only_if_there_is_no_other_frame():
    pose = np.zeros((9, 6))
    pose[5:] = 0.5
    assert nearest_pose(pose, 3, np.array([2, 4, 8])) == 8
    assert nearest_pose(pose, 3, np.array([2, 3, 4])) == 2


def test_a_pasted_mouth_takes_the_colours_around_it():
    target = np.full((128, 128, 3), 0.6, np.float32)
    pasted = np.full((128, 128, 3), 0.3, np.float32)
    pasted[60:70, 55:75] = 0.0
    result = paste_mouth(target, pasted, paste_mask())
    np.testing.assert_allclose(result[:20], 0.6)
    np.testing.assert_allclose(result[50, 64], 0.6, atol=1e-3)
    np.testing.assert_allclose(result[65, 64], 0.3, atol=1e-3)


def test_blur_hides_the_mouth_only():
    image = np.zeros((128, 128, 3), np.float32)
    image[::2] = 1
    blurred = blur_mouth(image, np.random.default_rng(0))
    np.testing.assert_allclose(blurred[:20], image[:20])
    assert np.abs(blurred[60:70, 60:68] - 0.5).max() < 0.1


def test_a_corpus_without_lower_faces_has_to_be_built_again(lip_record):
    old = {**lip_record, "lower_face": NO_LOWER_FACE}
    for make in (
        lambda: LipEditExample().at(old, 0, 1),
        lambda: LipEditExample().random_map(old, np.random.default_rng(0)),
    ):
        with pytest.raises(InputError, match="clip 7 has no aligned .*; build the"):
            make()
