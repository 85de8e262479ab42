import os
import pathlib
import sys

import pytest

from avjax.errors import InputError
from avjax.media.files import (
    atomic_file,
    atomic_folder,
    cache_folder,
    check_distinct,
    check_folder,
    check_suffix,
    check_writable,
    created_parents,
    write_text,
)


def test_check_writable_leaves_no_file(tmp_path):
    check_writable(tmp_path / "new.txt")
    (tmp_path / "old.txt").write_text("old")
    check_writable(tmp_path / "old.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["old.txt"]
    assert (tmp_path / "old.txt").read_text() == "old"


@pytest.mark.parametrize("name", ["no/such/folder.txt", "."])
def test_unwritable_paths_are_rejected(tmp_path, name):
    for check in (check_writable, lambda path: atomic_file(path).__enter__()):
        with pytest.raises(InputError, match="cannot write"):
            check(tmp_path / name)


def test_check_suffix():
    assert check_suffix("a/B.MP4", ".wav", ".mp4") == ".mp4"
    with pytest.raises(InputError, match="cannot write a.avi: .* in .wav or .mp4"):
        check_suffix("a.avi", ".wav", ".mp4")


def test_check_distinct_rejects_inputs_and_links_to_them(tmp_path):
    (tmp_path / "clip.mp4").touch()
    (tmp_path / "link.mp4").symlink_to("clip.mp4")
    check_distinct(tmp_path / "new.mp4", tmp_path / "clip.mp4", None, [0.0])
    for name in ("clip.mp4", "link.mp4"):
        with pytest.raises(InputError, match="is also an input"):
            check_distinct(tmp_path / name, None, str(tmp_path / "clip.mp4"))


def write(folder, names):
    with atomic_folder(folder, ("a", "b")) as temporary:
        for name in names:
            (temporary / name).write_text("new")


def test_atomic_folder_replaces_only_a_folder_with_the_same_files(tmp_path):
    folder = tmp_path / "parent" / "folder"
    for names in ("ab", "a"):  # the second time it is replaced
        write(folder, names)
        assert sorted(file.name for file in folder.iterdir()) == list(names)
        assert folder.stat().st_mode & 0o777 == 0o755
    with pytest.raises(InputError, match="holds files other than a, b"):
        write(folder, "ab")
    assert [file.name for file in folder.iterdir()] == ["a"]
    assert [file.name for file in folder.parent.iterdir()] == ["folder"]


def test_atomic_folder_restores_the_old_folder_if_the_rename_fails(
    tmp_path, monkeypatch
):
    def fail_next(source, target):
        monkeypatch.setattr(os, "replace", fail)
        rename(source, target)

    def fail(source, target):
        monkeypatch.setattr(os, "replace", rename)
        raise OSError(5, "Input/output error")

    write(tmp_path / "folder", "ab")
    rename = os.replace
    monkeypatch.setattr(os, "replace", fail_next)
    with pytest.raises(InputError, match="input/output error"):
        write(tmp_path / "folder", "ab")
    names = sorted(file.name for file in (tmp_path / "folder").iterdir())
    assert names == ["a", "b"]
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_atomic_folder_keeps_the_old_folder_if_writing_fails(tmp_path):
    write(tmp_path / "folder", "ab")
    with (
        pytest.raises(KeyError),
        atomic_folder(tmp_path / "folder", ("a", "b")) as temporary,
    ):
        (temporary / "a").write_text("newer")
        raise KeyError
    assert (tmp_path / "folder/a").read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write .*file: not a directory"):
        write(tmp_path / "file", "ab")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="folders of Linux")
def test_created_folders_stay_only_with_something_in_them(tmp_path):
    path = tmp_path / "one" / "two" / "three"
    with pytest.raises(KeyError), created_parents(path):
        raise KeyError
    with pytest.raises(KeyError), atomic_folder(path, ["a"]) as temporary:
        (temporary / "a").write_text("")
        raise KeyError
    check_folder(path, ["a"])
    assert not list(tmp_path.iterdir())
    with atomic_folder(path, ["a"]) as temporary:
        (temporary / "a").write_text("")
    assert (path / "a").exists()


@pytest.mark.parametrize("value", ["", "relative", "./here", "~/x", None])
def test_empty_or_relative_cache_variable_is_ignored(value, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    if value is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache_folder() == pathlib.Path("/home/ann/.cache/avjax")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/ann")
    assert cache_folder() == pathlib.Path("/var/cache/ann/avjax")


def test_user_without_a_home_has_no_cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "relative")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder() is None
    assert not list(tmp_path.iterdir())


def test_folder_that_takes_no_files_is_named():
    if not pathlib.Path("/proc/version").exists():
        pytest.skip("no /proc")
    with pytest.raises(InputError, match="its folder takes no files"):
        check_writable("/proc/talk.mp4")


def test_text_may_name_files_whose_names_are_not_utf8(tmp_path):
    write_text(tmp_path / "a.txt", "from a\udcff.mp4 ə")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "from a\\udcff.mp4 ə"
