"""What an experiment needs on disk: its corpora, and the runs that it starts from."""

import pathlib
from collections.abc import Mapping
from typing import Any

from avjax.config import leaves, to_json
from avjax.data.loader import Loader, open_checked
from avjax.errors import InputError
from avjax.train.experiment import Experiment
from avjax.train.experiments.corpora import BUILD_ARGUMENTS
from avjax.train.registry import EXPERIMENTS
from avjax.train.run_folder import RUNS


def check_requirements(
    experiment: Experiment, folder: pathlib.Path, *data: str
) -> None:
    """Check that the corpora of an experiment exist and fit, then its weights.

    Args:
        experiment: The experiment.
        folder: Folder of its run. With a checkpoint there, initial weights are not
            needed.
        *data: Fields of the experiment with the loaders that are needed.

    Raises:
        InputError: One of them is missing, or a corpus does not fit; the message names
            the command that makes it.
    """
    config: Any = {name: getattr(experiment, name) for name in data}
    for root in string_leaves(config):
        if root in BUILD_ARGUMENTS:
            check_corpus(root)
    for value in config.values():
        for loader in value.values() if isinstance(value, Mapping) else [value]:
            if isinstance(loader, Loader):
                open_checked(loader)
    checkpoints = folder / "checkpoints"
    has_run = checkpoints.is_dir() and any(checkpoints.iterdir())
    if not has_run:
        config["init_from"] = experiment.init_from
    for weights in string_leaves(config):
        if weights.startswith(f"{RUNS}/"):
            check_run(pathlib.Path(weights))


def string_leaves(config: Any) -> list[str]:
    """List the values of a config that are strings.

    Args:
        config: The config.
    """
    return [value for _, value in leaves(to_json(config)) if isinstance(value, str)]


def check_corpus(root: str) -> None:
    """Check that a corpus was built.

    Args:
        root: Its folder, a key of `BUILD_ARGUMENTS`.

    Raises:
        InputError: There is no such folder.
    """
    if not pathlib.Path(root).is_dir():
        raise InputError(
            f"there is no corpus in {root}; build it first: avjax data build "
            f"{BUILD_ARGUMENTS[root]} --out {root}"
        )


def check_run(weights: pathlib.Path) -> None:
    """Check that a run has released its weights.

    Args:
        weights: The folder of its weights, below `RUNS`.

    Raises:
        InputError: There are no weights.
    """
    if weights.is_dir():
        return
    name = weights.relative_to(RUNS).parts[0]
    command = f": avjax train {name}" * (name in EXPERIMENTS)
    raise InputError(
        f"there are no weights in {weights}; train {name} to its end first{command}"
    )
