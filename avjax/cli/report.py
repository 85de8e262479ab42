"""The commands `avjax report` and `avjax compare`: training runs as HTML files."""

import argparse
import pathlib
from typing import Any, NamedTuple

from avjax.cli.output import print_json, print_result
from avjax.errors import InputError

RUN_HELP = "folder or URL of a run, or its name in runs/"


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax report`."""
    parser.add_argument("run_folder", metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "-o",
        "--out",
        metavar="OUT.html",
        type=pathlib.Path,
        help="file to write (default: report.html in a local run's folder)",
    )


def add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax compare`."""
    parser.add_argument("run_folders", nargs="+", metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "-o", "--out", metavar="OUT.html", type=pathlib.Path, help="also write a page"
    )


class ReportSummary(NamedTuple):
    """What a report shows.

    Attributes:
        run: The folder of the run.
        step: The last step.
        metrics: {metric: {"last", "best", "step", "unit", "better"}}.
        num_images: Number of names of images.
    """

    run: str
    step: int
    metrics: dict[str, dict[str, Any]]
    num_images: int

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts."""
        return self._asdict()

    def __str__(self) -> str:
        from avjax.console import format_count

        curves = format_count(len(self.metrics), "metric")
        images = format_count(self.num_images, "kind")
        return f"{self.run} at step {self.step}, {curves}, {images} of images"


def report(options: argparse.Namespace) -> None:
    """Write a training run as one HTML file: metrics, curves, images, configuration.

    The file needs no server and no network. The run may still be going on.
    """
    from avjax.media import files
    from avjax.media.paths import is_remote
    from avjax.train.report import read_run, report_page

    if options.out:
        files.check_suffix(options.out, ".html")
    run = read_run(options.run_folder)
    if is_remote(run.folder) and not options.out:
        raise InputError("name the local file to write: -o report.html")
    out = options.out or run.folder / "report.html"
    files.write_text(out, report_page(run))
    name, step = str(run.folder), run.last_step
    summary = ReportSummary(name, step, run.summary(), len(run.images))
    print_result(summary, options.json, [out])


def compare(options: argparse.Namespace) -> None:
    """Compare training runs: a table of metrics, and a page of their curves."""
    from avjax.media import files

    if options.out:
        files.check_suffix(options.out, ".html")
    if len(options.run_folders) < 2:
        raise InputError("name two or more runs to compare")
    from avjax.train.report import compare_page, read_run
    from avjax.train.report.page import comparison_rows

    runs = [read_run(name) for name in options.run_folders]
    labels = name_runs([run.folder for run in runs])
    if options.out:
        files.write_text(options.out, compare_page(runs, labels))
    if options.json:
        wrote = {"wrote": [str(options.out)]} if options.out else {}
        metrics = [{"run": str(run.folder), "metrics": run.summary()} for run in runs]
        print_json({**wrote, "runs": metrics})
        return
    print_table(["metric", *labels], comparison_rows(runs))
    if options.out:
        print(f"wrote {options.out}")


def name_runs(folders: list[pathlib.Path]) -> list[str]:
    """Name runs by the last part of their folders, or by the whole paths if equal."""
    names = [folder.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else list(map(str, folders))


def print_table(head: list[str], rows: Any) -> None:
    """Print a table on standard output.

    Args:
        head: Titles of the columns.
        rows: The cells of each row.
    """
    import rich.console
    import rich.table

    table = rich.table.Table(*head)
    for row in rows:
        table.add_row(*row)
    rich.console.Console().print(table)
