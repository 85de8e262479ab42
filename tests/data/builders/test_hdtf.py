"""HDTF, from its public lists."""

import numpy as np
import pytest

from avjax.data import loader as pipeline
from avjax.data.builders import corpus, hdtf
from avjax.errors import InputError

WIDE = "0 112 0 96"


@pytest.fixture
def raw(write_film, tmp_path):
    """A video of 50 frames with two stretches, one that was cut out, one not there."""
    root = tmp_path / "raw"
    write_film(root / "videos" / "Radio1.mp4", frames=50, blank=range(25, 35))
    write_film(root / "cut" / "WDA_Ann_000_0.mp4", frames=12)
    times = "Radio1.mp4 00:00-00:01 00:01.4-00:02 00:10-00:20\nRadio2.mp4 00:00-00:01\n"
    (root / "RD_annotion_time.txt").write_text(times)
    rows = [f"Radio1_{n}.mp4 {WIDE}\n" for n in range(2)]
    (root / "RD_crop_wh.txt").write_text("".join([*rows, f"Radio2_0.mp4 {WIDE}\n"]))
    (root / "WDA_annotion_time.txt").write_text("WDA_Ann_000.mp4 01:00-1:02:03\n\n")
    (root / "WDA_crop_wh.txt").write_text(f"WDA_Ann_000_0.mp4 {WIDE}\n")
    return root


def test_stretches_become_clips(raw, detector, tmp_path):
    """Also where they end with their file; what is not there is told."""
    recipe = hdtf.Hdtf(str(raw), 32, detector)
    summary = corpus.build(recipe, tmp_path / "out", workers=0)
    records = [
        record
        for split, count in summary.clips.items()
        if count
        for record in pipeline.source(tmp_path / "out", split)
    ]
    found = {record["clip"]: record for record in records}
    assert {name: len(record["face"]) for name, record in found.items()} == {
        "Radio1_0": 25,
        "Radio1_1": 15,
        "WDA_Ann_000_0": 12,
    }
    assert found["WDA_Ann_000_0"]["speaker"] == "WDA_Ann"
    assert len(found["Radio1_1"]["wave"]) == 15 * 640
    assert ["Radio2_0" in name for name, _ in summary.skipped] == [True]


def test_only_the_square_is_looked_at(raw):
    stretch = hdtf.Hdtf(str(raw)).listing()
    stretch = next(s for split in stretch.values() for s in split if s.start == 1.4)
    part = stretch._replace(square=(30, 40, 10, 50))
    frames, whole = (list(hdtf.frames_of(s)) for s in (part, stretch))
    assert frames[0].shape == (50, 40, 3) and len(frames) == 15
    np.testing.assert_array_equal(frames[3], whole[3][10:60, 30:70])


def test_a_square_that_leaves_the_picture_is_told(raw, detector, tmp_path):
    """By the build as well, which goes on with the others."""
    squares = (raw / "RD_crop_wh.txt").read_text()
    (raw / "RD_crop_wh.txt").write_text(squares.replace(WIDE, "557 478 0 478", 1))
    recipe = hdtf.Hdtf(str(raw), 32, detector)
    summary = corpus.build(recipe, tmp_path / "out", workers=0)
    (told,) = [why for name, why in summary.skipped if "Radio1_0" in name]
    assert "leaves the picture of 112 x 96 pixels" in told
    assert sum(summary.clips.values()) == 2


def test_what_was_cut_to_its_square_is_not_cut_again(raw):
    stretches = [s for split in hdtf.Hdtf(str(raw)).listing().values() for s in split]
    (cut,) = [s for s in stretches if s.name == "WDA_Ann_000_0"]
    whole = list(hdtf.frames_of(cut))
    again = list(hdtf.frames_of(cut._replace(square=(300, 112, 40, 96))))
    np.testing.assert_array_equal(whole, again)


def test_a_speaker_is_in_one_split(raw):
    names = [f"WDA_{chr(65 + n)}_{m:03d}.mp4" for n in range(26) for m in range(3)]
    times = "".join(f"{name} 00:00-00:10\n" for name in names)
    rows = "".join(f"{name[:-4]}_0.mp4 {WIDE}\n" for name in names)
    (raw / "WDA_annotion_time.txt").write_text(times)
    (raw / "WDA_crop_wh.txt").write_text(rows)
    who = {
        split: {hdtf.speaker_of(stretch.name) for stretch in stretches}
        for split, stretches in hdtf.Hdtf(str(raw)).listing().items()
    }
    assert (
        not who["train"] & (who["val"] | who["test"]) and not who["val"] & who["test"]
    )
    assert len(set.union(*who.values())) == 28


def test_clocks_may_have_hours():
    assert hdtf.seconds_of("01:30") == 90 and hdtf.seconds_of("1:02:03") == 3723


def test_torn_lists_are_one_sentence(raw):
    for line in ("Radio1_0.mp4 1 2 3", "Radio1_0.mp4 a b c d"):
        (raw / "RD_crop_wh.txt").write_text(line + "\n")
        with pytest.raises(InputError, match="Radio1_0 is at '00:00-00:01'"):
            hdtf.Hdtf(str(raw)).listing()
    (raw / "RD_crop_wh.txt").unlink()
    with pytest.raises(InputError, match="RD_crop_wh.txt is missing"):
        hdtf.Hdtf(str(raw)).listing()


def test_a_folder_without_lists_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="no list of HDTF"):
        hdtf.Hdtf(str(tmp_path)).listing()
