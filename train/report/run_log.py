"""What a run has written into its folder: metrics, images, config and environment."""

import json
import math
import pathlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from avjax.config import leaves
from avjax.errors import InputError, not_a_folder
from avjax.media.paths import as_path, is_remote
from avjax.metrics.units import UNITS, Unit, find_unit, main_metrics
from avjax.train.run.files import (
    ENVIRONMENT_FILE,
    EXPERIMENT_FILE,
    IMAGES,
    METRICS_FILE,
    RUNS,
)
from avjax.typing import PathLike

IMAGE_NAME = re.compile(r"(.+)_(\d{7,})\.(?:mp4|png)")


class Curve(NamedTuple):
    """The finite values of a metric.

    Attributes:
        steps: The steps at which it was written, in order.
        values: Its values.
    """

    steps: list[int]
    values: list[float]


class RunLog(NamedTuple):
    """The content of the folder of a run.

    Attributes:
        folder: The folder.
        command: Name and assignments that `avjax train` was called with.
        config: The config as JSON.
        curves: {metric: curve}, in the order in which they were first written.
        images: {name: {step: file}} of the images of evaluations.
        environment: Versions and devices of the latest start; may be empty.
        units: {metric: unit}, as the task declares them.
    """

    folder: pathlib.Path
    command: list[str]
    config: dict[str, Any]
    curves: dict[str, Curve]
    images: dict[str, dict[int, pathlib.Path]]
    environment: dict[str, Any]
    units: Mapping[str, Unit]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.resolve().name

    @property
    def last_step(self) -> int:
        """The last step that wrote a metric."""
        return max((curve.steps[-1] for curve in self.curves.values()), default=0)

    @property
    def hours(self) -> float | None:
        """Duration of the run in hours; None: it was not written."""
        return self.curves["hours"].values[-1] if "hours" in self.curves else None

    def main_names(self) -> list[str]:
        """List the metrics, without baselines and parts of other metrics."""
        return main_metrics([name for name in self.curves if name != "hours"])

    def fields(self) -> dict[str, Any]:
        """Return the config as {path: value}."""
        return dict(leaves(self.config))

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return the last and the best value of the main metrics.

        Returns:
            {metric: {"last", "best", "step", "unit", "better"}}; `step` is that of the
            best value. Both are None for metrics that have no better direction.
        """
        return {
            name: summarize(name, self.curves[name], self.units)
            for name in self.main_names()
        }


def summarize(name: str, curve: Curve, units: Mapping[str, Unit]) -> dict[str, Any]:
    """Find the last and the best value of a metric; see `RunLog.summary`.

    Args:
        name: The metric.
        curve: Its values.
        units: {metric: unit} of the task.

    Returns:
        {"last", "best", "step", "unit", "better"}.
    """
    unit = find_unit(name, units)
    if name.startswith("train/"):  # a term of a loss, which has no unit
        unit = Unit("", "lower" if name.endswith("/loss") else "")
    choose = {"higher": max, "lower": min}.get(unit.better)
    best = choose(curve.values) if choose else None
    step = None if best is None else curve.steps[curve.values.index(best)]
    return {
        "last": curve.values[-1],
        "best": best,
        "step": step,
        "unit": unit.unit,
        "better": unit.better,
    }


def read_run(name: PathLike) -> RunLog:
    """Read the folder of a run, also one that is not finished.

    Args:
        name: The folder, which may be in a store, or its name in the folder `runs`.

    Returns:
        Its content.

    Raises:
        InputError: It is not the folder of a run, it holds no metrics yet, or a file is
            damaged.
    """
    folder = _find_folder(as_path(name))
    experiment = _read_json(folder / EXPERIMENT_FILE)
    environment = folder / ENVIRONMENT_FILE
    curves = _read_curves(folder / METRICS_FILE)
    if not curves:
        raise InputError(f"{folder} has no metrics yet")
    return RunLog(
        folder=folder,
        command=[str(word) for word in experiment.get("arguments", ())],
        config=experiment.get("config", {}),
        curves=curves,
        images=_find_images(folder / IMAGES),
        environment=_read_json(environment) if environment.is_file() else {},
        units=_read_units(experiment),
    )


def _find_folder(path: pathlib.Path) -> pathlib.Path:
    """Find the folder of a run by its path, or by its name in `runs`."""
    for folder in (path,) if is_remote(path) else (path, RUNS / path):
        if (folder / EXPERIMENT_FILE).is_file():
            return folder
    if not path.is_dir():
        raise InputError(not_a_folder(path))
    raise InputError(f"{path} is not the folder of a run: it has no {EXPERIMENT_FILE}")


def _read_json(file: pathlib.Path) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{file} is damaged: it holds no JSON object")
    return content


def _read_units(experiment: dict[str, Any]) -> Mapping[str, Unit]:
    """Return the units of the metrics of a run; those of avjax are not stored."""
    stored = experiment.get("units")
    if not isinstance(stored, dict):
        return UNITS
    return {name: Unit(*map(str, words[:2])) for name, words in stored.items() if words}


def _read_curves(file: pathlib.Path) -> dict[str, Curve]:
    """Read the finite numbers of a file of JSON lines; a cut last line is skipped."""
    curves: dict[str, Curve] = {}
    if not file.is_file():
        return curves
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            step = int(entry.pop("step"))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # a run may be writing this line now
        for name, value in entry.items():
            if isinstance(value, int | float) and math.isfinite(value):
                curve = curves.setdefault(name, Curve([], []))
                curve.steps.append(step)
                curve.values.append(float(value))
    return curves


def _find_images(folder: pathlib.Path) -> dict[str, dict[int, pathlib.Path]]:
    """Find the images of evaluations by their names and steps."""
    images: dict[str, dict[int, pathlib.Path]] = {}
    for file in sorted(folder.glob("*")):
        if match := IMAGE_NAME.fullmatch(file.name):
            images.setdefault(match[1], {})[int(match[2])] = file
    return images
