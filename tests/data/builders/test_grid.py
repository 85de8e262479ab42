"""GRID in its own layout and in a flat layout."""

import dataclasses

import numpy as np
import pytest

from avjax.data.builders import grid
from avjax.data.builders.corpus import build_corpus
from avjax.data.builders.grid import GridSource
from avjax.data.split_source import open_split
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


def test_40_of_270_recordings_are_in_val_and_test_each_and_others_in_unseen(flat):
    splits = GridSource(str(flat)).list_clips()
    sizes = {name: len(clips) for name, clips in splits.items()}
    assert sizes == {"train": 190, "val": 40, "test": 40, "unseen": 2}
    names = [str(clip) for clip in splits["val"]]
    assert names[:3] == ["s1/n000", "s1/n007", "s1/n014"]
    assert {clip.speaker for clip in splits["unseen"]} == {"s20"}


def test_train_speakers_can_be_chosen(flat):
    splits = GridSource(str(flat), train_speakers=("s1", "s20")).list_clips()
    assert not splits["unseen"] and len(splits["val"]) == 41


def test_alignment_gives_words_without_silences(tmp_path):
    (tmp_path / "a.align").write_text(ALIGN)
    words = grid.read_align(tmp_path / "a.align")
    assert [word for word, _, _ in words] == SENTENCE
    assert words[0] == ("bin", 0.95, 1.18), "25000 ticks a second: 1000 in a frame"


def test_damaged_alignment_is_rejected(tmp_path):
    for text in ("0 100", "a b c"):
        (tmp_path / "a.align").write_text(text)
        with pytest.raises(InputError, match="a.align"):
            grid.read_align(tmp_path / "a.align")


def test_words_are_derived_from_file_name():
    assert " ".join(grid.words_from_name("swbo3a")) == "set white by o three again"
    assert " ".join(grid.words_from_name("lgazzs")) == "lay green at z zero soon"
    assert grid.words_from_name("n000") == grid.words_from_name("xxxxxx") == []


@pytest.mark.parametrize(
    "video, alignment",
    [
        ("s3/video/mpg_6000/bbaf2n.mpg", "s3/align/bbaf2n.align"),
        ("video/s3/bbaf2n.mpg", "align/s3/bbaf2n.align"),
    ],
)
def test_both_layouts_are_read(write_video, tracker, tmp_path, video, alignment):
    raw = tmp_path / "raw"
    write_video(raw / video, frames=75)
    (raw / alignment).parent.mkdir(parents=True, exist_ok=True)
    (raw / alignment).write_text(ALIGN)
    source = GridSource(str(raw), 32, train_speakers=("s3",), tracker=tracker)
    summary = build_corpus(source, tmp_path / "out", num_workers=0)
    assert summary.clips == {"train": 0, "val": 1, "test": 0, "unseen": 0}
    record = open_split(tmp_path / "out", "val")[0]
    assert (record["text"], record["speaker"]) == ("bin blue at f two now", "s3")
    assert record["clip"] == "s3/bbaf2n" and len(record["face"]) == 75
    np.testing.assert_allclose(record["words"]["start"][:2], [0.95, 1.18])


@dataclasses.dataclass(frozen=True)
class HalvesAligner:
    """Returns two phones of equal length for each word, and fails at \"four\"."""

    def __call__(self, wave, words):
        assert len(wave) == 75 * 640 and wave.dtype == np.float32
        if any(word == "four" for word, _, _ in words):
            raise InputError("four cannot be aligned")
        return tuple(
            (phone, a, b)
            for _, start, end in words
            for phone, a, b in (
                ("x", start, (start + end) / 2),
                ("y", (start + end) / 2, end),
            )
        )


def test_clips_without_phones_are_kept(write_video, tracker, tmp_path):
    raw = tmp_path / "raw"
    for name, text in (("bbaf2n", ALIGN), ("bbaf4n", ALIGN.replace("two", "four"))):
        write_video(raw / "video" / "s3" / f"{name}.mpg", frames=75)
        (raw / "align" / "s3").mkdir(parents=True, exist_ok=True)
        (raw / "align" / "s3" / f"{name}.align").write_text(text)
    source = GridSource(str(raw), 32, tracker=tracker, aligner=HalvesAligner())
    summary = build_corpus(source, tmp_path / "out", num_workers=0)
    assert summary.unaligned == 1 and "alignment failed: 1 clip" in str(summary)
    aligned, unaligned = open_split(tmp_path / "out", "unseen")
    assert (
        aligned["phones"]["phone"] == ["x", "y"] * 6
        and not unaligned["phones"]["phone"]
    )
    np.testing.assert_allclose(aligned["phones"]["start"][:3], [0.95, 1.065, 1.18])
    assert unaligned["text"] == "bin blue at f four now"


def test_best_quality_is_chosen(tmp_path):
    for quality in ("mpg_6000", "mpg_vcd", "a"):
        (tmp_path / "s1" / "video" / quality).mkdir(parents=True)
        (tmp_path / "s1" / "video" / quality / "bbaf2n.mpg").write_bytes(b"")
    (clip,) = grid.find_clips(tmp_path)
    assert "mpg_6000" in clip.video.parts


def test_unusable_videos_are_skipped_and_reported(write_video, tracker, tmp_path):
    raw = tmp_path / "raw" / "video" / "s1"
    write_video(raw / "bbaf2n.mpg", frames=75)
    write_video(raw / "bbaf3s.mpg", audio=False)
    write_video(raw / "bbaf4p.mpg", blank=range(12))
    (raw / "bbaf5a.mpg").write_bytes(b"not a video")
    write_video(raw / "bbaf6n.mpg", frames=20)
    source = GridSource(str(tmp_path / "raw"), 32, tracker=tracker)
    summary = build_corpus(source, tmp_path / "out", num_workers=0)
    reasons = {name.removeprefix("s1/bbaf"): why for name, why in summary.skipped}
    assert set(reasons) == {"3s", "4p", "5a", "6n"}
    assert "audio" in reasons["3s"] and "20 of 75 frames" in reasons["6n"]
    assert "no face was found in 12 of 12" in reasons["4p"]
    record = open_split(tmp_path / "out", "val")[0]
    assert record["text"] == "bin blue at f two now" and record["words"]["word"] == []


def test_folder_without_grid_is_rejected(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=str(folder)):
            GridSource(str(folder)).list_clips()


def test_real_recordings_are_read(real, tmp_path):
    videos = sorted((real / "grid" / "video" / "s1").glob("*.mpg"))[:2]
    for video in videos:
        for kind, path in (("video", video), ("align", alignment_path(video))):
            (tmp_path / kind / "s1").mkdir(parents=True, exist_ok=True)
            (tmp_path / kind / "s1" / path.name).symlink_to(path)
    summary = build_corpus(GridSource(str(tmp_path)), tmp_path / "out", num_workers=0)
    assert summary.clips == {"train": 1, "val": 1, "test": 0, "unseen": 0}, str(summary)
    record = open_split(tmp_path / "out", "train")[0]
    assert record["face"][:].shape == (75, 96, 96, 3)
    assert record["text"].split() == grid.words_from_name(videos[1].stem)
    loud = np.abs(record["wave"].reshape(75, 640)).mean(1)
    speech = record["words"]["start"][0] * 25, record["words"]["end"][-1] * 25
    inside = slice(round(speech[0]), round(speech[1]))
    assert loud[inside].mean() > 3 * loud[: inside.start - 2].mean()


def alignment_path(video):
    return video.parents[2] / "align" / video.parent.name / f"{video.stem}.align"


def test_links_to_folders_are_followed(flat, tmp_path_factory):
    raw = tmp_path_factory.mktemp("links")
    (raw / "s20").symlink_to(flat / "video" / "s20")
    assert len(grid.find_clips(raw)) == 2
