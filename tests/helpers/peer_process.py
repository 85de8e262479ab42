"""A process in another Python that works when it is asked to, and reports its time."""

import os
import subprocess
import sys
from typing import NamedTuple

from avjax.typing import PathLike


class Times(NamedTuple):
    """What a piece of work took.

    Attributes:
        seconds: Wall-clock time.
        cpu_seconds: Time of all processors.
    """

    seconds: float
    cpu_seconds: float


def use_cores(count: int | None) -> None:
    """Restrict this process and those that it starts to some cores; None: to none.

    It has no effect on threads that already run. On one core, the time of the
    processors hardly depends on other programs: no thread waits for another one.
    """
    if count:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


class PeerProcess:
    """A program that works once for each line of its standard input.

    It prints a line when it is ready, and then "SECONDS CPU_SECONDS LOSS" each time.

    Attributes:
        loss: The latest loss.
    """

    def __init__(self, *command: PathLike):
        """Start a program and wait until it is ready."""
        self.loss = float("nan")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._read()

    def step(self) -> Times:
        """Let the program work once."""
        assert self._process.stdin is not None
        self._process.stdin.write("step\n")
        self._process.stdin.flush()
        seconds, cpu_seconds, self.loss = map(float, self._read().split())
        return Times(seconds, cpu_seconds)

    def stop(self) -> None:
        """End the program."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _read(self) -> str:
        """Read a line."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit("the program in the other Python failed")
        return line
