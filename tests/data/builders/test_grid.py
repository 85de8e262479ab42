"""GRID, in its own layout and in a flatter one."""

import dataclasses

import numpy as np
import pytest

from avjax.data import loader as pipeline
from avjax.data.builders import corpus, grid
from avjax.errors import InputError

ALIGN = "0 23750 sil\n23750 29500 bin\n29500 34000 blue\n34000 35500 at\n\
35500 41000 f\n41000 47250 two\n47250 49000 sp\n49000 53000 now\n53000 74500 sil\n"
SENTENCE = ["bin", "blue", "at", "f", "two", "now"]


@pytest.fixture
def flat(tmp_path):
    """270 names of s1 in the flat layout and two of s20, without alignments."""
    for speaker, count in (("s1", 270), ("s20", 2)):
        folder = tmp_path / "video" / speaker
        folder.mkdir(parents=True)
        for number in range(count):
            (folder / f"n{number:03d}.mpg").write_bytes(b"")
    return tmp_path


def test_of_270_recordings_40_are_for_test_and_other_speakers_apart(flat):
    splits = grid.Grid(str(flat)).listing()
    assert [len(splits[name]) for name in ("train", "test", "unseen")] == [230, 40, 2]
    names = [str(sentence) for sentence in splits["test"]]
    assert names[:3] == ["s1/n000", "s1/n007", "s1/n014"]
    assert {sentence.speaker for sentence in splits["unseen"]} == {"s20"}


def test_speakers_that_are_seen_can_be_chosen(flat):
    splits = grid.Grid(str(flat), seen=("s1", "s20")).listing()
    assert not splits["unseen"] and len(splits["test"]) == 41


def test_words_have_their_times_and_silence_is_no_word(tmp_path):
    (tmp_path / "a.align").write_text(ALIGN)
    words = grid.read_align(tmp_path / "a.align")
    assert [word for word, _, _ in words] == SENTENCE
    assert words[0] == ("bin", 0.95, 1.18), "25000 ticks a second: 1000 in a frame"


def test_a_torn_alignment_is_one_sentence(tmp_path):
    for text in ("0 100", "a b c"):
        (tmp_path / "a.align").write_text(text)
        with pytest.raises(InputError, match="a.align"):
            grid.read_align(tmp_path / "a.align")


def test_a_name_spells_its_sentence():
    assert " ".join(grid.words_of_name("swbo3a")) == "set white by o three again"
    assert " ".join(grid.words_of_name("lgazzs")) == "lay green at z zero soon"
    assert grid.words_of_name("n000") == grid.words_of_name("xxxxxx") == []


@pytest.mark.parametrize(
    "film, align",
    [
        ("s3/video/mpg_6000/bbaf2n.mpg", "s3/align/bbaf2n.align"),
        ("video/s3/bbaf2n.mpg", "align/s3/bbaf2n.align"),
    ],
)
def test_both_layouts_become_records(write_film, detector, tmp_path, film, align):
    raw = tmp_path / "raw"
    write_film(raw / film, frames=75)
    (raw / align).parent.mkdir(parents=True, exist_ok=True)
    (raw / align).write_text(ALIGN)
    recipe = grid.Grid(str(raw), 32, seen=("s3",), detect=detector)
    summary = corpus.build(recipe, tmp_path / "out", workers=0)
    assert summary.clips == {"train": 0, "test": 1, "unseen": 0}
    record = pipeline.source(tmp_path / "out", "test")[0]
    assert (record["text"], record["speaker"]) == ("bin blue at f two now", "s3")
    assert record["clip"] == "s3/bbaf2n" and len(record["face"]) == 75
    np.testing.assert_allclose(record["words"]["start"][:2], [0.95, 1.18])


@dataclasses.dataclass(frozen=True)
class Halves:
    """Says of each word two phones of equal length; of the word "four" nothing."""

    def __call__(self, wave, words):
        assert len(wave) == 75 * 640 and wave.dtype == np.float32
        if any(word == "four" for word, _, _ in words):
            raise InputError("four cannot be said")
        return tuple(
            (phone, a, b)
            for _, start, end in words
            for phone, a, b in (
                ("x", start, (start + end) / 2),
                ("y", (start + end) / 2, end),
            )
        )


def test_phones_are_looked_for_and_clips_without_them_kept(
    write_film, detector, tmp_path
):
    raw = tmp_path / "raw"
    for name, text in (("bbaf2n", ALIGN), ("bbaf4n", ALIGN.replace("two", "four"))):
        write_film(raw / "video" / "s3" / f"{name}.mpg", frames=75)
        (raw / "align" / "s3").mkdir(parents=True, exist_ok=True)
        (raw / "align" / "s3" / f"{name}.align").write_text(text)
    recipe = grid.Grid(str(raw), 32, detect=detector, align=Halves())
    summary = corpus.build(recipe, tmp_path / "out", workers=0)
    assert summary.unaligned == 1 and "1 clips have no phones" in str(summary)
    found, bare = pipeline.source(tmp_path / "out", "unseen")
    assert found["phones"]["phone"] == ["x", "y"] * 6 and not bare["phones"]["phone"]
    np.testing.assert_allclose(found["phones"]["start"][:3], [0.95, 1.065, 1.18])
    assert bare["text"] == "bin blue at f four now"


def test_the_better_of_two_films_is_taken(tmp_path):
    for quality in ("mpg_6000", "mpg_vcd", "a"):
        (tmp_path / "s1" / "video" / quality).mkdir(parents=True)
        (tmp_path / "s1" / "video" / quality / "bbaf2n.mpg").write_bytes(b"")
    (found,) = grid.find_sentences(tmp_path)
    assert "mpg_6000" in found.film.parts


def test_bad_films_are_skipped_and_told(write_film, detector, tmp_path):
    raw = tmp_path / "raw" / "video" / "s1"
    write_film(raw / "bbaf2n.mpg", frames=75)
    write_film(raw / "bbaf3s.mpg", sound=False)
    write_film(raw / "bbaf4p.mpg", blank=range(12))
    (raw / "bbaf5a.mpg").write_bytes(b"no film at all")
    write_film(raw / "bbaf6n.mpg", frames=20)
    recipe = grid.Grid(str(tmp_path / "raw"), 32, detect=detector)
    summary = corpus.build(recipe, tmp_path / "out", workers=0)
    names = [name for name, _ in summary.skipped]
    assert names == [f"s1/bbaf{sign}" for sign in ("3s", "4p", "5a", "6n")]
    reasons = [reason for _, reason in summary.skipped]
    assert "sound" in reasons[0] and "no face in 12 of 12" in reasons[1]
    assert "20 of 75 frames" in reasons[3]
    record = pipeline.source(tmp_path / "out", "test")[0]
    assert record["text"] == "bin blue at f two now" and record["words"]["word"] == []


def test_a_folder_without_grid_is_one_sentence(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=str(folder)):
            grid.Grid(str(folder)).listing()


def test_real_recordings_become_records(real, tmp_path):
    films = sorted((real / "grid" / "video" / "s1").glob("*.mpg"))[:2]
    for film in films:
        for kind, source in (("video", film), ("align", align_of(film))):
            (tmp_path / kind / "s1").mkdir(parents=True, exist_ok=True)
            (tmp_path / kind / "s1" / source.name).symlink_to(source)
    summary = corpus.build(grid.Grid(str(tmp_path)), tmp_path / "out", workers=0)
    assert summary.clips == {"train": 1, "test": 1, "unseen": 0}, str(summary)
    record = pipeline.source(tmp_path / "out", "train")[0]
    assert record["face"][:].shape == (75, 96, 96, 3)
    assert record["text"].split() == grid.words_of_name(films[1].stem)
    loud = np.abs(record["wave"].reshape(75, 640)).mean(1)
    speaks = record["words"]["start"][0] * 25, record["words"]["end"][-1] * 25
    inside = slice(round(speaks[0]), round(speaks[1]))
    assert loud[inside].mean() > 3 * loud[: inside.start - 2].mean()


def align_of(film):
    return film.parents[2] / "align" / film.parent.name / f"{film.stem}.align"


def test_links_to_folders_are_followed(flat, tmp_path_factory):
    raw = tmp_path_factory.mktemp("links")
    (raw / "s20").symlink_to(flat / "video" / "s20")
    assert len(grid.find_sentences(raw)) == 2
