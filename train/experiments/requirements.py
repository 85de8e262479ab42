"""What an experiment needs on disk: its corpora, and the runs that it starts from."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from avjax.config import leaves, to_json
from avjax.data.loader import Loader, open_checked
from avjax.errors import InputError
from avjax.train.experiment import Experiment
from avjax.train.experiments.corpora import BUILD_ARGUMENTS, RUN_COMMANDS
from avjax.train.registry import EXPERIMENTS
from avjax.train.run.files import EXPERIMENT_FILE, RUNS


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
    is_run = (folder / EXPERIMENT_FILE).is_file()
    for path, root in string_leaves(config):
        if root in BUILD_ARGUMENTS:
            check_corpus(root, path, folder if is_run else None)
    for value in config.values():
        for loader in value.values() if isinstance(value, Mapping) else [value]:
            if isinstance(loader, Loader):
                open_checked(loader)
    checkpoints = folder / "checkpoints"
    has_run = checkpoints.is_dir() and any(checkpoints.iterdir())
    if not has_run:
        config["init_from"] = experiment.init_from
    for path, weights in string_leaves(config):
        if weights.startswith(f"{RUNS}/"):
            check_run(pathlib.Path(weights), path)


def string_leaves(config: Any) -> list[tuple[str, str]]:
    """List path and value of the fields of a config that are strings.

    Args:
        config: The config.
    """
    return [(x, value) for x, value in leaves(to_json(config)) if type(value) is str]


def check_corpus(root: str, path: str, run: pathlib.Path | None = None) -> None:
    """Check that a corpus was built.

    Args:
        root: Its folder, a key of `BUILD_ARGUMENTS`.
        path: The field of the experiment that names it.
        run: Folder of the run that continues, perhaps started with another corpus.

    Raises:
        InputError: There is no such folder.
    """
    if not pathlib.Path(root).is_dir():
        other = f"; avjax train {run} continues the run there as it was started"
        raise InputError(
            f"{path}={root}: there is no corpus; build it first, by avjax data build "
            f"{BUILD_ARGUMENTS[root]} --out {root}, or name another with {path}=FOLDER "
            f"or, in all places at once, root=FOLDER{other if run else ''}"
        )


def check_run(weights: pathlib.Path, path: str) -> None:
    """Check that a run has released its weights.

    Args:
        weights: The folder of its weights, below `RUNS`.
        path: The field of the experiment that names it.

    Raises:
        InputError: There are no weights.
    """
    if weights.is_dir():
        return
    name = weights.relative_to(RUNS).parts[0]
    remedy = f"train {name} to its end first"
    if name in EXPERIMENTS:
        remedy += f": avjax train {name}"
    elif name in RUN_COMMANDS:
        remedy = f"make them first: {RUN_COMMANDS[name]}"
    raise InputError(
        f"there are no weights in {weights}; {remedy}, or name other weights with "
        f"{path}=FOLDER"
    )


def expand_root(
    assignments: Sequence[str], experiment: Experiment, *data: str
) -> list[str]:
    """Replace "root=FOLDER" by assignments to all fields `root` of the data.

    Args:
        assignments: Changes of the config, "path=value".
        experiment: The experiment.
        data: The fields in which `root` is set: "train", "evals".

    Returns:
        Changes of the config.

    Raises:
        InputError: "root=FOLDER" is among them, and the data have no such field.
    """
    paths = [
        path
        for path, _ in leaves(to_json({x: getattr(experiment, x) for x in data}))
        if path.endswith(".root")
    ]
    expanded: list[str] = []
    for assignment in assignments:
        name, _, value = assignment.partition("=")
        is_root = name == "root"
        if is_root and not paths:
            raise InputError(f"{assignment}: the experiment reads no corpus")
        expanded += [f"{path}={value}" for path in paths] if is_root else [assignment]
    return expanded
