"""The puppet corpus is complete and reproducible."""

import hashlib

import numpy as np
import pytest

from avjax.data.builders.corpus import build_corpus
from avjax.data.builders.puppet import PuppetSource
from avjax.data.puppet import TRACKS, make_clip
from avjax.data.split_source import open_split


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("puppets") / "corpus"
    build_corpus(PuppetSource(num_clips=20, face_size=32), folder, num_workers=0)
    return folder


def digests(folder):
    shards = sorted(folder.glob("*array_record*"))
    return {path.name: hashlib.sha256(path.read_bytes()).digest() for path in shards}


def test_corpus_does_not_depend_on_number_of_workers(built, tmp_path):
    build_corpus(
        PuppetSource(num_clips=20, face_size=32), tmp_path / "again", num_workers=2
    )
    assert digests(tmp_path / "again") == digests(built)


def test_other_seed_gives_other_corpus(built, tmp_path):
    build_corpus(
        PuppetSource(num_clips=6, face_size=32, seed=1),
        tmp_path / "other",
        num_workers=0,
    )
    assert digests(tmp_path / "other") != digests(built)


def test_all_labels_are_stored(built):
    clip = make_clip(0, 1, 32)
    record = open_split(built, "train")[1]
    assert (record["text"], record["speaker"]) == (clip.text, clip.speaker)
    assert record["clip"] == f"{clip.kind}-000001"
    np.testing.assert_allclose(record["landmarks"], clip.landmarks, atol=1e-5)
    assert record["articulation"].shape == (len(record["face"]), len(TRACKS))
    assert record["phones"]["phone"] == [phone for phone, _, _ in clip.phones]
    ends = [end for _, _, end in clip.words]
    np.testing.assert_allclose(record["words"]["end"], ends, atol=1e-5)
    difference = record["face"][:].astype(int) - clip.frames
    assert np.abs(difference).mean() < 4
    np.testing.assert_allclose(record["wave"] / 32768, clip.wave, atol=1e-4)


def test_lower_faces_are_aligned(built):
    """Eyes are level and one eye distance apart; a mouth is darkest at its place."""
    record = open_split(built, "train")[1]
    assert len(record["lower_face"]) == len(record["face"]) == len(record["pose"])
    left, right = record["pose"][:, :2], record["pose"][:, 2:4]
    np.testing.assert_allclose((right - left)[:, 0], 1, atol=0.1)
    np.testing.assert_allclose(left[:, 1], -1.05, atol=0.15)
    grey = record["lower_face"][:].astype(float).mean((0, -1))
    assert grey[54:64, 56:72].mean() < 0.9 * grey[30:44, 30:98].mean()


def test_splits_share_no_speaker(built):
    train, val, test = (
        {record["speaker"] for record in open_split(built, split)}
        for split in ("train", "val", "test")
    )
    assert train and val and test
    assert not (train & val or train & test or val & test)
