"""The command `avjax data build`."""

import os
import signal
import subprocess
import sys
import time

import pytest

from avjax.data.__main__ import main
from avjax.data.builders import CORPORA
from avjax.data.loader import read_vocabulary
from avjax.data.puppet import WORDS
from avjax.data.split_source import open_split
from avjax.errors import InputError

BUILD = ["build", "puppet", "--size", "32", "--clips"]


def test_one_command_builds_a_corpus_of_puppets(tmp_path, capsys):
    out = str(tmp_path / "puppets")
    assert main([*BUILD, "5", "--workers", "0", "--out", out]) == 0
    printed = capsys.readouterr().out
    assert "4 clips in train, 1 clip in val, 0 clips in test" in printed
    assert "no clips in test" in printed and f"wrote {out}" in printed
    assert open_split(out, "val")[0]["face"][0].shape == (32, 32, 3)


def test_vocabulary_of_a_corpus_of_single_words(tmp_path):
    out = str(tmp_path / "words")
    build = [*BUILD, "5", "--kind", "word", "--workers", "0", "--out", out]
    assert main(build) == 0
    records = [r for split in ("train", "val") for r in open_split(out, split)]
    words = {record["text"] for record in records}
    assert words < set(WORDS) and read_vocabulary(out, 9) == tuple(sorted(words))


def test_unknown_kind_of_speech_is_refused(tmp_path):
    with pytest.raises(InputError, match="song"):
        main([*BUILD, "5", "--kind", "song", "--out", str(tmp_path / "out")])


def test_unknown_language_is_refused(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.mp4").write_bytes(b"")
    raw, out = str(tmp_path / "raw"), str(tmp_path / "out")
    message = "unknown language 'xx' for --lang; .*`avjax talk --list-languages`"
    with pytest.raises(InputError, match=message):
        main(["build", "clips", "--raw", raw, "--out", out, "--lang", "xx"])
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


IMAGE_CORPORA = ["pairs", "pictures", "sidd-blocks"]


@pytest.mark.parametrize("corpus", ["grid", "lrw", "lrs2", "clips", *IMAGE_CORPORA])
def test_missing_raw_folder_is_refused(tmp_path, corpus):
    raw, out = str(tmp_path / "raw"), str(tmp_path / "out")
    with pytest.raises(InputError, match=raw):
        main(["build", corpus, "--raw", raw, "--out", out, "--workers", "0"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "option",
    [
        "--clips 0",
        "--clips -1",
        "--clips many",
        "--workers -1",
        "--seed -1",
        "--size 7",
    ],
)
def test_number_out_of_range_is_refused(tmp_path, option):
    message = f"{option.split()[0]}.* is not an integer >="
    with pytest.raises(InputError, match=message):
        main([*BUILD, "5", *option.split(), "--out", str(tmp_path / "out")])


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The files of a corpus of 24 puppets, in three shards."""
    out = tmp_path_factory.mktemp("unbroken") / "out"
    assert main([*BUILD, "24", "--workers", "0", "--out", str(out)]) == 0
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_stopped_build_is_continued(tmp_path, stop, unbroken):
    out, options = tmp_path / "out", [*BUILD, "24", "--workers"]
    command = [sys.executable, "-m", "avjax.data", *options, "1", "--out", str(out)]
    build = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    reports = tmp_path / ".out.unfinished" / "reports"
    wait_until(lambda: list(reports.glob("*.json")))
    os.kill(build.pid, stop)
    assert build.wait(30) != 0
    wait_until(lambda: not is_alive(build.pid))
    assert [path.name for path in tmp_path.iterdir()] == [".out.unfinished"]
    assert list(reports.glob("*.json"))  # complete shards are kept
    assert main([*options, "0", "--out", str(out)]) == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == unbroken
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_build_that_is_stopped_early_leaves_no_files(tmp_path):
    command = [sys.executable, "-m", "avjax.data", *BUILD, "4000"]
    build = subprocess.Popen(
        [*command, "--workers", "1", "--out", str(tmp_path / "out")],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: list(tmp_path.rglob("source.json")))
    os.kill(build.pid, signal.SIGTERM)
    assert build.wait(30) != 0
    assert not list(tmp_path.iterdir())
    wait_until(lambda: not is_alive(build.pid))


def wait_until(condition, seconds=120):
    """Wait until condition() is true; fail after some seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def is_alive(session):
    """Return True if a process of this session is running."""
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("corpus", [x for x in CORPORA if x != "puppet"])
def test_missing_folder_of_recordings_is_named(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="^there is no folder nosuch$"):
        main(["build", corpus, "--raw", "nosuch", "--out", "out"])
    (tmp_path / "nosuch").write_text("")
    with pytest.raises(InputError, match="^nosuch is not a folder$"):
        main(["build", corpus, "--raw", "nosuch", "--out", "out"])
