"""LRS2 in its published layout."""

import dataclasses

import numpy as np
import pytest

from avjax.data.builders import lrs
from avjax.data.builders.corpus import build_corpus
from avjax.data.builders.lrs import Lrs2Source
from avjax.data.split_source import open_split
from avjax.errors import InputError

TRANSCRIPT = "Text:  WHEN YOU'RE COOKING\nConf:  4\n"
TABLE = "\nWORD START END ASDSCORE\nWHEN 0.04 0.1 9.2\nYOU'RE 0.1 0.2 8.1\n"


@dataclasses.dataclass(frozen=True)
class InitialsAligner:
    """Returns the first letter of each word as its phone."""

    def __call__(self, wave, words):
        return tuple((word[0], *times) for word, *times in words)


@pytest.fixture
def raw(write_video, tmp_path):
    root = tmp_path / "raw"
    main = ("main/55/00001", "main/55/00002", "main/63/00007")
    for clip in (*main, "pretrain/9/00001"):
        video = root / "mvlrs_v1" / f"{clip}.mp4"
        write_video(video)
        table = TABLE if "pretrain" in clip else ""
        video.with_suffix(".txt").write_text(TRANSCRIPT + table)
    (root / "train.txt").write_text("55/00001\n55/00002 MV\n55/00099\n\n")
    (root / "test.txt").write_text("63/00007 NF\n")
    (root / "pretrain.txt").write_text("9/00001\n")
    return root


def test_lists_define_the_splits(raw, tracker, tmp_path):
    source = Lrs2Source(str(raw), 32, tracker)
    summary = build_corpus(source, tmp_path / "out", num_workers=0)
    assert summary.clips == {"pretrain": 1, "train": 2, "test": 1}
    assert [name.split("/")[-1] for name, _ in summary.skipped] == ["00099.mp4"]
    record = open_split(tmp_path / "out", "test")[0]
    assert record["text"] == "when you're cooking" and record["words"]["word"] == []
    assert (record["speaker"], record["clip"]) == ("63", "63/00007")
    record = open_split(tmp_path / "out", "pretrain")[0]
    assert record["words"]["word"] == ["when", "you're"]
    np.testing.assert_allclose(record["words"]["end"], [0.1, 0.2])


def test_words_with_and_without_times_are_aligned(raw, tracker, tmp_path):
    source = Lrs2Source(str(raw), 32, tracker, InitialsAligner())
    build_corpus(source, tmp_path / "out", num_workers=0)
    record = open_split(tmp_path / "out", "test")[0]
    assert record["phones"]["phone"] == ["w", "y", "c"]
    assert np.isnan(record["phones"]["start"]).all()
    record = open_split(tmp_path / "out", "pretrain")[0]
    np.testing.assert_allclose(record["phones"]["start"], [0.04, 0.1])


def test_lists_inside_the_folder_are_found(raw):
    for path in raw.glob("*.txt"):
        path.rename(raw / "mvlrs_v1" / path.name)
    splits = Lrs2Source(str(raw / "mvlrs_v1")).list_clips()
    assert {split: len(clips) for split, clips in splits.items()} == {
        "pretrain": 1,
        "train": 3,
        "test": 1,
    }


def test_damaged_transcript_is_rejected(tmp_path):
    for text in ("Conf: 4\n", TRANSCRIPT + "\nWORD START END ASDSCORE\nWHEN 0.04\n"):
        (tmp_path / "a.txt").write_text(text)
        with pytest.raises(InputError, match="a.txt"):
            lrs.read_transcript(tmp_path / "a.txt")


def test_folder_without_lists_is_rejected(tmp_path):
    with pytest.raises(InputError, match="no list of LRS2"):
        Lrs2Source(str(tmp_path)).list_clips()
