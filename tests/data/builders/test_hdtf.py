"""HDTF from its published lists."""

import numpy as np
import pytest

from avjax.data.builders import hdtf
from avjax.data.builders.corpus import build_corpus
from avjax.data.builders.hdtf import HdtfSource
from avjax.data.split_source import open_split
from avjax.errors import InputError

WIDE = "0 112 0 96"


@pytest.fixture
def raw(write_video, tmp_path):
    """A video with two stretches, one that was cut out, and one that is missing."""
    root = tmp_path / "raw"
    write_video(root / "videos" / "Radio1.mp4", frames=50, blank=range(25, 35))
    write_video(root / "cut" / "WDA_Ann_000_0.mp4", frames=12)
    times = "Radio1.mp4 00:00-00:01 00:01.4-00:02 00:10-00:20\nRadio2.mp4 00:00-00:01\n"
    (root / "RD_annotion_time.txt").write_text(times)
    rows = [f"Radio1_{n}.mp4 {WIDE}\n" for n in range(2)]
    (root / "RD_crop_wh.txt").write_text("".join([*rows, f"Radio2_0.mp4 {WIDE}\n"]))
    (root / "WDA_annotion_time.txt").write_text("WDA_Ann_000.mp4 01:00-1:02:03\n\n")
    (root / "WDA_crop_wh.txt").write_text(f"WDA_Ann_000_0.mp4 {WIDE}\n")
    return root


def test_stretches_are_read(raw, tracker, tmp_path):
    """One stretch is at the end of a file; a missing video is reported."""
    source = HdtfSource(str(raw), 32, tracker)
    summary = build_corpus(source, tmp_path / "out", num_workers=0)
    records = [
        record
        for split, count in summary.clips.items()
        if count
        for record in open_split(tmp_path / "out", split)
    ]
    by_name = {record["clip"]: record for record in records}
    assert {name: len(record["face"]) for name, record in by_name.items()} == {
        "Radio1_0": 25,
        "Radio1_1": 15,
        "WDA_Ann_000_0": 12,
    }
    assert by_name["WDA_Ann_000_0"]["speaker"] == "WDA_Ann"
    assert len(by_name["Radio1_1"]["wave"]) == 15 * 640
    assert ["Radio2_0" in name for name, _ in summary.skipped] == [True]


def test_only_the_square_is_read(raw):
    splits = HdtfSource(str(raw)).list_clips()
    stretch = next(s for split in splits.values() for s in split if s.start == 1.4)
    part = stretch._replace(square=(30, 40, 10, 50))
    frames, whole = (list(hdtf.read_square(s)) for s in (part, stretch))
    assert frames[0].shape == (50, 40, 3) and len(frames) == 15
    np.testing.assert_array_equal(frames[3], whole[3][10:60, 30:70])


def test_square_outside_the_frame_is_reported(raw, tracker, tmp_path):
    """The build continues with the other clips."""
    squares = (raw / "RD_crop_wh.txt").read_text()
    (raw / "RD_crop_wh.txt").write_text(squares.replace(WIDE, "557 478 0 478", 1))
    source = HdtfSource(str(raw), 32, tracker)
    summary = build_corpus(source, tmp_path / "out", num_workers=0)
    (reason,) = [reason for name, reason in summary.skipped if "Radio1_0" in name]
    assert "is not inside the frame of 112 x 96 pixels" in reason
    assert sum(summary.clips.values()) == 2


def test_cropped_video_is_not_cropped_again(raw):
    stretches = [
        s for split in HdtfSource(str(raw)).list_clips().values() for s in split
    ]
    (cut,) = [s for s in stretches if s.name == "WDA_Ann_000_0"]
    frames = list(hdtf.read_square(cut))
    again = list(hdtf.read_square(cut._replace(square=(300, 112, 40, 96))))
    np.testing.assert_array_equal(frames, again)


def test_each_speaker_is_in_one_split(raw):
    names = [f"WDA_{chr(65 + n)}_{m:03d}.mp4" for n in range(26) for m in range(3)]
    times = "".join(f"{name} 00:00-00:10\n" for name in names)
    rows = "".join(f"{name[:-4]}_0.mp4 {WIDE}\n" for name in names)
    (raw / "WDA_annotion_time.txt").write_text(times)
    (raw / "WDA_crop_wh.txt").write_text(rows)
    speakers = {
        split: {hdtf.speaker_name(stretch.name) for stretch in stretches}
        for split, stretches in HdtfSource(str(raw)).list_clips().items()
    }
    assert (
        not speakers["train"] & (speakers["val"] | speakers["test"])
        and not speakers["val"] & speakers["test"]
    )
    assert len(set.union(*speakers.values())) == 28


def test_clock_with_and_without_hours():
    assert hdtf.parse_clock("01:30") == 90 and hdtf.parse_clock("1:02:03") == 3723


def test_damaged_lists_are_rejected(raw):
    for line in ("Radio1_0.mp4 1 2 3", "Radio1_0.mp4 a b c d"):
        (raw / "RD_crop_wh.txt").write_text(line + "\n")
        with pytest.raises(InputError, match="of Radio1_0 cannot be read"):
            HdtfSource(str(raw)).list_clips()
    (raw / "RD_crop_wh.txt").unlink()
    with pytest.raises(InputError, match="RD_crop_wh.txt: it does not exist"):
        HdtfSource(str(raw)).list_clips()


def test_folder_without_lists_is_rejected(tmp_path):
    with pytest.raises(InputError, match="no list of HDTF"):
        HdtfSource(str(tmp_path)).list_clips()
