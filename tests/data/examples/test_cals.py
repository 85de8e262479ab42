"""Training examples of CALS: context, candidates, and what lies outside a clip."""

import numpy as np
import pytest

from avjax.audio.loudness import normalize_speech
from avjax.audio.mel import log_mel, mel_windows
from avjax.data import schema
from avjax.data.examples.cals import CalsTrainExample, CalsUnitExample
from avjax.data.examples.talking import TalkTrainExample
from avjax.data.split_source import open_split


@pytest.fixture(scope="module")
def clips(numbered):
    """From 9 to 25 frames."""
    return open_split(numbered, "train")


def expected_windows(record, frames):
    """Cut windows from the mel of the whole clip, 40 ms before each of the frames."""
    mel = log_mel(normalize_speech(schema.to_float(record["wave"])))
    return mel_windows(mel, (np.asarray(frames) - 1) / 25)


@pytest.mark.parametrize("seed", range(4))
def test_cals_example_is_talk_example_with_more_audio(clips, seed):
    transform, record = CalsTrainExample(context_frames=6, max_offset=2), clips[16]
    for sampled, plain in (
        (
            transform.random_map(record, np.random.default_rng(seed)),
            TalkTrainExample().random_map(record, np.random.default_rng(seed)),
        ),
        (transform.at(record, seed, 4), TalkTrainExample().at(record, seed, 4)),
    ):
        np.testing.assert_array_equal(sampled["mels"][6:11], plain["mels"])
        for key in set(plain) - {"mels"}:
            np.testing.assert_array_equal(sampled[key], plain[key])


def test_each_context_frame_has_its_mel(clips, number_of):
    record = clips[16]  # 25 frames
    example = CalsTrainExample(context_frames=4, max_offset=2).at(record, 1, 3)
    first = number_of(example["frames"])[2] - 4
    np.testing.assert_array_equal(
        example["mels"], expected_windows(record, first + np.arange(13))
    )
    assert example["frame_mask"].all()


def test_frames_outside_the_clip_are_masked(clips, number_of):
    """Targets from frame 2 on, of 25: of 15 frames before, two exist."""
    example = CalsTrainExample(context_frames=15, max_offset=5).at(clips[16], 0, 99)
    assert number_of(example["frames"])[5] == 2
    expected = [0] * 13 + [1] * 22
    np.testing.assert_array_equal(example["frame_mask"], expected)
    np.testing.assert_array_equal(example["candidate_mask"], [0, 0, 0] + [1] * 8)
    assert example["mels"].shape == (35, 16, 80)


def test_audio_outside_the_clip_is_that_of_other_moments(clips):
    """A repeated edge would change the statistics of a batch."""
    all_windows = expected_windows(clips[16], np.arange(25))
    example = CalsTrainExample(context_frames=15, max_offset=5).at(clips[16], 0, 99)
    np.testing.assert_array_equal(example["mels"][:13], all_windows[12:])
    short = CalsUnitExample(12).at(clips[0], 0, 1)["mels"]  # 9 frames
    np.testing.assert_array_equal(short[9:], expected_windows(clips[0], np.arange(3)))


def test_frames_cover_all_candidates(clips, number_of):
    example = CalsTrainExample(context_frames=3, max_offset=4).at(clips[16], 2, 4)
    numbers = number_of(example["frames"])
    assert numbers.tolist() == list(range(numbers[0], numbers[0] + 13))
    plain = number_of(TalkTrainExample().at(clips[16], 2, 4)["frames"])
    assert numbers[4] == plain[2]


def test_unit_example_has_two_more_frames_on_either_side(clips, number_of):
    record = clips[16]
    firsts = set()
    for seed in range(60):
        sampled = CalsUnitExample(12).random_map(record, np.random.default_rng(seed))
        numbers = number_of(sampled["faces"])
        first = int(numbers[2]) if numbers[2] > numbers[1] else 0
        np.testing.assert_array_equal(
            numbers, np.clip(first + np.arange(-2, 14), 0, 24)
        )
        np.testing.assert_array_equal(
            sampled["mels"], expected_windows(record, first + np.arange(12))
        )
        assert sampled["frame_mask"].all()
        firsts.add(first)
    assert firsts == set(range(14))


def test_short_clip_is_padded_and_masked(clips, number_of):
    example = CalsUnitExample(35).at(clips[0], 0, 1)  # 9 frames
    np.testing.assert_array_equal(example["frame_mask"], [1] * 9 + [0] * 26)
    expected = np.clip(np.arange(-2, 37), 0, 8)
    np.testing.assert_array_equal(number_of(example["faces"]), expected)


def test_evaluation_stretches_are_spread(clips, number_of):
    transform = CalsUnitExample(12)
    firsts = [number_of(transform.at(clips[16], i, 3)["faces"])[2] for i in range(3)]
    assert firsts == [2, 7, 11]
