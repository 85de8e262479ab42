"""Give damaged files and random options to every command, and count what happens.

    python tests/benchmarks/fuzz.py [--count N] [--minutes M] [--seed S] [--json PATH]
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
import math
import multiprocessing
import multiprocessing.connection
import os
import pathlib
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_backend_optimization_level=0"
    " --xla_llvm_disable_expensive_passes=true"
)
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "helpers"))

from fuzz_checks import STATUSES, Outcome, run_case  # noqa: E402
from fuzz_commands import make_case  # noqa: E402
from fuzz_processes import MIB, Batch, Result, run_all  # noqa: E402
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


def plan(count: int) -> collections.deque[Batch]:
    """Divide the inputs among the commands, in batches of alternating commands."""
    batches = []
    for command, share in SHARES.items():
        total = max(1, round(count * share / 100))
        for start in range(0, total, BATCH):
            batches.append(Batch(command, start, min(total, start + BATCH)))
    batches.sort(key=lambda batch: batch.start / SHARES[batch.command])
    return collections.deque(batches)


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
    parser.add_argument(
        "--minutes", type=float, default=math.inf, metavar="M", help="then stop"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    parser.add_argument("--only", metavar='"COMMAND N"')
    options = parser.parse_args()
    if options.only:
        return show(options.only, options.seed)
    results = {command: [] for command in SHARES}
    end = time.monotonic() + 60 * options.minutes
    with prepared() as folder:
        queue = plan(options.count)
        runs = run_all(folder, queue, options.seed, options.processes)
        with contextlib.closing(runs):
            for command, result in runs:
                results[command].append(result)
                if fault := "slow" if is_slow(result.outcome) else result.outcome.fault:
                    print(f"{command} {result.number}: {fault}", flush=True)
                if time.monotonic() > end:
                    break
    table = ResultTable("Damaged files", *COLUMNS)
    for command, of_command in results.items():
        table.add(command, *count_results(of_command))
    table.add("all", *count_results([*itertools.chain(*results.values())]))
    table.write(options.json, data=DATA, seeds=f"seed {options.seed}")


if __name__ == "__main__":
    main()
