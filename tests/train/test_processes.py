"""Runs of several processes: they move, stop and refuse together."""

import dataclasses
import resource
import signal

import jax
import numpy as np
import pytest
from train_processes import finish, start_processes, wait_for_step

from avjax.errors import InputError
from avjax.train import __main__ as main
from avjax.train.loop import fit
from avjax.train.parallel.hosts import check_alone


def test_run_of_two_processes_continues_on_another_mesh(sgd_experiment, tmp_path):
    children = start_processes(
        *("train", "sgd", "--out", tmp_path / "moved", "steps=10", "log_every=10"),
        processes=2,
    )
    results = finish(children)
    assert [status for status, _ in results] == [0, 0], results
    moved = fit(sgd_experiment, tmp_path / "moved")  # one process with two devices
    alone = fit(sgd_experiment, tmp_path / "alone")
    assert int(moved.step) == int(alone.step) == sgd_experiment.steps
    for a, b in zip(*map(jax.tree.leaves, (moved.params, alone.params)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_signal_of_one_process_saves_and_stops_all(tmp_path):
    limits = "steps=100000", "save_every=100000"
    children = start_processes("train", "sgd", "--out", tmp_path, *limits, processes=2)
    wait_for_step(tmp_path, 3, children)
    children[1].send_signal(signal.SIGINT)
    results = finish(children)
    (saved,) = (tmp_path / "checkpoints").iterdir()
    for status, errors in results:
        assert status == 130, errors
        assert f"saved {tmp_path} at step {saved.name}; the same command" in errors
    last = (tmp_path / "metrics.jsonl").read_text().splitlines()[-1]
    assert last.startswith(f'{{"step": {saved.name},')


def test_refusal_of_one_process_ends_all(tmp_path):
    children = start_processes(
        *("train", "sgd", "--out", tmp_path / "run"),
        processes=2,
        changes=[[], ["seed=3"]],
    )
    sentence = "seed is 3, but 0 in process 0; start all processes with the same"
    for status, errors in finish(children):
        assert status == 2, errors
        assert sentence in errors and "Traceback" not in errors
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"SLURM_NTASKS": "2"}, "SLURM has started 2 tasks .*: add --distributed auto"),
        ({"OMPI_COMM_WORLD_SIZE": "16"}, "Open MPI has started 16 tasks"),
        ({"TPU_WORKER_HOSTNAMES": "10.0.0.1,10.0.0.2"}, "TPU slice has 2 hosts"),
    ],
)
def test_task_of_several_must_be_connected(environment, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for command in (main.train, main.evaluate):
        with pytest.raises(InputError, match=message):
            command(["bridging_puppet"])
    with pytest.raises(InputError, match="there is no corpus"):
        main.train(["bridging_puppet", "--distributed", "off"])
    assert main.train(["bridging_puppet", "--show"]) == 0


def test_single_task_needs_no_connection():
    check_alone({"SLURM_NTASKS": "1", "TPU_WORKER_HOSTNAMES": "localhost"})


def test_full_disk_is_one_sentence(experiment, tmp_path, capsys):
    # A limit on the size of files has the effects of a full disk.
    short = dataclasses.replace(experiment, steps=4, save_every=1, evals={})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(InputError, match="cannot write into .*: file too large; "):
            fit(short, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "Traceback" not in capsys.readouterr().err
