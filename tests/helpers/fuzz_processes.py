"""Run damaged inputs in processes that may crash, hang or grow."""

import collections
import multiprocessing
import multiprocessing.connection
import os
import pathlib
import resource
import shutil
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from fuzz_checks import Outcome, run_case
from fuzz_commands import make_case

SLOW_SECONDS = 60  # CPU time
MAX_SILENCE = 600  # seconds without a result, in a process that waits for ever
MIB = 1024**2
MAX_PEAK = 1536 * MIB
MAX_REST = 1000 * MIB  # between two inputs; a process that has grown is replaced


class Batch(NamedTuple):
    """Inputs that one process runs: numbers from `start` to before `end`."""

    command: str
    start: int
    end: int


class Result(NamedTuple):
    """One input: its number, what happened, and the peak memory of the process."""

    number: int
    outcome: Outcome
    peak: int


def run_batch(batch: Batch, folder: pathlib.Path, seed: int, pipe) -> None:
    """Run inputs, and send the number of each, and then its `Result`."""
    work = folder / f"{batch.command}-{batch.start}-{os.getpid()}"
    work.mkdir()
    for number in range(batch.start, batch.end):
        case_folder = work / str(number)
        case = make_case(folder / "seeds", case_folder, batch.command, (seed, number))
        pipe.send(number)
        interrupt_after = None
        if number == batch.end - 1:  # the last one: modules may stay half imported
            interrupt_after = np.random.default_rng([seed, number]).uniform(0, 0.4)
        outcome = run_case(case, work, interrupt_after)
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if peak > MAX_PEAK and not outcome.fault:
            outcome = outcome._replace(fault=f"{peak / MIB:.0f} MiB of memory")
        pipe.send(Result(number, outcome, peak))
        shutil.rmtree(case_folder, ignore_errors=True)
        if resident() > MAX_REST:
            break
    shutil.rmtree(work, ignore_errors=True)


def resident() -> int:
    """Return the memory of this process in bytes."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


class Worker:
    """A process that runs a batch.

    Attributes:
        pipe: Sends the number of an input that begins, and its `Result`.
        rest: The inputs that have no result.
    """

    def __init__(self, batch: Batch, folder: pathlib.Path, seed: int):
        self.rest, self._is_running = batch, False
        context = multiprocessing.get_context("fork")
        self.pipe, sender = context.Pipe(duplex=False)
        arguments = batch, folder, seed, sender
        self._process = context.Process(target=run_batch, args=arguments)
        self._process.start()
        sender.close()
        self._began = time.monotonic(), 0.0

    def receive(self, has_message: bool) -> tuple[Result | None, bool]:
        """Receive a message.

        Args:
            has_message: The process has sent one, or has ended.

        Returns:
            The result of an input, and True if the process has ended.
        """
        if not has_message:
            is_slow = self._is_slow()
            return self.stop(is_killed=True) if is_slow else None, is_slow
        try:
            message = self.pipe.recv()
        except EOFError:
            return self.stop(), True
        self._began = time.monotonic(), self._cpu_seconds()
        self._is_running = not isinstance(message, Result)
        if self._is_running:
            return None, False
        self.rest = self.rest._replace(start=message.number + 1)
        return message, False

    def stop(self, is_killed: bool = False) -> Result | None:
        """End the process; return the result of the input in which it ended."""
        if is_killed:
            self._process.kill()
        self._process.join()
        self.pipe.close()
        code, number = self._process.exitcode, self.rest.start
        if not (self._is_running or is_killed or code):
            return None
        self.rest = self.rest._replace(start=number + 1)
        fault = "" if is_killed else f"the process ended with {code}"
        return Result(number, Outcome(None, fault, 0.0, ""), 0)

    def _is_slow(self) -> bool:
        """Return True if the process has computed, or waited, for too long."""
        used = self._cpu_seconds() - self._began[1]
        return used > SLOW_SECONDS or time.monotonic() - self._began[0] > MAX_SILENCE

    def _cpu_seconds(self) -> float:
        """Return the CPU time of the process."""
        try:
            stat = pathlib.Path(f"/proc/{self._process.pid}/stat").read_text()
        except FileNotFoundError:  # it has ended
            return 0.0
        ticks = map(int, stat.rpartition(")")[2].split()[11:13])
        return sum(ticks) / os.sysconf("SC_CLK_TCK")


def run_all(
    folder: pathlib.Path, queue: collections.deque[Batch], seed: int, processes: int
) -> Iterator[tuple[str, Result]]:
    """Run inputs in several processes.

    Args:
        folder: Folder with the valid files.
        queue: The inputs.
        seed: The seed.
        processes: Number of processes.

    Yields:
        The command and the result of each input.
    """
    workers: dict[multiprocessing.connection.Connection, Worker] = {}
    try:
        while queue or workers:
            while queue and len(workers) < processes:
                worker = Worker(queue.popleft(), folder, seed)
                workers[worker.pipe] = worker
            ready = multiprocessing.connection.wait(list(workers), timeout=1)
            for pipe, worker in list(workers.items()):
                result, has_ended = worker.receive(pipe in ready)
                if has_ended:
                    del workers[pipe]
                    if worker.rest.start < worker.rest.end:
                        queue.appendleft(worker.rest)
                if result:
                    yield worker.rest.command, result
    finally:
        for worker in workers.values():  # the caller wants no more
            worker.stop(is_killed=True)
