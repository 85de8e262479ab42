"""A corpus from a folder of one's own videos."""

import json
import re

import numpy as np
import pytest

from avjax.data.__main__ import main
from avjax.data.builders import clips
from avjax.data.builders.clips import ClipsSource, CutClip
from avjax.data.builders.corpus import build_corpus
from avjax.data.builders.unfinished import UnfinishedBuild
from avjax.data.split_source import open_split
from avjax.errors import InputError
from avjax.media.video_writer import VideoWriter
from avjax.text.intervals import Interval


@pytest.fixture
def talk(picture):
    """talk(path, frames, blank) writes a talking face and black frames."""

    def write(path, frames=40, blank=(), loud=0.3):
        path.parent.mkdir(parents=True, exist_ok=True)
        wave = loud * np.sin(np.arange(frames * 640) / 5).astype(np.float32)
        with VideoWriter(path, 25, wave) as video:
            for number in range(frames):
                video.write(picture * (number not in blank))

    return write


def build(raw, out, tracker, **options):
    source = ClipsSource(
        str(raw), 32, tracker=lambda frames: [tracker(frames)], **options
    )
    return build_corpus(source, out, num_workers=0)


def read(out):
    """Return {clip: (split, record)} of a corpus, and its report."""
    report = json.loads((out / "report.json").read_text())
    taken = [clip["split"] for file in report["videos"] for clip in file["taken"]]
    records = {
        record["clip"]: (split, record)
        for split in set(taken)
        for record in open_split(out, split)
    }
    return records, report


def test_folder_of_good_and_bad_videos(talk, tracker, tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    for speaker in ("anna", "bert", "cleo"):
        talk(raw / speaker / "good.mp4")
    talk(raw / "anna" / "away.mp4", 100, blank=range(40, 62))
    talk(raw / "anna" / "quiet.mp4", loud=0.0)
    (raw / "bert" / "torn.mp4").write_bytes(b"\0" * 900)
    (raw / "bert" / "notes.pdf").write_bytes(b"")
    summary = build(raw, out, tracker)
    records, report = read(out)
    names = ["anna/away_0000", "anna/away_0001", "anna/good_0000", "bert/good_0000"]
    assert sorted(records) == [*names, "cleo/good_0000"]
    assert {name: record["speaker"] for name, (_, record) in records.items()}[
        "anna/away_0001"
    ] == "anna"
    assert {split for split, _ in records.values()} == {"train", "val", "test"}
    for file in report["videos"]:
        for clip in file["taken"]:
            split, record = records[clip["clip"]]
            assert split == clip["split"]
            assert len(record["face"]) == round(25 * (clip["end"] - clip["start"]))
    reasons = {
        file["file"]: [skipped["reason"] for skipped in file["skipped"]]
        for file in report["videos"]
        if file["skipped"]
    }
    assert reasons["anna/away.mp4"] == ["no face was found"]
    assert reasons["anna/quiet.mp4"] == ["silent"]
    assert "damaged" in reasons["bert/torn.mp4"][0] and len(reasons) == 3
    assert report["ignored"] == ["bert/notes.pdf"]
    assert report["seconds_taken"] == pytest.approx(sum(summary.frames.values()) / 25)
    printed = str(summary)
    assert re.search(r"speakers: 1 in train \(\w+\), 1 in val \(", printed)
    unverified = "could not be verified (less than 20 s of clips) in 4 videos (anna/"
    assert f"sound and picture: {unverified}" in printed
    texts = [clip["text"] for file in report["videos"] for clip in file["taken"]]
    with_text = len(list(filter(None, texts)))
    assert f"transcripts: {with_text} of {len(texts)} clips have one" in printed
    assert "skipped anna/quiet.mp4: silent" in printed and "6 videos" in printed


def test_nothing_is_written_if_nothing_could_be_taken(talk, tmp_path):
    """The tracker of the library finds no face in the pictures of this test."""
    talk(tmp_path / "raw" / "a.mp4")
    with pytest.raises(InputError, match="nothing of 1 video could be used"):
        main(
            ["build", "clips", "--raw", str(tmp_path / "raw"), "--workers", "1"]
            + ["--out", str(tmp_path / "out")]
        )
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_one_speaker_is_divided_in_time(talk, tracker, tmp_path):
    talk(tmp_path / "me" / "a.mp4", 800)
    summary = build(tmp_path / "me", tmp_path / "out", tracker, one_speaker=True)
    assert summary.clips == {"train": 2, "val": 1, "test": 1}
    records, _ = read(tmp_path / "out")
    assert [records[f"a_000{n}"][0] for n in range(4)] == [
        *("train", "train", "val", "test")
    ]
    assert "is in test (1 clip), and the part before it in val (1 clip)" in str(summary)
    assert "clips: 2 clips in train, 1 clip in val, 1 clip in test" in str(summary)


def test_of_two_speakers_one_is_divided_into_train_and_val(talk, tracker, tmp_path):
    talk(tmp_path / "raw" / "a" / "long.mp4", 800)
    talk(tmp_path / "raw" / "b" / "short.mp4", 30)
    summary = build(tmp_path / "raw", tmp_path / "out", tracker, test_speakers=("b",))
    assert summary.clips == {"train": 3, "val": 1, "test": 1}
    records, _ = read(tmp_path / "out")
    assert records["a/long_0003"][0] == "val"
    assert "no speaker is in val, so the end of train is (1 clip)" in str(summary)


def test_split_in_time_keeps_a_train_split():
    made = [CutClip(str(number), "") for number in range(30)]
    sizes = [
        [len(part) for part in clips.split_in_time(made[:count]).values()]
        for count in (1, 2, 3, 30)
    ]
    assert sizes == [[1, 0, 0], [1, 0, 1], [1, 1, 1], [24, 3, 3]]
    assert clips.split_in_time(made)["test"] == made[-3:]


def test_speakers_are_held_out_by_name():
    names = [f"s{number}" for number in range(30)]
    split_of = clips.split_speakers(names)
    assert clips.split_speakers(names[::-1]) == split_of
    sizes = [list(split_of.values()).count(split) for split in clips.SPLITS]
    assert sizes == [24, 3, 3]
    for count, expected in ((2, [1, 0, 1]), (3, [1, 1, 1])):
        split_of = clips.split_speakers(names[:count])
        assert [list(split_of.values()).count(x) for x in clips.SPLITS] == expected


def test_test_speakers_can_be_chosen(talk, tracker, tmp_path):
    raw = tmp_path / "raw"
    for name in ("a", "b", "c"):
        talk(raw / f"{name}.mp4", 30)
    build(raw, tmp_path / "out", tracker, test_speakers=("b", "c"))
    records, _ = read(tmp_path / "out")
    assert {name: split for name, (split, _) in records.items()} == {
        "a_0000": "train",
        "b_0000": "test",
        "c_0000": "test",
    }
    with pytest.raises(InputError, match="has no speaker 'x'; it has a, b, c"):
        build(raw, tmp_path / "new", tracker, test_speakers=("x",))
    with pytest.raises(InputError, match="no speaker is left to train on"):
        build(raw, tmp_path / "new", tracker, test_speakers=("a", "b", "c"))
    build(raw, tmp_path / "val", tracker, test_speakers=("b",), val_speakers=("a",))
    records, _ = read(tmp_path / "val")
    assert {name: split for name, (split, _) in records.items()} == {
        "a_0000": "val",
        "b_0000": "test",
        "c_0000": "train",
    }
    with pytest.raises(InputError, match="'b' cannot be in test and in val"):
        build(raw, tmp_path / "new", tracker, test_speakers=("b",), val_speakers=("b",))
    for name in ("b", "c"):
        (raw / f"{name}.mp4").unlink()
    with pytest.raises(InputError, match="'a' is the only speaker"):
        build(raw, tmp_path / "new", tracker, test_speakers=("a",))
    assert not (tmp_path / "new").exists()


def test_full_disk_is_one_sentence(talk, tracker, tmp_path, monkeypatch):
    def write(path, record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("avjax.data.footage.cutting.write_pickle", write)
    talk(tmp_path / "raw" / "a.mp4")
    with pytest.raises(InputError, match="no space left on device"):
        build(tmp_path / "raw", tmp_path / "out", tracker)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def name_language(wave, text, language):
    """An aligner that finds one word, the language."""
    return (Interval(language, 0.2, 0.6),)


def test_texts_without_times_are_aligned_in_their_language(talk, tracker, tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    for speaker in ("anna", "bert"):
        talk(raw / speaker / "talk.mp4", 320)
        (raw / speaker / "talk.txt").write_text("Eins zwei")
    build(raw, out, tracker, text_aligner=name_language, lang="de")
    records, report = read(out)
    texts = {name: record["text"] for name, (_, record) in records.items()}
    assert texts["anna/talk_0000"] == texts["bert/talk_0000"] == "de"
    assert len(texts) > 2 and set(texts.values()) == {"de", ""}
    assert {note for file in report["videos"] for note in file["notes"]} == set()


def test_build_with_another_aligner_is_not_continued(talk, tracker, tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    talk(raw / "anna" / "talk.mp4")
    folder = tmp_path / ".out.unfinished"
    unfinished = UnfinishedBuild(out, folder)
    folder.mkdir()
    unfinished.open(ClipsSource(str(raw), 32))
    with pytest.raises(InputError, match="options"):
        unfinished.open(ClipsSource(str(raw), 32, text_aligner=name_language))
