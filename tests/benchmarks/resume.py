"""Measure how well runs of one and two processes survive kills, signals and moves.

    python tests/benchmarks/resume.py STUDY [--kills N] [--json PATH]

A toy system is trained on the CPU of this computer by `avjax train`. The studies are

    topologies  a run that continues on other numbers of processes and devices, and runs
                of one and of two processes, against a run of one process
    order       20 steps on two devices, and with the examples of each batch in another
                order, against one device
    kills       kills at random moments, against a run that was not killed
    signals     seconds from SIGTERM and SIGINT to the end of all processes, and status
    refusals    seconds from the start to the end of all processes, and from the end of
                the first one to that of the last one; root must run it, because it
                mounts a small disk

Differences are those of the parameters: the largest one, and the norm of the difference
as a fraction of the norm of the parameters.
"""

import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=2"
    " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "helpers"))
import jax  # noqa: E402
import numpy as np  # noqa: E402
import toy_system  # noqa: E402
from train_processes import (  # noqa: E402
    finish,
    start_processes,
    wait_for_step,
)

from avjax.config import override  # noqa: E402
from avjax.data.train_batches import TrainBatches  # noqa: E402
from avjax.train.ablations.results import ResultTable, make_parser  # noqa: E402
from avjax.train.compiled import build  # noqa: E402
from avjax.train.parallel import sharding  # noqa: E402
from avjax.train.run.checkpoint import read  # noqa: E402

CLOCK = {"steps_per_second", "examples_per_second", "wait_fraction", "hours"}
DIFFERENCES = "largest difference", "relative difference"
STARTUP_KILLS = 0.3  # share of the kills before the first step
LONGEST = 240.0  # seconds
PATIENCE = 20.0  # seconds for a process to notice that another one was killed


def main() -> None:
    """Run one study."""
    parser = make_parser(__doc__)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--kills", type=int, default=25)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        table = STUDIES[options.study](pathlib.Path(work), options.kills)
    table.write(options.json, data="the toy system of tests/train", seeds="one")


def train(folder: pathlib.Path, name: str, *words: str, **layout: int) -> Any:
    """Train a toy, and return its last state."""
    results = finish(start_processes("train", name, "--out", folder, *words, **layout))
    assert not any(status for status, _ in results), results
    experiment, devices = toy_system.TOYS[name](), sharding.make_mesh((1, 1))
    example = TrainBatches(experiment.train).peek()
    shapes = build(experiment, devices, example).shapes
    return read(folder / "checkpoints", shapes, None)


def differences(a: Any, b: Any) -> tuple[float, float]:
    """Compare the parameters of two states."""
    pairs = list(zip(*(map(np.asarray, jax.tree.leaves(x)) for x in (a, b))))  # noqa: B905
    largest = max(float(np.abs(x - y).max()) for x, y in pairs)
    squares = [(float(((x - y) ** 2).sum()), float((x**2).sum())) for x, y in pairs]
    error, norm = map(sum, zip(*squares, strict=True))
    return largest, (error / norm) ** 0.5


def study_topologies(work: pathlib.Path, _: int) -> ResultTable:
    """Continue a run elsewhere, and train with different optimizers."""
    table = ResultTable("Other processes and devices", "run", "steps", *DIFFERENCES)
    alone = train(work / "sgd", "sgd")
    for steps, processes, devices in ((5, 2, 1), (10, 1, 1), (15, 1, 4), (20, 2, 2)):
        layout = {"processes": processes, "devices": devices}
        moved = train(work / "moved", "sgd", f"steps={steps}", **layout)
    row = differences(alone.params, moved.params)
    table.add("SGD: 2 processes, 1, 4 devices, 2 processes with 2 devices", 20, *row)
    for name in ("sgd", "adam", "muon"):
        alone = train(work / f"{name}1", name)
        two = train(work / f"{name}2", name, processes=2)
        row = differences(alone.params, two.params)
        table.add(f"{name}: 2 processes", 20, *row)
    return table


def study_order(work: pathlib.Path, _: int) -> ResultTable:
    """Change the order of the examples, with which noise is drawn."""
    table = ResultTable(
        "Order of examples", "optimizer", "noise", "examples", *DIFFERENCES
    )
    for name in ("sgd", "adam", "muon", "sgd_norm", "adam_norm", "muon_norm"):
        for noise in (0.0, 0.1):
            changes = [f"task.noise={noise}"]
            alone = step_in_order(name, changes, (1, 1), interleaved=False)
            for interleaved in (False, True):
                other = step_in_order(name, changes, (2, 1), interleaved)
                order = "interleaved" if interleaved else "same order"
                table.add(name, noise, order, *differences(alone, other))
            if "net" in alone:
                alone, other = map(without_cancelled_biases, (alone, other))
                row = "interleaved, without biases before BatchNorm"
                table.add(name, noise, row, *differences(alone, other))
    return table


def without_cancelled_biases(params: Any) -> Any:
    """Leave out the parameters that BatchNorm cancels, whose gradient is rounding."""
    layers = dict(params["net"])
    for name in ("Dense_0", "Dense_1", "Dense_2"):
        layers[name] = {"kernel": layers[name]["kernel"]}
    return layers


def step_in_order(
    name: str, changes: Sequence[str], mesh: tuple[int, int], interleaved: bool
) -> Any:
    """Train 20 steps in this process, and return the parameters."""
    experiment = override(toy_system.TOYS[name](), changes)
    batches, devices = TrainBatches(experiment.train), sharding.make_mesh(mesh)
    program = build(experiment, devices, batches.peek())
    state = program.init()
    for _ in range(20):
        batch = dict(next(batches))
        if interleaved:  # as two processes divide them that take every second example
            batch = {key: np.concatenate([x[::2], x[1::2]]) for key, x in batch.items()}
        arrays = sharding.to_global(devices, batch)
        state, _ = program.step(state, arrays, program.key)
        jax.block_until_ready(state)
    return jax.device_get(state.params)


def study_kills(work: pathlib.Path, kills: int) -> ResultTable:
    """Kill a run again and again, and compare it with another one."""
    table = ResultTable(
        "Kills at random moments",
        *("processes", "kills", "of these before a step", "unequal numbers"),
        "unequal lines of metrics.jsonl",
    )
    for processes in (1, 2):
        random.seed(processes)
        straight, killed = work / f"straight{processes}", work / f"killed{processes}"
        since = time.monotonic()
        words = "train", "long", "--out", straight
        children = start_processes(*words, processes=processes)
        wait_for_step(straight, 1, children)
        early, startup = 0, time.monotonic() - since
        finish(children, LONGEST)
        expected = train(straight, "long", processes=processes)  # read its state
        targets = sorted(random.randrange(2, 95) for _ in range(kills))
        for target in targets:
            children = start_processes(
                "train", "long", "--out", killed, processes=processes
            )
            if random.random() < STARTUP_KILLS:
                early += 1
                time.sleep(random.uniform(0, startup))
            else:
                wait_for_step(killed, target, children)
                time.sleep(random.uniform(0, 0.05))
            victims = children if random.random() < 0.5 else [random.choice(children)]
            for child in victims:
                child.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                finish(children, PATIENCE)  # then the others are killed, too
        state = train(killed, "long", processes=processes)
        pairs = zip(*map(jax.tree.leaves, (expected, state)), strict=True)
        unequal = sum(int((np.asarray(a) != np.asarray(b)).sum()) for a, b in pairs)
        lines = zip(logged(straight), logged(killed), strict=True)
        table.add(processes, kills, early, unequal, sum(a != b for a, b in lines))
    return table


def logged(folder: pathlib.Path) -> list[dict[str, float]]:
    """Read the metrics of a run without those that depend on the time."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{k: x for k, x in line.items() if k not in CLOCK} for line in lines]


def study_signals(work: pathlib.Path, _: int) -> ResultTable:
    """Send a signal to the last process of a run."""
    table = ResultTable(
        "Signals", "signal", "processes", "seconds", "status", "steps not saved"
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        for processes in (1, 2):
            run = work / f"{number.name}{processes}"
            children = start_processes(
                "train", "long", "steps=100000", "--out", run, processes=processes
            )
            wait_for_step(run, 3, children)
            since = time.monotonic()
            children[-1].send_signal(number)
            results = finish(children, LONGEST)
            seconds = time.monotonic() - since
            saved = max(map(int, os.listdir(run / "checkpoints")))
            unsaved = max(int(line["step"]) for line in logged(run)) - saved
            statuses = ", ".join(str(status) for status, _ in results)
            table.add(number.name, processes, seconds, statuses, unsaved)
    return table


def study_refusals(work: pathlib.Path, _: int) -> ResultTable:
    """Start runs that are refused."""
    table = ResultTable(
        "Refusals",
        *("case", "seconds", "seconds between the first and the last end", "status"),
        "sentence",
    )

    def add(case: str, children: Sequence[Any], others: Sequence[Any] = ()) -> None:
        since = time.monotonic()
        ends = time_ends(children)
        results = finish(children)
        finish([child for child in others if not child.kill()], LONGEST)
        errors = [x for x in results[0][1].splitlines() if x.startswith("avjax: ")]
        sentence = errors[-1].replace(str(work), "").strip() if errors else None
        statuses = ", ".join(str(status) for status, _ in results)
        table.add(case, ends[-1] - since, ends[-1] - ends[0], statuses, sentence)

    def begin(out: str | pathlib.Path, *words: str, **kwargs: Any) -> list[Any]:
        return start_processes("train", "long", *words, "--out", out, **kwargs)

    two = {"processes": 2}
    add("another field in one", begin(work / "a", changes=[[], ["seed=3"]], **two))
    add("bad config in one", begin(work / "b", changes=[[], ["stps=3"]], **two))
    live = begin(work / "live", "steps=100000")
    wait_for_step(work / "live", 2, live)
    add("a live folder", begin(work / "live", **two), live)
    add("SLURM without the flag", begin(work / "c", SLURM_NTASKS="2"))
    add("unknown scheme", begin("nowhere://bucket/run", **two))
    for processes in (1, 2):
        with small_disk(work / f"disk{processes}") as disk:
            name = f"a full disk of 400 kB, {processes} process" + "es" * (
                processes - 1
            )
            add(name, begin(disk / "run", processes=processes))
    return table


@contextlib.contextmanager
def small_disk(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Mount a disk of 400 kB, which only root can do."""
    folder.mkdir()
    options = "-t", "tmpfs", "-o", "size=400k"
    subprocess.run(["mount", *options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def time_ends(children: Sequence[Any]) -> list[float]:
    """Wait for processes, and return when each has ended."""
    ends, running = [], list(children)
    while running:
        time.sleep(0.02)
        ended = [child for child in running if child.poll() is not None]
        running = [child for child in running if child not in ended]
        ends += [time.monotonic()] * len(ended)
    return ends


STUDIES = {
    name.removeprefix("study_"): function
    for name, function in list(globals().items())
    if name.startswith("study_")
}

if __name__ == "__main__":
    main()
