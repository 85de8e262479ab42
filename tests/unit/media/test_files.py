import os

import pytest

from avjax.errors import InputError
from avjax.media.files import (
    require_ending,
    require_other,
    require_place,
    whole_file,
    whole_folder,
)


def test_a_place_for_a_file_is_tried_without_a_trace(tmp_path):
    require_place(tmp_path / "new.txt")
    (tmp_path / "old.txt").write_text("old")
    require_place(tmp_path / "old.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["old.txt"]
    assert (tmp_path / "old.txt").read_text() == "old"


@pytest.mark.parametrize("name", ["no/such/folder.txt", "."])
def test_where_no_file_can_be_is_one_sentence(tmp_path, name):
    for ask in (require_place, lambda path: whole_file(path).__enter__()):
        with pytest.raises(InputError, match="cannot write"):
            ask(tmp_path / name)


def test_a_name_has_one_of_its_endings_or_is_refused():
    assert require_ending("a/B.MP4", ".wav", ".mp4") == ".mp4"
    with pytest.raises(InputError, match="cannot write a.avi: .* in .wav or .mp4"):
        require_ending("a.avi", ".wav", ".mp4")


def test_what_is_read_is_not_written_over(tmp_path):
    (tmp_path / "clip.mp4").touch()
    (tmp_path / "link.mp4").symlink_to("clip.mp4")
    require_other(tmp_path / "new.mp4", tmp_path / "clip.mp4", None, [0.0])
    for name in ("clip.mp4", "link.mp4"):
        with pytest.raises(InputError, match="written over itself"):
            require_other(tmp_path / name, None, str(tmp_path / "clip.mp4"))


def write(folder, names):
    with whole_folder(folder, ("a", "b")) as part:
        for name in names:
            (part / name).write_text("new")


def test_a_folder_is_whole_and_replaces_but_one_of_its_kind(tmp_path):
    folder = tmp_path / "there" / "folder"
    for names in ("ab", "a"):  # the second time it makes way
        write(folder, names)
        assert sorted(file.name for file in folder.iterdir()) == list(names)
        assert folder.stat().st_mode & 0o777 == 0o755
    with pytest.raises(InputError, match="holds other things than a, b"):
        write(folder, "ab")
    assert [file.name for file in folder.iterdir()] == ["a"]
    assert [file.name for file in folder.parent.iterdir()] == ["folder"]


def test_a_folder_that_has_made_way_in_vain_comes_back(tmp_path, monkeypatch):
    def once(source, target):
        monkeypatch.setattr(os, "replace", refuse)
        rename(source, target)

    def refuse(source, target):
        monkeypatch.setattr(os, "replace", rename)
        raise OSError(5, "Input/output error")

    write(tmp_path / "folder", "ab")
    rename = os.replace
    monkeypatch.setattr(os, "replace", once)
    with pytest.raises(InputError, match="input/output error"):
        write(tmp_path / "folder", "ab")
    held = sorted(file.name for file in (tmp_path / "folder").iterdir())
    assert held == ["a", "b"]
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_a_folder_whose_writing_fails_is_as_before(tmp_path):
    write(tmp_path / "folder", "ab")
    with pytest.raises(KeyError), whole_folder(tmp_path / "folder", ("a", "b")) as part:
        (part / "a").write_text("newer")
        raise KeyError
    assert (tmp_path / "folder/a").read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write .*file: not a directory"):
        write(tmp_path / "file", "ab")
