"""Evaluation examples of talking faces."""

import numpy as np
import pytest

from avjax.audio.loudness import normalize_speech
from avjax.audio.mel import log_mel, mel_windows
from avjax.data import schema
from avjax.data.examples.talking_eval import TalkEvalClip
from avjax.data.split_source import open_split
from avjax.text.phonemes import PHONEME_CLASSES


@pytest.fixture(scope="module")
def clips(numbered):
    """From 9 to 25 frames; every second one has landmarks."""
    return open_split(numbered, "train")


def test_reference_is_outside_of_the_stretch(clips, number_of):
    example = TalkEvalClip(num_frames=12).at(clips[16], 0, 1)  # 25 frames
    np.testing.assert_array_equal(number_of(example["faces"]), np.arange(12))
    assert number_of(example["reference"][None])[0] >= 12
    assert example["frame_mask"].all()


def test_short_clip_is_padded_and_masked(clips, number_of):
    example = TalkEvalClip(num_frames=12).at(
        clips[1], 0, 1
    )  # 10 frames, with landmarks
    expected = [*range(10), 9, 9]
    np.testing.assert_array_equal(number_of(example["faces"]), expected)
    np.testing.assert_array_equal(example["frame_mask"], [1] * 10 + [0] * 2)
    np.testing.assert_array_equal(example["landmarks"][:, 0, 0], expected)
    assert not TalkEvalClip(num_frames=12).at(clips[0], 0, 1)["landmarks"].any()


def test_stretches_are_spread_over_the_clip(clips, number_of):
    firsts = [
        number_of(TalkEvalClip(12).at(clips[16], i, 3)["faces"])[0] for i in range(3)
    ]
    assert firsts == [0, 4, 8]


def test_mels_begin_before_and_sync_mels_with_the_frame(clips):
    record = clips[16]
    example = TalkEvalClip(num_frames=12).at(record, 2, 3)
    mel = log_mel(normalize_speech(schema.to_float(record["wave"])))
    starts = (8 + np.arange(12)) / 25
    np.testing.assert_allclose(example["mels"], mel_windows(mel, starts - 0.04))
    np.testing.assert_allclose(example["sync_mels"], mel_windows(mel, starts))


def test_phoneme_classes_are_those_of_the_frames(clips):
    example = TalkEvalClip(num_frames=12).at(
        clips[1], 0, 1
    )  # s from 0.1 to 0.2 seconds
    classes = [
        list(PHONEME_CLASSES).index("spread") + 1 if t in (3, 4) else 0
        for t in range(12)
    ]
    np.testing.assert_array_equal(example["phoneme_class"], classes)
