"""LRW in its published layout."""

import numpy as np
import pytest

from avjax.data.builders.corpus import build_corpus
from avjax.data.builders.lrw import LrwSource
from avjax.data.split_source import open_split
from avjax.errors import InputError

METADATA = "Disk reference: 1\nChannel: BBC One HD\nClip start: 0:00:01\n\
Duration: 0.50 seconds\n"


@pytest.fixture
def raw(write_video, tmp_path):
    for place in ("ABOUT/train", "WORLD/train", "ABOUT/val", "ABOUT/test"):
        word = place.split("/")[0]
        video = tmp_path / "raw" / "lipread_mp4" / place / f"{word}_00001.mp4"
        write_video(video, frames=29)
        video.with_suffix(".txt").write_text(METADATA)
    return tmp_path / "raw"


@pytest.mark.parametrize("inner", ["", "lipread_mp4"])
def test_clip_has_its_word_in_the_middle(raw, tracker, tmp_path, inner):
    source = LrwSource(str(raw / inner), 32, tracker)
    summary = build_corpus(source, tmp_path / "out", num_workers=0)
    assert summary.clips == {"train": 2, "val": 1, "test": 1} and not summary.skipped
    record = open_split(tmp_path / "out", "train")[1]
    assert (record["text"], record["clip"]) == ("world", "WORLD/WORLD_00001")
    assert len(record["face"]) == 29
    np.testing.assert_allclose(record["words"]["start"], [0.58 - 0.25])
    np.testing.assert_allclose(record["words"]["end"], [0.58 + 0.25])


def test_clip_without_duration_is_skipped(raw, tracker, tmp_path):
    (raw / "lipread_mp4/ABOUT/train/ABOUT_00001.txt").unlink()
    (raw / "lipread_mp4/ABOUT/val/ABOUT_00001.txt").write_text("Channel: BBC\n")
    source = LrwSource(str(raw), 32, tracker)
    summary = build_corpus(source, tmp_path / "out", num_workers=0)
    assert len(summary.skipped) == 2 and summary.clips["test"] == 1


def test_folder_without_lrw_is_rejected(tmp_path):
    with pytest.raises(InputError, match="no LRW video"):
        LrwSource(str(tmp_path)).list_clips()
