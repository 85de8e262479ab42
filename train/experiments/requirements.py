"""What an experiment needs on disk: its corpora, and the runs that it starts from."""

import pathlib
from typing import Any

from avjax.config import leaves, to_json
from avjax.errors import InputError
from avjax.train.experiment import Experiment
from avjax.train.experiments.corpora import BUILD_ARGUMENTS
from avjax.train.registry import EXPERIMENTS
from avjax.train.run_folder import RUNS


def check_requirements(
    experiment: Experiment, folder: pathlib.Path, *data: str
) -> None:
    """Check that the corpora and weights that an experiment names exist.

    Args:
        experiment: The experiment.
        folder: Folder of its run. With a checkpoint there, initial weights are not
            needed.
        *data: Fields of the experiment with the loaders that are needed.

    Raises:
        InputError: One of them is missing; the message names the command that makes it.
    """
    checkpoints = folder / "checkpoints"
    has_run = checkpoints.is_dir() and any(checkpoints.iterdir())
    config: Any = {name: getattr(experiment, name) for name in data}
    config["init_from"] = {} if has_run else experiment.init_from
    for _, value in leaves(to_json(config)):
        if not isinstance(value, str):
            continue
        if value in BUILD_ARGUMENTS:
            check_corpus(value)
        elif value.startswith(f"{RUNS}/"):
            check_run(pathlib.Path(value))


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
