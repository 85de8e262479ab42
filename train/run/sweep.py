"""Sweeps: `optim.generator.learning_rate=1e-3,3e-3` trains once with each value."""

import itertools
import json
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import rich.console
import rich.table

from avjax.config import override
from avjax.errors import InputError
from avjax.media.files import write_text
from avjax.metrics.units import main_metrics
from avjax.train.experiment import Experiment
from avjax.train.experiments.requirements import expand_root
from avjax.train.loop import fit
from avjax.train.run.files import METRICS_FILE

SWEEP_FILE = "sweep.json"
OPENING, CLOSING = "([{", ")]}"


class PlannedRun(NamedTuple):
    """One run, perhaps of a sweep.

    Attributes:
        values: `{path: value}` of the fields that differ between the runs.
        assignments: All changes of the config.
        experiment: The changed experiment.
        folder: Folder of the run.
    """

    values: Mapping[str, str]
    assignments: tuple[str, ...]
    experiment: Experiment
    folder: pathlib.Path


def split_values(experiment: Experiment, assignments: Sequence[str]) -> list[list[str]]:
    """Find the assignments that name several values.

    A value with commas that fits the field as it is, such as that of a text or of
    `mesh`, is one value.

    Args:
        experiment: The experiment that they change.
        assignments: Changes of the config, "path=value".

    Returns:
        The alternatives of each assignment, one or several.

    Raises:
        InputError: An assignment is invalid.
    """
    alternatives = []
    for assignment in assignments:
        path, _, value = assignment.partition("=")
        parts = split_at_commas(value)
        try:
            experiment = override(experiment, [assignment])
            alternatives.append([assignment])
        except InputError:
            if len(parts) == 1:
                raise
            alternatives.append([f"{path}={part}" for part in parts])
            experiment = override(experiment, alternatives[-1][:1])
    return alternatives


def split_at_commas(text: str) -> list[str]:
    """Split a text at the commas outside of brackets.

    Args:
        text: The text.

    Returns:
        The parts.
    """
    parts, depth = [""], 0
    for character in text:
        depth += (character in OPENING) - (character in CLOSING)
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def plan_runs(
    make: Callable[[Sequence[str]], Experiment],
    assignments: Sequence[str],
    folder: pathlib.Path,
) -> list[PlannedRun]:
    """Make the experiments of all combinations of values.

    Args:
        make: Makes the experiment from changes of its config.
        assignments: Changes of the config, "path=value" or "path=value,value,…".
        folder: Folder of the only run, or of the folders of several runs.

    Returns:
        The runs.

    Raises:
        InputError: A value is invalid.
    """
    if not any("," in assignment for assignment in assignments):
        assignments = tuple(assignments)
        return [PlannedRun({}, assignments, make(assignments), folder)]
    base = make(())
    alternatives = split_values(base, expand_root(assignments, base, "train", "evals"))
    swept = [options[0].partition("=")[0] for options in alternatives if options[1:]]
    runs = []
    for choice in itertools.product(*alternatives):
        pairs = (assignment.partition("=")[::2] for assignment in choice)
        values = {path: value for path, value in pairs if path in swept}
        name = ",".join(f"{path}={value}" for path, value in values.items())
        place = folder / name.replace("/", "_")
        runs.append(PlannedRun(values, choice, make(choice), place))
    return runs


def fit_all(name: str, runs: Sequence[PlannedRun], folder: pathlib.Path) -> bool:
    """Train all runs in turn; tabulate the last metrics of several.

    In a sweep, a run whose loss is not finite does not stop the others, and a run that
    is complete is not trained again.

    Args:
        name: Name of the experiment.
        runs: The runs.
        folder: Folder of the sweep, which gets sweep.json.

    Returns:
        False if all runs were complete, so that nothing was trained.

    Raises:
        InputError: The only run cannot be trained, or its loss is not finite.
    """
    rows: list[dict[str, Any]] = []
    has_trained = False
    for run in runs:
        failure = {}
        last_checkpoint = run.folder / "checkpoints" / str(run.experiment.steps)
        has_trained |= not last_checkpoint.is_dir()
        try:
            fit(run.experiment, run.folder, (name, *run.assignments))
        except InputError as error:
            if len(runs) == 1:
                raise
            failure = {"failure": str(error)}
        if jax.process_index() == 0 and len(runs) > 1:
            rows.append({**run.values, **(failure or last_metrics(run.folder))})
            write_table(rows, folder)
    if rows:
        print_table(rows, folder)
    return has_trained


def last_metrics(folder: pathlib.Path) -> dict[str, float]:
    """Read the last metrics of a run: those of evaluations, or else the losses.

    Args:
        folder: Folder of the run.

    Returns:
        `{name: value}` without baselines; empty if nothing was written.
    """
    file = folder / METRICS_FILE
    last: dict[str, float] = {}
    for line in file.read_text().splitlines() if file.is_file() else ():
        last |= json.loads(line)
    names = [name for name in last if "/" in name and not name.startswith("train/")]
    names = names or [name for name in last if name.endswith("/loss")]
    return {name: last[name] for name in main_metrics(names)}


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """List the names of all rows, in their order."""
    return list(dict.fromkeys(name for row in rows for name in row))


def write_table(rows: Sequence[Mapping[str, Any]], folder: pathlib.Path) -> None:
    """Write the rows so far as JSON.

    Args:
        rows: `{column: value}` of each run.
        folder: Folder of the sweep.
    """
    columns = columns_of(rows)
    finite = [
        [None if isinstance(x, float) and not math.isfinite(x) else x for x in cells]
        for cells in ([row.get(name) for name in columns] for row in rows)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"columns": columns, "rows": finite}, indent=1)
    write_text(folder / SWEEP_FILE, content + "\n")


def print_table(rows: Sequence[Mapping[str, Any]], folder: pathlib.Path) -> None:
    """Print the rows.

    Args:
        rows: `{column: value}` of each run.
        folder: Folder of the sweep.
    """
    columns = columns_of(rows)
    table = rich.table.Table(*columns, title=str(folder))
    for row in rows:
        cells = (row.get(name, "") for name in columns)
        table.add_row(*(f"{x:.5g}" if isinstance(x, float) else str(x) for x in cells))
    rich.console.Console().print(table)
