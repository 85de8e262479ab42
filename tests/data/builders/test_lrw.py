"""LRW, from its public layout."""

import numpy as np
import pytest

from avjax.data import loader as pipeline
from avjax.data.builders import corpus
from avjax.data.builders.lrw import Lrw
from avjax.errors import InputError

NOTES = "Disk reference: 1\nChannel: BBC One HD\nClip start: 0:00:01\n\
Duration: 0.50 seconds\n"


@pytest.fixture
def raw(write_film, tmp_path):
    for place in ("ABOUT/train", "WORLD/train", "ABOUT/val", "ABOUT/test"):
        word = place.split("/")[0]
        film = tmp_path / "raw" / "lipread_mp4" / place / f"{word}_00001.mp4"
        write_film(film, frames=29)
        film.with_suffix(".txt").write_text(NOTES)
    return tmp_path / "raw"


@pytest.mark.parametrize("inner", ["", "lipread_mp4"])
def test_a_clip_is_a_word_in_its_middle(raw, detector, tmp_path, inner):
    recipe = Lrw(str(raw / inner), 32, detector)
    summary = corpus.build(recipe, tmp_path / "out", workers=0)
    assert summary.clips == {"train": 2, "val": 1, "test": 1} and not summary.skipped
    record = pipeline.source(tmp_path / "out", "train")[1]
    assert (record["text"], record["clip"]) == ("world", "WORLD/WORLD_00001")
    assert len(record["face"]) == 29
    np.testing.assert_allclose(record["words"]["start"], [0.58 - 0.25])
    np.testing.assert_allclose(record["words"]["end"], [0.58 + 0.25])


def test_a_clip_without_its_notes_is_skipped(raw, detector, tmp_path):
    (raw / "lipread_mp4/ABOUT/train/ABOUT_00001.txt").unlink()
    (raw / "lipread_mp4/ABOUT/val/ABOUT_00001.txt").write_text("Channel: BBC\n")
    recipe = Lrw(str(raw), 32, detector)
    summary = corpus.build(recipe, tmp_path / "out", workers=0)
    assert len(summary.skipped) == 2 and summary.clips["test"] == 1


def test_a_folder_without_lrw_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="no LRW video"):
        Lrw(str(tmp_path)).listing()
