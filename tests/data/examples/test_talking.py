"""Windows: the right frames, the right sound, and no more work than that."""

import threading

import numpy as np
import pytest

from avjax.audio import loudness as speech
from avjax.audio import mel as audio
from avjax.data import loader as pipeline
from avjax.data import schema
from avjax.data.examples.talking import SyncWindow, TalkWindow


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def clips(numbered):
    """From 9 to 25 frames; every second one has landmarks."""
    return pipeline.source(numbered, "train")


@pytest.fixture
def decoded(monkeypatch):
    """Counts frames as they are decoded."""
    count, decode, here = [], schema._decode, threading.get_ident()

    def counted(*given):
        if threading.get_ident() == here:  # loaders of other tests may still read
            count.append(given)
        return decode(*given)

    monkeypatch.setattr(schema, "_decode", counted)
    return count


def heard(record, start_seconds):
    """The windows of the mel of the whole clip, prepared as for inference."""
    mel = audio.log_mel(speech.prepare(schema.sound(record["wave"])))
    return audio.windows(mel, np.asarray(start_seconds))


def test_a_talk_window_is_nine_frames_in_a_row_and_five_others(clips, rng, number_of):
    starts = set()
    for _ in range(200):
        example = TalkWindow().random_map(clips[16], rng)
        window, reference = (number_of(example[k]) for k in ("window", "reference"))
        assert window.tolist() == list(range(window[0], window[0] + 9))
        assert reference.tolist() == list(range(reference[0], reference[0] + 5))
        assert reference[0] != window[2]
        starts.add((window[0], reference[0]))
    windows, references = (set(column) for column in zip(*starts, strict=True))
    assert windows == set(range(17)), "every place of 25 frames is drawn"
    assert references == set(range(21))


def test_each_target_hears_the_sound_around_it(clips, rng, number_of):
    for _ in range(10):
        example = TalkWindow().random_map(clips[16], rng)
        targets = number_of(example["window"])[2:7]
        expected = heard(clips[16], (targets - 1) / 25)
        np.testing.assert_array_equal(example["mels"], expected)
        expected = heard(clips[16], [targets[0] / 25])[0]
        np.testing.assert_array_equal(example["mel"], expected)


def test_landmarks_are_those_of_the_targets_or_zeros(clips, rng, number_of):
    example = TalkWindow().random_map(clips[15], rng)
    marks = example["landmarks"][:, 0, 0]
    np.testing.assert_array_equal(marks, number_of(example["window"])[2:7])
    assert not TalkWindow().random_map(clips[16], rng)["landmarks"].any()


def test_no_frame_is_decoded_for_nothing(clips, rng, decoded):
    TalkWindow().random_map(clips[16], rng)
    assert len(decoded) == 14
    SyncWindow().random_map(clips[16], rng)
    assert len(decoded) == 24


def test_moments_of_a_clip_share_no_frame(clips, rng):
    starts = [SyncWindow(3).random_map(clips[16], rng)["start"] for _ in range(200)]
    gaps = np.abs(np.diff(np.sort(starts, axis=1), axis=1))
    assert gaps.min() == 5
    assert {int(start) for three in starts for start in three} == set(range(21))


def test_each_moment_has_its_own_frames_and_sound(clips, rng, number_of):
    for moments in (1, 2, 4):
        example = SyncWindow(moments).random_map(clips[16], rng)
        assert example["lips"].shape[:2] == (moments, 5)
        for lips, mel, start in zip(
            example["lips"], example["mels"], example["start"], strict=True
        ):
            assert number_of(lips).tolist() == list(range(start, start + 5))
            expected = heard(clips[16], [start / 25])[0]
            np.testing.assert_array_equal(mel, expected)


def test_half_of_the_clips_are_seen_in_a_mirror_and_none_in_an_evaluation(clips, rng):
    ramp = np.broadcast_to(np.arange(0, 160, 10, np.uint8)[:, None], (16, 16, 3))
    record = {**clips[16], "face": schema.Reel.of([ramp] * 25)}

    def rises(example):
        return bool(example["lips"][0, 0, 0, -1, 0] > example["lips"][0, 0, 0, 0, 0])

    drawn = [rises(SyncWindow().random_map(record, rng)) for _ in range(200)]
    assert 70 < sum(drawn) < 130
    assert all(rises(SyncWindow().at(record, place, 9)) for place in range(9))


def test_the_windows_of_an_evaluation_are_always_the_same_and_spread(clips, number_of):
    starts = []
    for place in range(4):
        first, again = (TalkWindow().at(clips[16], place, 4) for _ in range(2))
        for key in first:
            np.testing.assert_array_equal(first[key], again[key])
        starts.append(number_of(first["window"])[0])
        assert number_of(first["reference"])[0] != starts[-1] + 2
    assert (np.diff(starts) >= 4).all() and starts[-1] <= 16


def test_moments_of_an_evaluation_are_spread_and_apart(clips):
    window = SyncWindow(4)
    starts = np.array([window.at(clips[16], place, 4)["start"] for place in range(4)])
    assert (np.diff(np.sort(starts, axis=1), axis=1) >= 5).all()
    assert len(np.unique(starts)) > 12, "another place, other moments"


@pytest.mark.parametrize("frames", [1, 4, 5, 8, 9, 10])
def test_a_short_clip_holds_its_edges(recipe, rng, frames):
    record = recipe().read(5)
    record["face"] = schema.Reel(record["face"].blobs[:frames], 3)
    record["wave"] = record["wave"][: frames * 640]
    for window in (TalkWindow(), SyncWindow()):
        drawn, fixed = window.random_map(record, rng), window.at(record, 1, 2)
        for key in drawn:
            assert drawn[key].shape == fixed[key].shape
            assert np.isfinite(drawn[key]).all()
