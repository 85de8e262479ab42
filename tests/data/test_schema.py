"""Records are read as they were written."""

import threading

import numpy as np
import pytest

from avjax.data import reel as reels
from avjax.data import schema
from avjax.data.split_source import open_split


@pytest.fixture
def pictures(rng):
    ramp = np.linspace(0, 200, 32 * 32 * 3).reshape(1, 32, 32, 3)
    return (ramp + rng.uniform(0, 50, (6, 1, 1, 1))).astype(np.uint8)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_reel_returns_its_frames(pictures):
    reel = schema.Reel.from_frames(pictures)
    assert len(reel) == 6
    assert np.abs(reel[:].astype(int) - pictures).max() <= 8
    np.testing.assert_array_equal(reel[2:4], np.stack([reel[2], reel[3]]))
    np.testing.assert_array_equal(reel.take([5, 0])[0], reel[-1])


def test_colour_channels_keep_their_order():
    red = np.zeros((1, 16, 16, 3), np.uint8)
    red[..., 0] = 200
    out = schema.Reel.from_frames(red)[0].reshape(-1, 3).mean(0)
    assert out[0] > 190 and out[1:].max() < 10


def test_grey_reel_has_one_channel(pictures):
    reel = schema.Reel.from_frames(pictures[..., :1])
    assert reel[0].shape == (32, 32, 1) and reel[:3].shape == (3, 32, 32, 1)


def test_only_requested_frames_are_decoded(pictures, monkeypatch):
    reel, threads = schema.Reel.from_frames(pictures), []
    decode = reels._decode_jpeg

    def counted(*arguments):
        threads.append(threading.get_ident())  # loaders of other tests may be active
        return decode(*arguments)

    monkeypatch.setattr(reels, "_decode_jpeg", counted)
    reel[1:3]
    assert threads.count(threading.get_ident()) == 2


def test_audio_is_quantised_and_padded_to_frames(rng):
    wave = rng.uniform(-1, 1, 1000).astype(np.float32)
    stored = schema.to_int16(wave, 1280)
    assert stored.dtype == np.int16 and stored.shape == (1280,)
    np.testing.assert_allclose(schema.to_float(stored)[:1000], wave, atol=1 / 32768)
    assert not stored[1000:].any()
    assert schema.to_int16(np.array([2.0, -2.0]), 2).tolist() == [32767, -32768]
    assert schema.to_int16(wave, 640).shape == (640,)


def test_record_is_read_as_it_was_written(numbered, numbered_source, number_of):
    stored = numbered_source().read_clip(3)
    record = open_split(numbered, "train")[3]
    assert record.keys() == stored.keys()
    for key in ("text", "speaker", "clip"):
        assert record[key] == stored[key]
    for key in ("wave", "landmarks", "articulation"):
        np.testing.assert_array_equal(record[key], stored[key])
        assert record[key].dtype == stored[key].dtype
    for key in ("words", "phones"):
        for field, value in stored[key].items():
            np.testing.assert_array_equal(record[key][field], value)
    assert record["face"].blobs == stored["face"].blobs
    assert number_of(record["mouth"][:]).tolist() == list(range(12))


def test_unknown_labels_are_empty(numbered):
    record = open_split(numbered, "train")[0]
    assert record["landmarks"].shape == (0, 20, 2)
    assert record["words"]["word"] == [] and record["words"]["start"].shape == (0,)
    assert len(record["wave"]) == 640 * len(record["face"])


def test_clips_of_older_corpora_have_no_lower_faces(numbered):
    stored = dict(open_split(numbered, "train")[0])
    del stored["lower_face"], stored["pose"]
    record = schema.decode_record(stored)
    assert len(record["lower_face"]) == 0 and record["pose"].shape == (0, 6)
    assert not schema.decode_record({"clip": b"an image"}).keys() - {"clip"}


def test_frames_of_other_size_are_rejected(numbered_source):
    record = numbered_source().read_clip(0)
    with pytest.raises(ValueError, match="the corpus stores"):
        schema.ReelFeature(17, 3).encode_example(record["face"])
