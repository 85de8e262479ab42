"""The HTML pages of `avjax report` and `avjax compare`, each one complete file."""

import html
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from avjax.train.report.figures import (
    choose_steps,
    image_uri,
    plot_svg,
    video_uri,
    with_baselines,
)
from avjax.train.report.run_log import RunLog

# Nothing is fetched: the policy forbids what a mistake in a page might ask for.
POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
CSS = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1400px;
       padding: 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; }
h2 { font-size: 1.15rem; margin-top: 2rem; }
code { overflow-wrap: anywhere; }
td { font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid #8884; padding: .2rem .7rem; text-align: left; }
.panels { display: grid; gap: .7rem;
          grid-template-columns: repeat(auto-fill, minmax(min(100%, 380px), 1fr)); }
.panels > div { background: #fff; border-radius: 6px; }
.panels svg { height: auto; width: 100%; }
figure { margin: .5rem 0; }
img, video { max-width: 100%; }
video { min-width: 200px; }
figcaption { font-size: .85rem; }
"""


def report_page(run: RunLog) -> str:
    """Write the report of a run.

    Args:
        run: The run.

    Returns:
        The page.
    """
    panels = [
        plot_svg(name, with_baselines(run, name), f"p{number}")
        for number, name in enumerate(run.main_names())
    ]
    sections = [
        _section("Metrics", _metrics_table(run)),
        _section("Curves", _panels(panels)),
        _section("Images", "".join(map(_samples, run.images, run.images.values()))),
        _section("Configuration", _fold("all fields", _table(run.fields().items()))),
        _section("Environment", _table(_flatten(run.environment))),
    ]
    return _page(f"Run {run.name}", _describe(run), sections)


def compare_page(runs: Sequence[RunLog], labels: Sequence[str]) -> str:
    """Write a page with the curves of several runs in the same panels.

    Args:
        runs: The runs.
        labels: A different name for each.

    Returns:
        The page.
    """
    panels = []
    for number, name in enumerate(shared_names(runs)):
        curves = {
            label: run.curves[name]
            for label, run in zip(labels, runs, strict=True)
            if name in run.curves
        }
        panels.append(plot_svg(name, curves, f"p{number}"))
    lines = [
        f"<p><b>{html.escape(label)}</b>: {_describe(run)}</p>"
        for label, run in zip(labels, runs, strict=True)
    ]
    rows = list(comparison_rows(runs))
    sections = [
        _section("Metrics: last value, and the best one", _table(rows, ["", *labels])),
        _section("Curves", _panels(panels)),
        _section("Different fields", _table(different_fields(runs), ["", *labels])),
    ]
    return _page("Comparison of runs", "".join(lines), sections)


def shared_names(runs: Iterable[RunLog]) -> list[str]:
    """List the main metrics of all runs, in their order, each once."""
    return list(dict.fromkeys(name for run in runs for name in run.main_names()))


def comparison_rows(runs: Sequence[RunLog]) -> Iterable[list[str]]:
    """Tabulate the metrics of several runs.

    Args:
        runs: The runs.

    Yields:
        The metric with its unit, and for each run the last value and, if one direction
        is better, the best value with its step.
    """
    summaries = [run.summary() for run in runs]
    for name in shared_names(runs):
        values = [summary.get(name) for summary in summaries]
        unit = next((value["unit"] for value in values if value), "")
        yield [f"{name} ({unit})" if unit else name, *map(format_value, values)]


def format_value(value: Mapping[str, Any] | None) -> str:
    """Format the last and the best value of a metric; see `RunLog.summary`."""
    if value is None:
        return "-"
    last = f"{value['last']:.5g}"
    if value["best"] is None:
        return last
    return f"{last} (best {value['best']:.5g} at step {value['step']})"


def different_fields(runs: Sequence[RunLog]) -> list[list[str]]:
    """Tabulate the config fields in which runs differ.

    Args:
        runs: The runs.

    Returns:
        Rows: the path of the field, and its value in each run.
    """
    fields = [run.fields() for run in runs]
    paths = dict.fromkeys(path for one in fields for path in one)
    rows = []
    for path in paths:
        values = [json.dumps(one[path]) if path in one else "-" for one in fields]
        if len(set(values)) > 1:
            rows.append([path, *values])
    return rows


def _describe(run: RunLog) -> str:
    """Say how a run was started, and how long it is."""
    command = f"avjax train {shlex.join(run.command)}" if run.command else ""
    hours = "" if run.hours is None else f", {run.hours:.2f} hours"
    description = html.escape(str(run.config.get("description", "")))
    planned = run.config.get("steps")
    steps = f"{run.last_step} of {planned} steps{hours}. "
    return f"{steps}{description} <code>{html.escape(command)}</code>"


def _metrics_table(run: RunLog) -> str:
    rows = [
        [
            name,
            f"{value['last']:.5g}",
            "" if value["best"] is None else f"{value['best']:.5g}",
            "" if value["step"] is None else value["step"],
            value["unit"],
            value["better"],
        ]
        for name, value in run.summary().items()
    ]
    return _table(rows, ["metric", "last", "best", "at step", "unit", "better"])


def _samples(name: str, files: Mapping[int, Any]) -> str:
    """Show the images of an evaluation over the steps, and the last clip."""
    parts = [f"<h3>{html.escape(name)}</h3>"]
    for step in choose_steps(files):
        if uri := image_uri(files[step]):
            text = html.escape(f"{name}, step {step}")
            image = f'<img alt="{text}" src="{uri}">'
            caption = f"<figcaption>step {step}</figcaption>"
            parts.append(f"<figure>{image}{caption}</figure>")
    if uri := video_uri(files[max(files)]):
        parts.append(f'<video controls loop muted src="{uri}"></video>')
    return "".join(parts)


def _flatten(environment: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """List the entries of nested dicts."""
    for part, values in environment.items():
        items = values.items() if isinstance(values, Mapping) else [("", values)]
        yield from ((f"{part} {name}".strip(), value) for name, value in items)


def _table(rows: Iterable[Sequence[Any]], head: Sequence[str] = ()) -> str:
    """Write a table; empty if there are no rows."""
    body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    top = f"<tr>{_cells('th', head)}</tr>" if head else ""
    return f"<table>{top}{body}</table>" if body else ""


def _cells(tag: str, row: Iterable[Any]) -> str:
    return "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in row)


def _panels(panels: Iterable[str]) -> str:
    return f'<div class="panels">{"".join(f"<div>{one}</div>" for one in panels)}</div>'


def _fold(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>{content}</details>"


def _section(title: str, content: str) -> str:
    """Write a section; empty if it has no content."""
    return f"<section><h2>{title}</h2>{content}</section>" if content else ""


def _page(title: str, summary: str, sections: Iterable[str]) -> str:
    """Write a page without anything that a browser has to fetch."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{html.escape(title)}</title><style>{CSS}</style></head><body>",
            f"<h1>{html.escape(title)}</h1><p>{summary}</p>",
            *sections,
            "</body></html>\n",
        ]
    )
