"""Progress displays."""

import contextlib

import pytest
import rich.console

from avjax import console
from avjax.console import (
    progress_bar,
    progress_listener,
    report_items,
    status,
    track,
)


def test_progress_prints_nothing_where_there_is_no_terminal(capfd):
    assert list(track(range(3), "counting")) == [0, 1, 2]
    with progress_bar() as progress:
        progress.advance(progress.add_task("counting", total=1))
    assert capfd.readouterr() == ("", "")


def test_notebook_gets_no_spinner(monkeypatch):
    monkeypatch.setattr(console, "CONSOLE", rich.console.Console(force_jupyter=True))
    assert isinstance(status("working"), contextlib.nullcontext)


def test_listener_gets_all_progress_and_can_end_it():
    reports = []
    with progress_listener(lambda *report: reports.append(report)):
        assert list(track([5, 6], "counting")) == [5, 6]
        with status("looking"):
            pass
        with progress_bar() as bar:
            bar.advance(bar.add_task("drawing", total=1))
        assert list(track([7], "hidden", progress=False)) == [7]
    assert reports[:3] == [("counting", done, 2) for done in range(3)]
    assert reports[3:] == [
        ("looking", 0, None),
        ("drawing", 0, 1),
        ("drawing", 1, 1),
    ]
    assert list(report_items([1], "unreports")) == [1]

    def refuse(description, done, total):
        raise InterruptedError

    with progress_listener(refuse), pytest.raises(InterruptedError):
        list(report_items([1, 2], "counting", 2))
