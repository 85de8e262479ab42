"""Progress displays."""

import contextlib

import rich.console

from avjax import console
from avjax.console import progress_bar, status, track


def test_progress_prints_nothing_where_there_is_no_terminal(capfd):
    assert list(track(range(3), "counting")) == [0, 1, 2]
    with progress_bar() as progress:
        progress.advance(progress.add_task("counting", total=1))
    assert capfd.readouterr() == ("", "")


def test_notebook_gets_no_spinner(monkeypatch):
    monkeypatch.setattr(console, "CONSOLE", rich.console.Console(force_jupyter=True))
    assert isinstance(status("working"), contextlib.nullcontext)
