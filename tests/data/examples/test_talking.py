"""Training examples of talking faces and sync networks."""

import threading

import numpy as np
import pytest

from avjax.audio.loudness import normalize_speech
from avjax.audio.mel import log_mel, mel_windows
from avjax.data import reel as reels
from avjax.data import schema
from avjax.data.examples.talking import SyncExample, TalkTrainExample
from avjax.data.split_source import open_split


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def clips(numbered):
    """From 9 to 25 frames; every second one has landmarks."""
    return open_split(numbered, "train")


@pytest.fixture
def decoded(monkeypatch):
    """The calls that decoded a frame."""
    count, decode, thread = [], reels._decode_jpeg, threading.get_ident()

    def counted(*arguments):
        if threading.get_ident() == thread:  # loaders of other tests may be active
            count.append(arguments)
        return decode(*arguments)

    monkeypatch.setattr(reels, "_decode_jpeg", counted)
    return count


def expected_windows(record, start_seconds):
    """Cut windows from the mel of the whole clip, prepared as for inference."""
    mel = log_mel(normalize_speech(schema.to_float(record["wave"])))
    return mel_windows(mel, np.asarray(start_seconds))


def test_talk_example_has_nine_frames_and_five_references(clips, rng, number_of):
    starts = set()
    for _ in range(200):
        example = TalkTrainExample().random_map(clips[16], rng)
        window, reference = (number_of(example[k]) for k in ("frames", "reference"))
        assert window.tolist() == list(range(window[0], window[0] + 9))
        assert reference.tolist() == list(range(reference[0], reference[0] + 5))
        assert reference[0] != window[2]
        starts.add((window[0], reference[0]))
    windows, references = (set(column) for column in zip(*starts, strict=True))
    assert windows == set(range(17)), "every place of 25 frames is sampled"
    assert references == set(range(21))


def test_each_target_has_its_mel_window(clips, rng, number_of):
    for _ in range(10):
        example = TalkTrainExample().random_map(clips[16], rng)
        targets = number_of(example["frames"])[2:7]
        expected = expected_windows(clips[16], (targets - 1) / 25)
        np.testing.assert_array_equal(example["mels"], expected)
        expected = expected_windows(clips[16], [targets[0] / 25])[0]
        np.testing.assert_array_equal(example["mel"], expected)


def test_landmarks_are_those_of_targets_or_zero(clips, rng, number_of):
    example = TalkTrainExample().random_map(clips[15], rng)
    points = example["landmarks"][:, 0, 0]
    np.testing.assert_array_equal(points, number_of(example["frames"])[2:7])
    assert not TalkTrainExample().random_map(clips[16], rng)["landmarks"].any()


def test_only_needed_frames_are_decoded(clips, rng, decoded):
    TalkTrainExample().random_map(clips[16], rng)
    assert len(decoded) == 14
    SyncExample().random_map(clips[16], rng)
    assert len(decoded) == 24


def test_moments_share_no_frame(clips, rng):
    starts = [SyncExample(3).random_map(clips[16], rng)["start"] for _ in range(200)]
    gaps = np.abs(np.diff(np.sort(starts, axis=1), axis=1))
    assert gaps.min() == 5
    assert {int(start) for three in starts for start in three} == set(range(21))


def test_each_moment_has_its_frames_and_mel(clips, rng, number_of):
    for moments in (1, 2, 4):
        example = SyncExample(moments).random_map(clips[16], rng)
        assert example["lips"].shape[:2] == (moments, 5)
        for lips, mel, start in zip(
            example["lips"], example["mels"], example["start"], strict=True
        ):
            assert number_of(lips).tolist() == list(range(start, start + 5))
            expected = expected_windows(clips[16], [start / 25])[0]
            np.testing.assert_array_equal(mel, expected)


def test_only_training_examples_are_mirrored(clips, rng):
    ramp = np.broadcast_to(np.arange(0, 160, 10, np.uint8)[:, None], (16, 16, 3))
    record = {**clips[16], "face": schema.Reel.from_frames([ramp] * 25)}

    def rises(example):
        return bool(example["lips"][0, 0, 0, -1, 0] > example["lips"][0, 0, 0, 0, 0])

    samples = [rises(SyncExample().random_map(record, rng)) for _ in range(200)]
    assert 70 < sum(samples) < 130
    assert all(rises(SyncExample().at(record, place, 9)) for place in range(9))


def test_evaluation_examples_are_fixed_and_spread(clips, number_of):
    starts = []
    for place in range(4):
        first, again = (TalkTrainExample().at(clips[16], place, 4) for _ in range(2))
        for key in first:
            np.testing.assert_array_equal(first[key], again[key])
        starts.append(number_of(first["frames"])[0])
        assert number_of(first["reference"])[0] != starts[-1] + 2
    assert (np.diff(starts) >= 4).all() and starts[-1] <= 16


def test_evaluation_moments_are_spread_and_disjoint(clips):
    transform = SyncExample(4)
    starts = np.array(
        [transform.at(clips[16], place, 4)["start"] for place in range(4)]
    )
    assert (np.diff(np.sort(starts, axis=1), axis=1) >= 5).all()
    assert len(np.unique(starts)) > 12, "other place, other moments"


@pytest.mark.parametrize("frames", [1, 4, 5, 8, 9, 10])
def test_short_clip_repeats_its_edges(numbered_source, rng, frames):
    record = numbered_source().read_clip(5)
    record["face"] = schema.Reel(record["face"].blobs[:frames], 3)
    record["wave"] = record["wave"][: frames * 640]
    for transform in (TalkTrainExample(), SyncExample()):
        sampled, fixed = transform.random_map(record, rng), transform.at(record, 1, 2)
        for key in sampled:
            assert sampled[key].shape == fixed[key].shape
            assert np.isfinite(sampled[key]).all()
