"""The registry of named experiments.

An installed package adds its own by an entry point that names a module with them:

    [project.entry-points."avjax.experiments"]
    my_lab = "my_lab.experiments"
"""

import functools
import importlib
import importlib.metadata
import pathlib
import sys
from collections.abc import Callable

from avjax.errors import InputError, suggest
from avjax.train.experiment import Experiment
from avjax.train.names import ENTRY_POINTS

ExperimentFactory = Callable[[], Experiment]

EXPERIMENTS: dict[str, ExperimentFactory] = {}


def register_experiment(name: str, make: ExperimentFactory) -> None:
    """Register an experiment, so that `avjax train NAME` finds it.

    Args:
        name: Name of the experiment.
        make: A function without arguments that returns the experiment. The first line
            of its docstring is shown by `avjax train --list`.

    Raises:
        InputError: Another experiment has this name.
    """
    if EXPERIMENTS.get(name, make) is not make:
        raise InputError(f"an experiment named '{name}' exists already")
    EXPERIMENTS[name] = make


def experiment(make: ExperimentFactory) -> ExperimentFactory:
    """Register an experiment under the name of its function (a decorator).

    Args:
        make: A function without arguments that returns the experiment.

    Returns:
        The function, unchanged.
    """
    register_experiment(make.__name__, make)
    return make


@functools.cache
def load_entry_points() -> None:
    """Import the modules of experiments that installed packages name.

    Raises:
        InputError: A module cannot be imported.
    """
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            entry_point.load()
        except (ImportError, AttributeError) as error:
            raise InputError(
                f"the experiments of {entry_point.value}, which an installed package "
                f"names in {ENTRY_POINTS}, cannot be imported: {error}"
            ) from error


def load_experiment_file(name: str) -> ExperimentFactory:
    """Import a file of experiments, and return one of them.

    The folder of the file is put on `sys.path`, so that worker processes find the
    module.

    Args:
        name: "path/to/file.py:experiment".

    Returns:
        The function that makes the experiment.

    Raises:
        InputError: There is no such file, or it registers no experiment of this name.
    """
    path, experiment_name = name, ""
    if not name.endswith(".py"):
        path, _, experiment_name = name.rpartition(":")
    file = pathlib.Path(path).resolve()
    if not file.is_file():
        raise InputError(f"there is no file {path}")
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    others = set(EXPERIMENTS)
    try:
        module = importlib.import_module(file.stem)
    except SyntaxError as error:
        raise InputError(f"{path}, line {error.lineno}: {error.msg}") from error
    known = [
        name
        for name, make in EXPERIMENTS.items()
        if name not in others or getattr(make, "__module__", "") == module.__name__
    ]
    if not known:
        raise InputError(f"{path} registers no experiment")
    if not experiment_name:
        raise InputError(
            f"name an experiment of the file: {path}:{' or :'.join(known)}"
        )
    if experiment_name not in EXPERIMENTS:
        raise InputError(
            f"{path} registers no experiment named '{experiment_name}'; "
            f"{suggest(experiment_name, known)}"
        )
    return EXPERIMENTS[experiment_name]
