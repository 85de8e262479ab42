"""Runs of `avjax train` in one or several processes of this computer."""

import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

HERE = pathlib.Path(__file__).parent
FLAGS = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_use_fusion_emitters=false"
)
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])  # worker processes use it, too
import toy_system
from avjax.__main__ import main
from avjax.train import experiments
experiments.EXPERIMENTS.update(toy_system.TOYS)
sys.exit(main(sys.argv[2:]))
"""


def start_processes(
    *arguments: str | pathlib.Path,
    processes: int = 1,
    devices: int = 1,
    changes: Sequence[Sequence[str]] = (),
    **environment: str,
) -> list[subprocess.Popen]:
    """Start `avjax` with toy experiments in several connected processes.

    Args:
        *arguments: The words after `avjax`.
        processes: Number of processes; one is not connected to anything.
        devices: Devices of each process.
        changes: Further words of each process.
        **environment: Further environment variables.

    Returns:
        The processes, whose errors can be read.
    """
    flags = f"{FLAGS} --xla_force_host_platform_device_count={devices}"
    variables = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "COLUMNS": "300"}
    address = f"localhost:{free_port()},{processes}"
    started = []
    for index in range(processes):
        words = [*map(str, arguments), *(changes[index] if changes else ())]
        words += ["--distributed", f"{address},{index}"] * (processes > 1)
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(HERE), *words],
            env=os.environ | variables | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(child)
    return started


def finish(
    children: Sequence[subprocess.Popen], timeout: float = 240
) -> list[tuple[int, str]]:
    """Wait until processes end.

    Args:
        children: The processes.
        timeout: Seconds until they are killed.

    Returns:
        Status and errors of each.
    """
    until = time.monotonic() + timeout
    results = []
    try:
        for child in children:
            _, errors = child.communicate(timeout=max(until - time.monotonic(), 1))
            results.append((child.returncode, errors))
    finally:
        for child in children:
            child.kill()
    return results


def wait_for_step(
    folder: pathlib.Path, step: int, children: Sequence[subprocess.Popen]
) -> None:
    """Wait until a run has logged a step.

    Args:
        folder: Folder of the run, which logs every step.
        step: The step.
        children: Its processes.
    """
    file, until = folder / "metrics.jsonl", time.monotonic() + 240
    while not (file.exists() and f'"step": {step},' in file.read_text()):
        assert time.monotonic() < until
        assert all(child.poll() is None for child in children)
        time.sleep(0.002)


def wait_for_disk(example: object) -> object:
    """Read an example as slowly as real data; a worker process imports this module."""
    time.sleep(0.01)
    return example


def free_port() -> int:
    """Return a port of this computer that nothing uses."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]
