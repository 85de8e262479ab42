"""Give damaged files and random options to every command, and count what happens.

    python tests/benchmarks/fuzz.py [--count N] [--seed S] [--json PATH]
    python tests/benchmarks/fuzz.py --only "denoise 17"

Half of the inputs are truncated files, the others have flipped bits, extreme numbers,
missing, repeated, exchanged or foreign blocks, or the suffix of another format. One
input of a batch is interrupted by Ctrl-C. Weights are untrained and small. A failure
is an exit status other than 0, 2 and 130, a crash, a traceback, a message of more than
a sentence, a file that a failed command leaves, an incomplete output, or a process
above 1.5 GiB; `fuzz_checks` has the checks. A slow input takes more than a minute of
CPU time. The program prints every failure; with --only, one input and all that it
prints.
"""

import collections
import contextlib
import importlib
import itertools
import multiprocessing
import multiprocessing.connection
import os
import pathlib
import resource
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_backend_optimization_level=0"
    " --xla_llvm_disable_expensive_passes=true"
)
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "helpers"))

import numpy as np  # noqa: E402
from fuzz_checks import STATUSES, Outcome, run_case  # noqa: E402
from fuzz_commands import make_case  # noqa: E402
from fuzz_seeds import write_seeds  # noqa: E402
from random_networks import narrow_networks  # noqa: E402

from avjax.train.ablations.results import ResultTable, make_parser  # noqa: E402

SHARES = {  # of the inputs, in percent
    "talk": 9,
    "adapt": 1,
    "lipread": 7,
    "speak": 4,
    "align": 16,
    "sync": 5,
    "denoise": 12,
    "convert": 21,
    "export": 11,
    "data build clips": 2,
    "data build pictures": 6,
    "data build pairs": 6,
}
BATCH = 100  # inputs of one process
SLOW_SECONDS = 60  # CPU time
MAX_SILENCE = 600  # seconds without a result, in a process that waits for ever
MIB = 1024**2
MAX_PEAK = 1536 * MIB
MAX_REST = 1000 * MIB  # between two inputs; a process that has grown is replaced


MODULES = (  # loaded before processes are forked, which saves seconds in each
    *("data.builders.clips", "data.builders.corpus", "data.builders.image_pairs"),
    *("export", "pipelines.adapt", "pipelines.align", "pipelines.denoise"),
    *("pipelines.denoising.files", "pipelines.lipread", "pipelines.speak"),
    *("pipelines.sync", "pipelines.talk"),
)
COLUMNS = (
    *("command", "inputs", "status 0", "status 2", "status 130", "failures", "slow"),
    *("peak memory, MiB", "CPU seconds an input"),
)
DATA = "files made by the program, with untrained small networks"


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


def plan(count: int) -> list[Batch]:
    """Divide the inputs among the commands, in batches of alternating commands."""
    batches = []
    for command, share in SHARES.items():
        total = max(1, round(count * share / 100))
        for start in range(0, total, BATCH):
            batches.append(Batch(command, start, min(total, start + BATCH)))
    return sorted(batches, key=lambda batch: batch.start)


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

    def receive(self) -> Result | None:
        """Receive one message; None: an input has begun, or the process has ended."""
        message = self.pipe.recv()
        self._began = time.monotonic(), self._cpu_seconds()
        self._is_running = not isinstance(message, Result)
        if self._is_running:
            return None
        self.rest = self.rest._replace(start=message.number + 1)
        return message

    def is_slow(self) -> bool:
        """Return True if the process has computed, or waited, for too long."""
        silence = time.monotonic() - self._began[0]
        return (
            self._cpu_seconds() - self._began[1] > SLOW_SECONDS or silence > MAX_SILENCE
        )

    def _cpu_seconds(self) -> float:
        """Return the CPU time of the process."""
        try:
            stat = pathlib.Path(f"/proc/{self._process.pid}/stat").read_text()
        except FileNotFoundError:  # it has ended
            return 0.0
        ticks = map(int, stat.rpartition(")")[2].split()[11:13])
        return sum(ticks) / os.sysconf("SC_CLK_TCK")

    def stop(self, is_slow: bool = False) -> Result | None:
        """End the process; return the result of the input in which it ended."""
        if is_slow:
            self._process.kill()
        self._process.join()
        self.pipe.close()
        code, number = self._process.exitcode, self.rest.start
        if not (self._is_running or is_slow or code):
            return None
        self.rest = self.rest._replace(start=number + 1)
        fault = "" if is_slow else f"the process ended with {code}"
        return Result(number, Outcome(None, fault, 0.0, ""), 0)


def run_all(
    folder: pathlib.Path, count: int, seed: int, processes: int
) -> Iterator[tuple[str, Result]]:
    """Run all inputs in several processes.

    Yields:
        The command and the result of each input.
    """
    queue = collections.deque(plan(count))
    workers: dict[multiprocessing.connection.Connection, Worker] = {}
    while queue or workers:
        while queue and len(workers) < processes:
            worker = Worker(queue.popleft(), folder, seed)
            workers[worker.pipe] = worker
        ready = multiprocessing.connection.wait(list(workers), timeout=1)
        for pipe, worker in list(workers.items()):
            has_ended, result = False, None
            if pipe in ready:
                try:
                    result = worker.receive()
                except EOFError:
                    has_ended = True
            is_slow = not has_ended and worker.is_slow()
            if has_ended or is_slow:
                del workers[pipe]
                result = worker.stop(is_slow)
                if worker.rest.start < worker.rest.end:
                    queue.appendleft(worker.rest)
            if result:
                yield worker.rest.command, result


def count_results(results: list[Result]) -> tuple[int | float, ...]:
    """Return the cells of a row of the table, without the command."""
    outcomes = [result.outcome for result in results]
    statuses = collections.Counter(outcome.status for outcome in outcomes)
    slow = sum(is_slow(outcome) for outcome in outcomes)
    failures = sum(bool(outcome.fault) for outcome in outcomes)
    peak = max((result.peak for result in results), default=0)
    seconds = sum(outcome.seconds for outcome in outcomes) / max(len(outcomes), 1)
    counts = [statuses[status] for status in STATUSES]
    cells = len(results), *counts, failures, slow, round(peak / MIB)
    return *cells, round(seconds, 3)


def is_slow(outcome: Outcome) -> bool:
    """Return True if an input has no result, because it took too long."""
    return outcome.status is None and not outcome.fault


@contextlib.contextmanager
def prepared() -> Iterator[pathlib.Path]:
    """Yield a folder with valid files; compiled programs are kept in it, too."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name, narrow_networks():
        folder = pathlib.Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        (folder / "seeds").mkdir()
        for module in MODULES:
            importlib.import_module(f"avjax.{module}")
        context = multiprocessing.get_context("fork")  # JAX must not start here
        process = context.Process(target=write_seeds, args=(folder / "seeds",))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit("the valid files could not be written")
        yield folder


def show(name: str, seed: int) -> None:
    """Run one input, such as "denoise 17", and print what it does."""
    command, _, number = name.rpartition(" ")
    with prepared() as folder:
        key = seed, int(number)
        case = make_case(folder / "seeds", folder / "case", command, key)
        print(f"avjax {shlex.join(case.arguments)}")
        os.environ["AVJAX_DEBUG"] = "1"
        outcome = run_case(case, folder)
    print(outcome.message, f"status {outcome.status}", outcome.fault, sep="\n")


def main() -> None:
    """Run the inputs, and print a row for each command."""
    parser = make_parser(__doc__)
    parser.add_argument("--count", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    parser.add_argument("--only", metavar='"COMMAND N"')
    options = parser.parse_args()
    if options.only:
        return show(options.only, options.seed)
    results = {command: [] for command in SHARES}
    with prepared() as folder:
        runs = run_all(folder, options.count, options.seed, options.processes)
        for command, result in runs:
            results[command].append(result)
            if fault := "slow" if is_slow(result.outcome) else result.outcome.fault:
                print(f"{command} {result.number}: {fault}", flush=True)
    table = ResultTable("Damaged files", *COLUMNS)
    for command, of_command in results.items():
        table.add(command, *count_results(of_command))
    table.add("all", *count_results([*itertools.chain(*results.values())]))
    table.write(options.json, data=DATA, seeds=f"seed {options.seed}")


if __name__ == "__main__":
    main()
