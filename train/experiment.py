"""An experiment: which system, on what, how long, as plain data."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from avjax.config import differences, leaves, to_json
from avjax.errors import InputError
from avjax.train.loading import Loader
from avjax.train.optimizers import Optimizer
from avjax.train.task import Task

# What may change between two halves of one run: it moves no number of any step, but for
# `steps`, which one changes to train on.
FREE = {"steps", "mesh", "evals", "log_every", "evaluate_every", "save_every"}
FREE |= {"keep", "doc"}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One run, as plain data: prints, compares, saves as JSON."""

    task: Task
    train: Loader
    optim: Mapping[str, Optimizer]  # {objective: optimizer}
    steps: int
    evals: Mapping[str, Loader] = dataclasses.field(default_factory=dict)
    accumulate: int = 1  # pieces that a batch goes through in, to save memory
    mesh: tuple[int, int] = (-1, 1)  # devices (data, fsdp); -1 takes all that are left
    # {part, or path in it: folder of weights or bundled name} that it begins with
    start: Mapping[str, str] = dataclasses.field(default_factory=dict)
    seed: int = 0
    log_every: int = 50
    evaluate_every: int = 1000
    save_every: int = 1000
    keep: int = 2  # latest checkpoints; the best is kept besides
    # ("test/psnr", "max"): the metric whose best weights are published; None: the last
    best: tuple[str, Literal["min", "max"]] | None = None
    doc: str = ""  # one line for the card of the weights


def check(experiment: Experiment) -> None:
    """Refuses an experiment whose pieces do not belong together."""
    objectives = {objective.name for objective in experiment.task.objectives()}
    if objectives != set(experiment.optim):
        wanted, given = sorted(objectives), sorted(experiment.optim)
        raise InputError(f"optim names {given}, but the objectives are {wanted}")
    if experiment.best and experiment.best[0].partition("/")[0] not in experiment.evals:
        known = ", ".join(experiment.evals) or "none"
        raise InputError(
            f"best={experiment.best[0]} is not EVAL/METRIC of an eval; there is {known}"
        )
    for name in ("log_every", "evaluate_every", "save_every", "accumulate", "keep"):
        if getattr(experiment, name) < 1:
            raise InputError(f"{name} must be at least 1")
    if not 0 <= experiment.seed < 2**63:
        raise InputError(f"a seed of {experiment.seed} is not from 0 to 2**63 - 1")


def check_same_run(experiment: Experiment, stored: Mapping[str, Any]) -> None:
    """Refuses to go on with a run that began with another config."""
    now = to_json(experiment)
    paths = [p for p in differences(stored, now) if p.partition(".")[0] not in FREE]
    if paths:
        old, new = dict(leaves(stored)), dict(leaves(now))
        changes = "; ".join(
            f"{path} was {old.get(path)!r} and is now {new.get(path)!r}"
            for path in paths
        )
        raise InputError(
            f"this run began with another config: {changes}; "
            "give another --out to begin a new run"
        )
