"""The folder of a run: who may use it, and the config that it was started with."""

import contextlib
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator, Sequence

import jax

from avjax.config import to_json
from avjax.console import CONSOLE
from avjax.errors import InputError
from avjax.train.experiment import Experiment

EXPERIMENT_FILE = "experiment.json"
LOCK_FILE = "lock"
# What a run that was killed early leaves without an EXPERIMENT_FILE.
INCOMPLETE = {LOCK_FILE, "checkpoints", f"{EXPERIMENT_FILE}.tmp"}


def check_folder(folder: pathlib.Path) -> None:
    """Check that a folder is free for a run, or holds one.

    Args:
        folder: The folder, which may not exist.

    Raises:
        InputError: The folder holds other files.
    """
    if not folder.is_dir() or (folder / EXPERIMENT_FILE).is_file():
        return
    if others := sorted({file.name for file in folder.iterdir()} - INCOMPLETE):
        raise InputError(
            f"{folder} is not the folder of a run, and it holds {others[0]}; choose "
            "another --out"
        )


@contextlib.contextmanager
def locked_folder(folder: pathlib.Path) -> Iterator[None]:
    """Make the folder of a run, and keep other processes from training there.

    The operating system releases the lock when the process ends, however it ends.

    Args:
        folder: The folder; its parents are made, too.

    Yields:
        Nothing.

    Raises:
        InputError: The folder cannot be made, or another process trains there.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if jax.process_index() == 0:
                lock = stack.enter_context((folder / LOCK_FILE).open("a"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"another process is training in {folder}; wait for it, or choose "
                "another --out"
            ) from error
        except OSError as error:
            raise InputError(f"cannot write into {folder}: {error.strerror}") from error
        yield


def check_progress(step: int, steps: int, folder: pathlib.Path) -> None:
    """Check that a run is not shortened, and print where it continues.

    Args:
        step: Step of the latest checkpoint; 0 if there is none.
        steps: Number of steps of the experiment.
        folder: Folder of the run.

    Raises:
        InputError: The run already has more steps.
    """
    if step > steps:
        raise InputError(f"{folder} already has {step} steps, more than steps={steps}")
    if step and jax.process_index() == 0:
        CONSOLE.print(f"continuing {folder} at step {step}")


def save_config(
    experiment: Experiment, folder: pathlib.Path, arguments: Sequence[str]
) -> None:
    """Write the config and the command's arguments into the run's folder, atomically.

    Args:
        experiment: The experiment.
        folder: Folder of the run.
        arguments: Name and assignments of the command line.
    """
    if jax.process_index() == 0:
        content = {"arguments": list(arguments), "config": to_json(experiment)}
        temporary = folder / f"{EXPERIMENT_FILE}.tmp"
        temporary.write_text(json.dumps(content, indent=1) + "\n")
        os.replace(temporary, folder / EXPERIMENT_FILE)
