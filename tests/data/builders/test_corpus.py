"""Building: in order, whole or not at all, and nothing skipped in silence."""

import dataclasses
import json

import pytest

from avjax.data import loader as pipeline
from avjax.data.builders import corpus
from avjax.errors import InputError


def test_the_order_is_that_of_the_listing(numbered):
    clips = [record["clip"] for record in pipeline.source(numbered, "train")]
    assert clips == [f"clip {number}" for number in range(17)]


def test_a_torn_clip_is_skipped_and_told(recipe, tmp_path):
    summary = corpus.build(recipe(torn=(1, 18)), tmp_path / "out", workers=0)
    assert summary.clips == {"train": 16, "test": 2}
    assert "skipped 18: number 18 is torn" in str(summary)
    note = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert note["skipped"][0] == {"clip": "1", "reason": "number 1 is torn"}
    assert note["clips"] == summary.clips
    assert len(pipeline.source(tmp_path / "out", "train")) == 16


def test_the_summary_tells_what_is_said_where_that_is_not_too_much(
    recipe, tmp_path, monkeypatch
):
    @dataclasses.dataclass(frozen=True)
    class Said(recipe):
        def read(self, number):
            return {**super().read(number), "text": "cab"[number % 3]}

    for most, texts in ((3, ["a", "b", "c"]), (2, [])):
        monkeypatch.setattr(corpus, "_WORDS", most)
        out = tmp_path / str(most)
        assert corpus.build(Said(5), out, workers=0).texts == texts
        note = json.loads((out / pipeline.SUMMARY).read_text())
        assert note["texts"] == texts


def test_an_empty_split_is_named_when_it_is_read(recipe, tmp_path):
    corpus.build(recipe(torn=(17, 18, 19)), tmp_path / "out", workers=0)
    with pytest.raises(InputError, match="no clip is in the split 'test'"):
        pipeline.source(tmp_path / "out", "test")


def test_nothing_is_written_where_no_clip_can_be_used(recipe, tmp_path):
    with pytest.raises(InputError, match="the first is 0: number 0 is torn"):
        corpus.build(recipe(4, torn=(0, 1, 2, 3)), tmp_path / "out", workers=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_build_leaves_nothing(recipe, tmp_path, monkeypatch, error):
    def read(self, number, whole=recipe.read):
        if number == 5:
            raise error
        return whole(self, number)

    monkeypatch.setattr(recipe, "read", read)
    with pytest.raises(error):
        corpus.build(recipe(), tmp_path / "out", workers=0)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_stays_as_it_is(recipe, tmp_path):
    (tmp_path / "mine").write_text("dear")
    with pytest.raises(InputError, match="is there already"):
        corpus.build(recipe(), tmp_path, workers=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    with pytest.raises(InputError, match="is there already"):
        corpus.build(recipe(), tmp_path / "mine", workers=0)


def test_an_empty_folder_may_be_filled(recipe, tmp_path):
    corpus.build(recipe(5), tmp_path, workers=0)
    assert len(pipeline.source(tmp_path, "train")) == 2


def test_a_place_that_cannot_be_written_is_one_sentence(recipe, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        corpus.build(recipe(), tmp_path / "file" / "out", workers=0)


def test_many_clips_make_several_shards(recipe, tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Many(recipe):
        clips: int = 133

        def read(self, number):
            return {**recipe().read(0), "clip": str(number)}

    corpus.build(Many(), tmp_path / "out", workers=0)
    assert len(list((tmp_path / "out").glob("numbered-train*"))) == 3
    train = pipeline.source(tmp_path / "out", "train")
    assert [record["clip"] for record in train] == [str(n) for n in range(130)]
