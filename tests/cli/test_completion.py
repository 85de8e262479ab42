"""Completion by the shell, asked as bash asks."""

import os
import subprocess
import sys

import pytest

import avjax
from avjax.cli import completion
from avjax.train.experiments import EXPERIMENTS

RUN = "import avjax.__main__ as m; m.main([])"


def ask(line: str, folder, code: str = RUN) -> set[str]:
    """Return what the shell proposes after a line."""
    answers = folder / "answers"
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_SHELL": "bash",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answers),
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    command = [sys.executable, "-c", code]
    subprocess.run(command, env={**os.environ, **asked}, cwd=folder, check=True)
    return {word.strip() for word in answers.read_text().split("\n") if word.strip()}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("avjax li", {"lipread"}),
        ("avjax sync clip.mp4 --wei", {"--weights"}),
        ("avjax sync clip.mp4 --weights sync-p", {"sync-people", "sync-puppet"}),
        ("avjax weights show taem-g", {"taem-grid-s1"}),
        ("avjax data build pu", {"puppet"}),
        ("avjax train bridging_speech_g", {"bridging_speech_grid"}),
        ("avjax report my", {"my_run", "my_file.html"}),
        ("avjax align a.wav text --lang en-u", {"en-us", "en-us-nyc"}),
    ],
)
def test_names_options_and_files_are_completed(line, expected, tmp_path):
    run = tmp_path / "runs" / "my_run"
    run.mkdir(parents=True)
    (run / "metrics.jsonl").touch()
    (tmp_path / "my_file.html").touch()
    assert ask(line, tmp_path) == expected


def test_completion_does_not_import_jax(tmp_path):
    code = (
        "import atexit, os, sys, avjax.__main__ as m\n"
        "os._exit = lambda _: sys.exit(bool({'jax', 'cv2'} & set(sys.modules)))\n"
        "m.main([])"
    )
    assert ask("avjax train cals_gr", tmp_path, code) == {"cals_grid"}


def test_all_experiments_are_found_in_their_source():
    assert set(completion.list_experiments()) == set(EXPERIMENTS)
    assert completion.list_bundled() == avjax.list_weights()
