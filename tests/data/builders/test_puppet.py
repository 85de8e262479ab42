"""Puppets become a corpus that two machines would make alike."""

import hashlib

import numpy as np
import pytest

from avjax.data import loader as pipeline
from avjax.data.builders import corpus
from avjax.data.builders.puppet import Puppet
from avjax.data.puppet import TRACKS, make_clip


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("puppets") / "corpus"
    corpus.build(Puppet(clips=6, size=32), folder, workers=0)
    return folder


def digests(folder):
    shards = sorted(folder.glob("*array_record*"))
    return {path.name: hashlib.sha256(path.read_bytes()).digest() for path in shards}


def test_one_seed_is_one_corpus_however_many_read_it(built, tmp_path):
    corpus.build(Puppet(clips=6, size=32), tmp_path / "again", workers=2)
    assert digests(tmp_path / "again") == digests(built)


def test_another_seed_is_another_corpus(built, tmp_path):
    corpus.build(Puppet(clips=6, size=32, seed=1), tmp_path / "other", workers=0)
    assert digests(tmp_path / "other") != digests(built)


def test_every_truth_comes_along(built):
    clip = make_clip(0, 1, 32)
    record = pipeline.source(built, "train")[1]
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


def test_speakers_of_test_are_not_those_of_train(built):
    train, test = (
        {record["speaker"] for record in pipeline.source(built, split)}
        for split in ("train", "test")
    )
    assert train and test and train.isdisjoint(test)
