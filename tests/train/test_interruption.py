"""Runs that are stopped by a signal, and folders that another run uses."""

import dataclasses
import json
import os
import signal

import pytest
from train_processes import finish, start_processes, wait_for_step

from avjax.errors import InputError, Interrupted
from avjax.train.loop import fit
from avjax.train.report.run_log import read_run
from avjax.train.run.folder import locked_folder
from avjax.train.run.interruption import InterruptWatch


def train_until_signal(folder, number):
    """Train in a process group that gets a signal, -> exit status and errors."""
    (child,) = start_processes("train", "interrupted", "--out", folder)
    wait_for_step(folder, 3, [child])
    os.killpg(child.pid, number)  # as Ctrl-C does: also to the worker processes
    return finish([child])[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_saves_the_run_which_then_continues(
    number, interrupted_experiment, tmp_path
):
    status, errors = train_until_signal(tmp_path / "run", number)
    assert status == (0 if number == signal.SIGTERM else 130)
    (saved,) = (tmp_path / "run/checkpoints").iterdir()
    sentence = (
        f"saved {tmp_path / 'run'} at step {saved.name}; the same command continues"
    )
    assert sentence in errors
    assert "Traceback" not in errors and "leaked" not in errors
    state = fit(interrupted_experiment, tmp_path / "run")
    assert int(state.step) == interrupted_experiment.steps > int(saved.name)


def test_stopped_run_has_its_losses_and_counts_its_hours(
    experiment, tmp_path, monkeypatch
):
    experiment = dataclasses.replace(experiment, steps=4, log_every=50)

    def requested(watch, step):
        return signal.SIGINT if step == 2 else None

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(InterruptWatch, "requested", requested)
        fit(experiment, tmp_path)
    stopped = read_run(tmp_path)
    assert stopped.last_step == 2 and "train/generator/loss" in stopped.curves
    file = tmp_path / "metrics.jsonl"
    entry = json.loads(file.read_text())
    file.write_text(json.dumps({**entry, "hours": 5.0}) + "\n")
    fit(experiment, tmp_path)
    hours = read_run(tmp_path).hours
    assert hours is not None and 5 < hours < 6


def test_second_signal_is_not_held_back(capsys):
    with pytest.raises(KeyboardInterrupt), InterruptWatch() as watch:
        os.kill(os.getpid(), signal.SIGINT)
        assert watch.requested(1) == signal.SIGINT
        assert "(Ctrl-C again: at once, without saving)" in capsys.readouterr().err
        os.kill(os.getpid(), signal.SIGINT)


def test_second_preemption_notice_does_not_stop_the_save():
    with InterruptWatch() as watch:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
        assert watch.requested(1) == signal.SIGTERM


def test_second_run_in_a_folder_is_refused(experiment, tmp_path):
    with (
        locked_folder(tmp_path / "run"),
        pytest.raises(InputError, match="another process is training in"),
    ):
        fit(experiment, tmp_path / "run")
    assert {file.name for file in (tmp_path / "run").iterdir()} == {"lock"}
    fit(experiment, tmp_path / "run")


def test_folder_with_other_files_is_refused(experiment, tmp_path):
    (tmp_path / "photo.jpg").write_text("mine")
    with pytest.raises(InputError, match="is not the folder of a run, and it holds ph"):
        fit(experiment, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["photo.jpg"]
