"""The front door of the room of data."""

import os
import signal
import subprocess
import sys
import time

import pytest

from avjax.data import loader as pipeline
from avjax.data.__main__ import main
from avjax.data.puppet import WORDS
from avjax.errors import InputError

BUILD = ["build", "puppet", "--size", "32", "--clips"]


def test_one_line_makes_a_corpus_of_puppets(tmp_path, capsys):
    out = str(tmp_path / "puppets")
    assert main([*BUILD, "5", "--workers", "0", "--out", out]) == 0
    said = capsys.readouterr().out
    assert "4 clips in train, 1 clips in test" in said and f"wrote {out}" in said
    assert pipeline.source(out, "test")[0]["face"][0].shape == (32, 32, 3)


def test_puppets_may_say_single_words_which_the_corpus_then_tells(tmp_path):
    out = str(tmp_path / "words")
    build = [*BUILD, "5", "--kind", "word", "--workers", "0", "--out", out]
    assert main(build) == 0
    said = {
        r["text"] for split in ("train", "test") for r in pipeline.source(out, split)
    }
    assert said < set(WORDS) and pipeline.vocabulary(out, 9) == tuple(sorted(said))


def test_a_kind_of_speech_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(InputError, match="song"):
        main([*BUILD, "5", "--kind", "song", "--out", str(tmp_path / "out")])


PICTURES = ["pairs", "pictures", "sidd-blocks"]


@pytest.mark.parametrize("corpus", ["grid", "lrw", "lrs2", *PICTURES])
def test_a_raw_folder_that_is_not_there_is_one_sentence(tmp_path, corpus):
    raw, out = str(tmp_path / "raw"), str(tmp_path / "out")
    with pytest.raises(InputError, match=raw):
        main(["build", corpus, "--raw", raw, "--out", out, "--workers", "0"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong",
    [
        "--clips 0",
        "--clips -1",
        "--clips many",
        "--workers -1",
        "--seed -1",
        "--size 7",
    ],
)
def test_a_number_that_makes_no_sense_is_refused(tmp_path, wrong):
    with pytest.raises(InputError, match=f"{wrong.split()[0]}.* is not a number from"):
        main([*BUILD, "5", *wrong.split(), "--out", str(tmp_path / "out")])


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_a_build_that_is_stopped_leaves_nothing(tmp_path, kind):
    command = [sys.executable, "-m", "avjax.data", *BUILD, "4000"]
    build = subprocess.Popen(
        [*command, "--workers", "1", "--out", str(tmp_path / "out")],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: list(tmp_path.rglob("*array_record*")))
    os.kill(build.pid, kind)
    assert build.wait(30) != 0
    assert not list(tmp_path.iterdir())
    wait_until(lambda: not alive(build.pid))


def test_processes_end_when_their_parent_is_killed(tmp_path):
    command = [sys.executable, "-m", "avjax.data", *BUILD, "4000"]
    build = subprocess.Popen(
        [*command, "--workers", "1", "--out", str(tmp_path / "out")],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: list(tmp_path.rglob("*array_record*")))
    build.kill()
    build.wait(30)
    wait_until(lambda: not alive(build.pid))
    assert not (tmp_path / "out").exists()


def wait_until(true, seconds=40):
    """Until true() holds, or the test fails."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def alive(session):
    """Whether a process of this session is left."""
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return True
