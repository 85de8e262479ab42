"""The table of metrics that `avjax evaluate` prints."""

import math
from collections.abc import Mapping

import rich.box
import rich.console
import rich.table

from avjax.metrics.units import (
    BASELINES,
    UNITS,
    Unit,
    find_unit,
    split_baseline,
    split_part,
)
from avjax.train.evaluation import split_missing

MAX_WIDTH = 1000  # no name or number is cut; a narrow terminal wraps the lines


def print_metrics(
    metrics: Mapping[str, float], title: str, units: Mapping[str, Unit] = UNITS
) -> None:
    """Print a table of metrics, with their baselines in columns.

    Args:
        metrics: {name: value}.
        title: Title of the table.
        units: {metric: unit} of the task.
    """
    baselines: dict[str, dict[str, float]] = {}  # of each baseline, by metric
    rows = dict.fromkeys(metrics)
    for name in metrics:
        baseline, metric = split_baseline(name, metrics)
        if baseline:
            baselines.setdefault(baseline, {})[metric] = metrics[name]
            del rows[name]
    columns = sorted(baselines, key=_order)
    heads = (baseline.replace(" ", "\n") for baseline in columns)
    head = "metric", "value", *heads, "unit", "better"
    table = rich.table.Table(
        *head, title=title, box=rich.box.SIMPLE_HEAD, collapse_padding=True
    )
    # The parts of a metric follow it, wherever they are in the order of the names.
    for name in sorted(rows, key=lambda name: split_part(name, rows) or (name, "")):
        cells = (_format(baselines[column].get(name), 3) for column in columns)
        label = "  " * bool(split_part(name, rows)) + name
        table.add_row(label, _format(metrics[name], 5), *cells, *find_unit(name, units))
    rich.console.Console(width=MAX_WIDTH).print(table)
    if split_missing(metrics)[1]:
        print(
            "no value: no example counts for this metric, for instance because the "
            "corpus has no phonemes or lacks a class of them, or because its clips are "
            "too few or too short to be compared; or it is not a number"
        )


def _order(baseline: str) -> int:
    """Return the place of a baseline among `BASELINES`, by its first words."""
    name = baseline.replace(" ", "_") + "_"
    return next(i for i, prefix in enumerate(BASELINES) if name.startswith(prefix))


def _format(value: float | None, digits: int) -> str:
    """Format the value of a cell; None: the metric lacks this baseline."""
    if value is None:
        return ""
    return "no value" if math.isnan(value) else f"{value:.{digits}g}"
