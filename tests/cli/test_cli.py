"""The front door: what a person meets before any verb has begun."""

import os
import subprocess
import sys

import pytest

from avjax.__main__ import ROOMS, VERBS, main


def test_who_stops_to_listen_is_told_nothing_more():
    """`avjax train --list | head -1`"""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "avjax", "train", "--list"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_small_programs_are_kept_for_the_next_call_as_well(tmp_path):
    first = "from avjax.__main__ import keep_programs; keep_programs(); import jax"
    told = f"{first}; jax.jit(lambda x: x + 1)(1.0)"
    mine = {name: x for name, x in os.environ.items() if not name.startswith("JAX_")}
    given = mine | {"XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", told], env=given, check=True)
    assert any(file.is_file() for file in tmp_path.rglob("programs/*lambda*"))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    told = capsys.readouterr().out
    assert left.value.code == 0 and VERBS[verb].__doc__.split()[0] in told


def test_help_names_all_that_there_is(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert all(name in told for name in (*VERBS, *ROOMS))


@pytest.mark.parametrize("given", [[], ["sing"], ["talk"], ["demo", "a", "b"]])
def test_what_is_not_understood_is_one_sentence(given, capsys):
    assert main(given) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("avjax: ")


@pytest.mark.parametrize(
    "given",
    [
        ["talk", "--face", "a.mp4", "--audio", "b.wav", "-o", "a.mp4"],
        ["talk", "--face", "a.png", "--audio", "b.mp4", "-o", "b.mp4"],
        ["talk", "--face", "a.png", "--srt", "b.mp4", "-o", "./b.mp4"],
        ["lipread", "a.mp4", "--srt", "a.mp4"],
        ["lipread", "a.mp4", "--grammar", "b.txt", "--srt", "b.txt"],
    ],
)
def test_nothing_is_written_over_what_is_read(given, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "a.png", "b.wav", "b.mp4", "b.txt"):
        (tmp_path / name).write_text("mine")
    assert main(given) == 2
    assert "would be written over itself" in capsys.readouterr().err
    assert all(file.read_text() == "mine" for file in tmp_path.iterdir())


@pytest.mark.parametrize("name", ["out.avi", "out"])
def test_a_clip_is_called_mp4(name, capsys):
    assert main(["talk", "--face", "a.png", "--audio", "b.wav", "-o", name]) == 2
    assert (
        f"cannot write {name}: its name should end in .mp4" in capsys.readouterr().err
    )


def test_a_demo_is_not_put_among_other_things(tmp_path, capsys):
    (tmp_path / "face.png").write_text("mine")
    assert main(["demo", str(tmp_path)]) == 2
    assert "holds other things than face.png, " in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["face.png"]
    assert (tmp_path / "face.png").read_text() == "mine"
