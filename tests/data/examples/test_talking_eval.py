"""Whole clips: what is shown, what is heard, and what only fills up."""

import numpy as np
import pytest

from avjax.audio import loudness as speech
from avjax.audio import mel as audio
from avjax.data import loader as pipeline
from avjax.data import schema
from avjax.data.examples.talking_eval import TalkClip
from avjax.text.phonemes import CLASSES


@pytest.fixture(scope="module")
def clips(numbered):
    """From 9 to 25 frames; every second one has landmarks."""
    return pipeline.source(numbered, "train")


def test_a_long_clip_is_cut_and_its_reference_comes_from_behind(clips, number_of):
    example = TalkClip(frames=12).at(clips[16], 0, 1)  # 25 frames
    np.testing.assert_array_equal(number_of(example["faces"]), np.arange(12))
    assert number_of(example["reference"][None])[0] >= 12
    assert example["mask"].all()


def test_a_short_clip_is_filled_up_and_says_so(clips, number_of):
    example = TalkClip(frames=12).at(clips[1], 0, 1)  # 10 frames, with landmarks
    shown = [*range(10), 9, 9]
    np.testing.assert_array_equal(number_of(example["faces"]), shown)
    np.testing.assert_array_equal(example["mask"], [1] * 10 + [0] * 2)
    np.testing.assert_array_equal(example["landmarks"][:, 0, 0], shown)
    assert not TalkClip(frames=12).at(clips[0], 0, 1)["landmarks"].any()


def test_places_are_spread_over_the_clip(clips, number_of):
    firsts = [number_of(TalkClip(12).at(clips[16], i, 3)["faces"])[0] for i in range(3)]
    assert firsts == [0, 4, 8]


def test_the_sound_of_a_frame_begins_before_it_and_the_expert_s_with_it(clips):
    record = clips[16]
    example = TalkClip(frames=12).at(record, 2, 3)
    mel = audio.log_mel(speech.prepare(schema.sound(record["wave"])))
    begin = (8 + np.arange(12)) / 25
    np.testing.assert_allclose(example["mels"], audio.windows(mel, begin - 0.04))
    np.testing.assert_allclose(example["heard"], audio.windows(mel, begin))


def test_sounds_are_those_of_the_frames(clips):
    example = TalkClip(frames=12).at(clips[1], 0, 1)  # s from 0.1 to 0.2 seconds
    said = [list(CLASSES).index("spread") + 1 if t in (3, 4) else 0 for t in range(12)]
    np.testing.assert_array_equal(example["sounds"], said)
