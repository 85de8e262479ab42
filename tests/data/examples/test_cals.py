"""Windows with context: whose sound, which frames, and what does not exist."""

import numpy as np
import pytest

from avjax.audio import loudness as speech
from avjax.audio import mel as audio
from avjax.data import loader as pipeline
from avjax.data import schema
from avjax.data.examples.cals import ContextWindow, UnitWindow
from avjax.data.examples.talking import TalkWindow


@pytest.fixture(scope="module")
def clips(numbered):
    """From 9 to 25 frames."""
    return pipeline.source(numbered, "train")


def heard(record, frames):
    """The windows of the mel of the whole clip, 40 ms before each of the frames."""
    mel = audio.log_mel(speech.prepare(schema.sound(record["wave"])))
    return audio.windows(mel, (np.asarray(frames) - 1) / 25)


@pytest.mark.parametrize("seed", range(4))
def test_a_window_in_context_is_a_talk_window_with_more_sound(clips, seed):
    window, record = ContextWindow(reach=6, near=2), clips[16]
    for drawn, plain in (
        (
            window.random_map(record, np.random.default_rng(seed)),
            TalkWindow().random_map(record, np.random.default_rng(seed)),
        ),
        (window.at(record, seed, 4), TalkWindow().at(record, seed, 4)),
    ):
        np.testing.assert_array_equal(drawn["mels"][6:11], plain["mels"])
        for key in set(plain) - {"mels"}:
            np.testing.assert_array_equal(drawn[key], plain[key])


def test_each_frame_of_the_context_has_its_own_sound(clips, number_of):
    record = clips[16]  # 25 frames
    example = ContextWindow(reach=4, near=2).at(record, 1, 3)
    first = number_of(example["window"])[2] - 4
    np.testing.assert_array_equal(example["mels"], heard(record, first + np.arange(13)))
    assert example["exists"].all()


def test_what_lies_outside_of_a_clip_does_not_exist(clips, number_of):
    """Targets from frame 2 on, of 25: of 15 before, two exist."""
    example = ContextWindow(reach=15, near=5).at(clips[16], 0, 99)
    assert number_of(example["window"])[5] == 2
    expected = [0] * 13 + [1] * 22
    np.testing.assert_array_equal(example["exists"], expected)
    np.testing.assert_array_equal(example["there"], [0, 0, 0] + [1] * 8)
    assert example["mels"].shape == (35, 16, 80)


def test_what_does_not_exist_is_filled_with_sound_of_other_moments(clips):
    """Statistics of a batch are made of it as well: an end, repeated, would count."""
    whole = heard(clips[16], np.arange(25))
    example = ContextWindow(reach=15, near=5).at(clips[16], 0, 99)
    np.testing.assert_array_equal(example["mels"][:13], whole[12:])
    short = UnitWindow(12).at(clips[0], 0, 1)["mels"]  # 9 frames
    np.testing.assert_array_equal(short[9:], heard(clips[0], np.arange(3)))


def test_the_frames_that_targets_may_be_taken_for_are_seen(clips, number_of):
    example = ContextWindow(reach=3, near=4).at(clips[16], 2, 4)
    seen = number_of(example["window"])
    assert seen.tolist() == list(range(seen[0], seen[0] + 13))
    plain = number_of(TalkWindow().at(clips[16], 2, 4)["window"])
    assert seen[4] == plain[2]


def test_a_stretch_has_two_frames_more_on_either_side(clips, number_of):
    record = clips[16]
    firsts = set()
    for seed in range(60):
        drawn = UnitWindow(12).random_map(record, np.random.default_rng(seed))
        seen = number_of(drawn["faces"])
        first = int(seen[2]) if seen[2] > seen[1] else 0
        np.testing.assert_array_equal(seen, np.clip(first + np.arange(-2, 14), 0, 24))
        np.testing.assert_array_equal(
            drawn["mels"], heard(record, first + np.arange(12))
        )
        assert drawn["exists"].all()
        firsts.add(first)
    assert firsts == set(range(14))


def test_a_short_clip_fills_a_stretch_up(clips, number_of):
    drawn = UnitWindow(35).at(clips[0], 0, 1)  # 9 frames
    np.testing.assert_array_equal(drawn["exists"], [1] * 9 + [0] * 26)
    expected = np.clip(np.arange(-2, 37), 0, 8)
    np.testing.assert_array_equal(number_of(drawn["faces"]), expected)


def test_stretches_of_an_evaluation_are_spread(clips, number_of):
    window = UnitWindow(12)
    firsts = [number_of(window.at(clips[16], i, 3)["faces"])[2] for i in range(3)]
    assert firsts == [2, 7, 11]
