"""Examples of lip codes: shapes, determinism, speed, and what lies outside a clip."""

import numpy as np
import pytest

from avjax.data.examples.base import frame_mel_windows
from avjax.data.examples.lip_codes import SPEEDS, LipCodeExample, hide_parts
from avjax.data.schema import NO_LOWER_FACE
from avjax.errors import InputError
from avjax.faces.editing import crop_encoder_mouth


def test_an_example_has_documented_shapes_and_depends_on_its_generator(lip_record):
    transform = LipCodeExample(20)
    first, again, other = (
        transform.random_map(lip_record, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    assert first["mels"].shape == (20, 16, 80) and first["mels"].dtype == np.float32
    assert first["mouths"].shape == (transform.num_mouths, 40, 56)
    assert first["mouths"].dtype == np.uint8 and first["positions"].shape == (20,)
    for key, value in first.items():
        np.testing.assert_array_equal(value, again[key])
    assert np.abs(first["mels"] - other["mels"]).max() > 0.01


def test_positions_follow_the_speed_and_lie_in_the_mouths(lip_record):
    transform, speeds = LipCodeExample(20), set()
    for seed in range(30):
        example = transform.random_map(lip_record, np.random.default_rng(seed))
        speeds.add(round(float(np.diff(example["positions"]).mean()), 2))
        assert example["positions"][-1] <= transform.num_mouths - 1
        assert example["frame_mask"].all()
    assert speeds == set(SPEEDS)


def test_an_evaluation_example_shows_the_clip_as_it_is(lip_record):
    example = LipCodeExample(20).at(lip_record, 0, 2)
    first = 6  # 45 - 20 + 1 places, a quarter of them before it
    expected = frame_mel_windows(lip_record, first + np.arange(20))
    np.testing.assert_array_equal(example["mels"], expected)
    mouth = crop_encoder_mouth(lip_record["lower_face"][first + 3])
    np.testing.assert_allclose(example["mouths"][3], mouth, atol=0.51)
    np.testing.assert_array_equal(example["positions"], np.arange(20))


def test_without_random_changes_the_audio_is_that_of_the_clip(lip_record, monkeypatch):
    monkeypatch.setattr(
        "avjax.data.examples.lip_codes.augment_speech", lambda wave, rng: wave
    )
    rng = np.random.default_rng(0)
    mels = LipCodeExample(10).varied_mels(lip_record, 12, 1.0, rng)
    expected = frame_mel_windows(lip_record, 12 + np.arange(10))
    np.testing.assert_allclose(mels, expected, atol=1e-3)


def test_a_short_clip_is_filled_up_and_masked(lip_record):
    transform = LipCodeExample(60)
    for example in (
        transform.at(lip_record, 0, 1),
        transform.random_map(lip_record, np.random.default_rng(0)),
    ):
        exists = example["frame_mask"]
        assert exists[:40].all() and not exists[52:].any()
        assert not example["mels"][exists == 0].any()
        assert example["mouths"].shape[0] == transform.num_mouths


def test_parts_of_the_spectrum_are_hidden():
    rng, quiet, level = np.random.default_rng(0), 0, 0
    for _ in range(40):
        mels = rng.normal(size=(12, 16, 80)).astype(np.float32)
        hide_parts(mels, rng)
        quiet += (mels == -4).all((1, 2)).any()
        level += (np.ptp(mels, axis=(0, 1)) < 1e-6).any()
    assert 5 < quiet < 30 and 5 < level < 40


def test_a_corpus_without_lower_faces_has_to_be_built_again(lip_record):
    old = {**lip_record, "lower_face": NO_LOWER_FACE}
    with pytest.raises(InputError, match="clip 7 has no aligned .*; build the"):
        LipCodeExample().random_map(old, np.random.default_rng(0))
