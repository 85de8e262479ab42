"""LRS2, from its public layout."""

import dataclasses

import numpy as np
import pytest

from avjax.data import loader as pipeline
from avjax.data.builders import corpus, lrs
from avjax.errors import InputError

NOTES = "Text:  WHEN YOU'RE COOKING\nConf:  4\n"
TABLE = "\nWORD START END ASDSCORE\nWHEN 0.04 0.1 9.2\nYOU'RE 0.1 0.2 8.1\n"


@dataclasses.dataclass(frozen=True)
class Firsts:
    """Says of each word its first letter."""

    def __call__(self, wave, words):
        return tuple((word[0], *times) for word, *times in words)


@pytest.fixture
def raw(write_film, tmp_path):
    root = tmp_path / "raw"
    main = ("main/55/00001", "main/55/00002", "main/63/00007")
    for place in (*main, "pretrain/9/00001"):
        film = root / "mvlrs_v1" / f"{place}.mp4"
        write_film(film)
        table = TABLE if "pretrain" in place else ""
        film.with_suffix(".txt").write_text(NOTES + table)
    (root / "train.txt").write_text("55/00001\n55/00002 MV\n55/00099\n\n")
    (root / "test.txt").write_text("63/00007 NF\n")
    (root / "pretrain.txt").write_text("9/00001\n")
    return root


def test_lists_say_what_is_in_a_split(raw, detector, tmp_path):
    recipe = lrs.Lrs2(str(raw), 32, detector)
    summary = corpus.build(recipe, tmp_path / "out", workers=0)
    assert summary.clips == {"pretrain": 1, "train": 2, "test": 1}
    assert [name.split("/")[-1] for name, _ in summary.skipped] == ["00099.mp4"]
    record = pipeline.source(tmp_path / "out", "test")[0]
    assert record["text"] == "when you're cooking" and record["words"]["word"] == []
    assert (record["speaker"], record["clip"]) == ("63", "63/00007")
    record = pipeline.source(tmp_path / "out", "pretrain")[0]
    assert record["words"]["word"] == ["when", "you're"]
    np.testing.assert_allclose(record["words"]["end"], [0.1, 0.2])


def test_phones_are_looked_for_by_words_of_known_times_or_of_none(
    raw, detector, tmp_path
):
    recipe = lrs.Lrs2(str(raw), 32, detector, Firsts())
    corpus.build(recipe, tmp_path / "out", workers=0)
    record = pipeline.source(tmp_path / "out", "test")[0]
    assert record["phones"]["phone"] == ["w", "y", "c"]
    assert np.isnan(record["phones"]["start"]).all()
    record = pipeline.source(tmp_path / "out", "pretrain")[0]
    np.testing.assert_allclose(record["phones"]["start"], [0.04, 0.1])


def test_lists_may_lie_within_the_folder(raw):
    for path in raw.glob("*.txt"):
        path.rename(raw / "mvlrs_v1" / path.name)
    listing = lrs.Lrs2(str(raw / "mvlrs_v1")).listing()
    assert {split: len(clips) for split, clips in listing.items()} == {
        "pretrain": 1,
        "train": 3,
        "test": 1,
    }


def test_torn_notes_are_one_sentence(tmp_path):
    for text in ("Conf: 4\n", NOTES + "\nWORD START END ASDSCORE\nWHEN 0.04\n"):
        (tmp_path / "a.txt").write_text(text)
        with pytest.raises(InputError, match="a.txt"):
            lrs.read_notes(tmp_path / "a.txt")


def test_a_folder_without_lists_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="no list of LRS2"):
        lrs.Lrs2(str(tmp_path)).listing()
