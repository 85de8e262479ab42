"""A build keeps the order, is complete or absent, and reports what it skips."""

import dataclasses
import json
import tempfile

import numpy as np
import pytest

from avjax.data import schema
from avjax.data.builders import corpus
from avjax.data.builders.corpus import build_corpus
from avjax.data.builders.unfinished import unfinished_build
from avjax.data.loader import SUMMARY_FILE
from avjax.data.schema import Reel, make_record
from avjax.data.split_source import open_split
from avjax.errors import InputError


def test_order_is_that_of_the_source(numbered):
    clips = [record["clip"] for record in open_split(numbered, "train")]
    assert clips == [f"clip {number}" for number in range(17)]


def test_unusable_clip_is_skipped_and_reported(numbered_source, tmp_path):
    summary = build_corpus(
        numbered_source(damaged=(1, 18)), tmp_path / "out", num_workers=0
    )
    assert summary.clips == {"train": 16, "test": 2}
    assert "skipped 18: number 18 is damaged" in str(summary)
    note = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert note["skipped"][0] == {"clip": "1", "reason": "number 1 is damaged"}
    assert note["clips"] == summary.clips
    assert len(open_split(tmp_path / "out", "train")) == 16


def test_summary_lists_texts_if_there_are_few(numbered_source, tmp_path, monkeypatch):
    @dataclasses.dataclass(frozen=True)
    class Spelled(numbered_source):
        def read_clip(self, number):
            return {**super().read_clip(number), "text": "cab"[number % 3]}

    for max_texts, texts in ((3, ["a", "b", "c"]), (2, [])):
        monkeypatch.setattr(corpus, "MAX_TEXTS", max_texts)
        out = tmp_path / str(max_texts)
        assert build_corpus(Spelled(5), out, num_workers=0).texts == texts
        note = json.loads((out / SUMMARY_FILE).read_text())
        assert note["texts"] == texts


def test_names_that_are_not_unicode_are_stored_as_codes(numbered_source, tmp_path):
    """The name of a file is bytes, which Python writes as half characters."""

    class Named(numbered_source):
        def read_clip(self, number):
            return {**super().read_clip(number), "clip": "a\udcff"}

    build_corpus(Named(), tmp_path / "out", num_workers=0)
    assert open_split(tmp_path / "out", "train")[0]["clip"] == "a\\udcff"


def test_empty_split_is_rejected(numbered_source, tmp_path):
    source = numbered_source(damaged=(17, 18, 19))
    summary = build_corpus(source, tmp_path / "out", num_workers=0)
    assert "warning: there are no clips in test" in str(summary)
    with pytest.raises(InputError, match="the split 'test' has no clips"):
        open_split(tmp_path / "out", "test")


def test_nothing_is_written_without_usable_clips(numbered_source, tmp_path):
    with pytest.raises(InputError, match="the first is 0: number 0 is damaged"):
        build_corpus(
            numbered_source(4, damaged=(0, 1, 2, 3)), tmp_path / "out", num_workers=0
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_interrupted_build_leaves_nothing(
    numbered_source, tmp_path, monkeypatch, error
):
    def read_clip(self, number, original=numbered_source.read_clip):
        if number == 5:
            raise error
        return original(self, number)

    monkeypatch.setattr(numbered_source, "read_clip", read_clip)
    with pytest.raises(error):
        build_corpus(numbered_source(), tmp_path / "out", num_workers=0)
    assert not list(tmp_path.iterdir())


def test_build_leaves_no_temporary_files(numbered_source, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    build_corpus(numbered_source(), tmp_path / "out", num_workers=0)
    assert not list(temporary.iterdir())


def test_existing_files_are_not_overwritten(numbered_source, tmp_path):
    (tmp_path / "mine").write_text("content")
    with pytest.raises(InputError, match="already exists"):
        build_corpus(numbered_source(), tmp_path, num_workers=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    with pytest.raises(InputError, match="already exists"):
        build_corpus(numbered_source(), tmp_path / "mine", num_workers=0)


def test_empty_folder_can_be_used(numbered_source, tmp_path):
    build_corpus(numbered_source(5), tmp_path, num_workers=0)
    assert len(open_split(tmp_path, "train")) == 2


def test_unwritable_folder_is_rejected(numbered_source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        build_corpus(numbered_source(), tmp_path / "file" / "out", num_workers=0)


def test_many_clips_are_written_as_several_shards(numbered_source, tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Many(numbered_source):
        num_clips: int = 133

        def read_clip(self, number):
            return {**numbered_source().read_clip(0), "clip": str(number)}

    build_corpus(Many(), tmp_path / "out", num_workers=0)
    assert len(list((tmp_path / "out").glob("numbered-train*"))) == 9
    train = open_split(tmp_path / "out", "train")
    assert [record["clip"] for record in train] == [str(n) for n in range(130)]


def test_long_clip_without_text_is_stored_in_stretches(numbered_source, tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Long(numbered_source):
        text: str = ""

        def read_clip(self, number):
            record = numbered_source().read_clip(16)
            repeats = 26 if number == 0 else 1  # 650 frames, or 25
            reels = {
                key: Reel(record[key].blobs * repeats, record[key].channels)
                for key in ("face", "mouth")
            }
            return make_record(
                **reels,
                wave=np.tile(schema.to_float(record["wave"]), repeats),
                landmarks=np.arange(25 * repeats)[:, None, None] * np.ones((20, 2)),
                articulation=np.zeros((25 * repeats, 2)),
                phones=[("a", 1.0, 1.2), ("b", 9.0, 9.4), ("c", 20.0, 20.5)],
                text=self.text,
                speaker="s",
                clip="long",
            )

    summary = build_corpus(Long(5), tmp_path / "out", num_workers=0)
    assert summary.clips == {"train": 4, "test": 3} and summary.frames["train"] == 675
    first, second, third, short = open_split(tmp_path / "out", "train")
    assert [len(r["face"]) for r in (first, second, third)] == [217, 216, 217]
    assert [first["clip"], short["clip"]] == ["long_000", "long"]
    assert second["landmarks"][0, 0, 0] == 217
    assert first["phones"]["phone"] == ["a"] and second["phones"]["phone"] == ["b"]
    np.testing.assert_allclose(third["phones"]["start"], [20 - 433 / 25], atol=1e-5)
    whole = build_corpus(Long(5, text="a"), tmp_path / "whole", num_workers=0)
    assert whole.clips == {"train": 2, "test": 3}


def test_other_options_do_not_continue_a_build(numbered_source, tmp_path, monkeypatch):
    def read_clip(self, number, original=numbered_source.read_clip):
        if number == 20:
            raise RuntimeError
        return original(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(numbered_source, "read_clip", read_clip)
        with pytest.raises(RuntimeError):
            build_corpus(numbered_source(40), tmp_path / "out", num_workers=0)
    with pytest.raises(InputError, match="the options were others then; remove"):
        build_corpus(numbered_source(41), tmp_path / "out", num_workers=0)
    with monkeypatch.context() as patch:
        clips = {"train": [1, 2], "test": [3]}
        patch.setattr(numbered_source, "list_clips", lambda self: clips)
        with pytest.raises(InputError, match="the recordings were others then"):
            build_corpus(numbered_source(40), tmp_path / "out", num_workers=0)
    build_corpus(numbered_source(40), tmp_path / "out", num_workers=0)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_two_processes_do_not_build_one_corpus(numbered_source, tmp_path):
    with (
        unfinished_build(tmp_path / "out", numbered_source(5)),
        pytest.raises(InputError, match="another process is building"),
    ):
        build_corpus(numbered_source(5), tmp_path / "out", num_workers=0)
