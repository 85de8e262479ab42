"""Files, speakers and transcripts below a folder."""

import pytest

from avjax.data.footage.videos import find_footage
from avjax.errors import InputError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def test_folder_is_a_speaker_and_a_file_is_one_without(tmp_path):
    touch(tmp_path, "anna/day 1/a.MOV", "anna/b.mkv", "carl.webm", "dora.mp4")
    videos = find_footage(tmp_path).videos
    assert {video.name: video.speaker for video in videos} == {
        "anna/b.mkv": "anna",
        "anna/day 1/a.MOV": "anna",
        "carl.webm": "carl",
        "dora.mp4": "dora",
    }
    assert [video.clip for video in videos][1] == "anna/day 1/a"


def test_one_speaker_has_the_name_of_the_folder(tmp_path):
    touch(tmp_path / "me", "one/a.mp4", "b.mp4")
    videos = find_footage(tmp_path / "me", one_speaker=True).videos
    assert {video.speaker for video in videos} == {"me"}


def test_transcripts_have_the_name_of_the_video(tmp_path):
    touch(tmp_path, "a.mp4", "a.txt", "a.SRT", "b.mp4", "b.txt", "c.mp4", "d.txt")
    footage = find_footage(tmp_path)
    names = [video.transcript and video.transcript.name for video in footage.videos]
    assert names == ["a.SRT", "b.txt", None]
    assert footage.ignored == ["d.txt"]


def test_other_files_are_listed_and_hidden_ones_are_not(tmp_path):
    touch(tmp_path, "a.mp4", "b.mp3", "notes.pdf", ".DS_Store", ".git/x.mp4")
    footage = find_footage(tmp_path)
    assert [video.name for video in footage.videos] == ["a.mp4"]
    assert footage.ignored == ["b.mp3", "notes.pdf"]


def test_equal_names_with_other_suffixes_stay_different(tmp_path):
    touch(tmp_path, "a.mp4", "a.mov", "b.mov")
    clips = [video.clip for video in find_footage(tmp_path).videos]
    assert clips == ["a.mov", "a.mp4", "b"]


def test_links_are_followed_once(tmp_path):
    touch(tmp_path / "far", "a.mp4")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "anna").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "loop").symlink_to(tmp_path / "raw")
    names = [video.name for video in find_footage(tmp_path / "raw").videos]
    assert names == ["anna/a.mp4"]


def test_folder_without_videos_is_rejected(tmp_path):
    with pytest.raises(InputError, match="there is no folder .*raw"):
        find_footage(tmp_path / "raw")
    touch(tmp_path, "a.wav")
    with pytest.raises(InputError, match="has no videos"):
        find_footage(tmp_path)
