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
