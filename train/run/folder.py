"""The folder of a run: who may use it, and the config that it was started with."""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import re
import threading
from collections.abc import Container, Iterator, Sequence

import jax

from avjax.config import to_json
from avjax.console import CONSOLE
from avjax.errors import InputError
from avjax.media.files import write_text
from avjax.media.paths import as_path, is_remote
from avjax.metrics.units import UNITS
from avjax.train.experiment import Experiment
from avjax.train.run.files import EXPERIMENT_FILE, RUNS

WRITE_ERRORS = errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS
LOCK_FILE = "lock"
# What a run that was killed early leaves without an EXPERIMENT_FILE.
INCOMPLETE = {LOCK_FILE, "checkpoints", f"{EXPERIMENT_FILE}.tmp"}  # .tmp: before 0.2


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
    Stores have no locks.

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
            if jax.process_index() == 0 and not is_remote(folder):
                lock = stack.enter_context((folder / LOCK_FILE).open("a"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"another process is training in {folder}; wait for it, or choose "
                "another --out"
            ) from error
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"cannot write into {folder}: {reason}") from error
        yield


@contextlib.contextmanager
def write_errors(folder: pathlib.Path) -> Iterator[None]:
    """Turn the errors of a full or broken disk into a sentence.

    Args:
        folder: Folder of the run.

    Yields:
        Nothing.

    Raises:
        InputError: The block could not write.
    """
    hook = threading.excepthook

    def print_others(failed: threading.ExceptHookArgs) -> None:
        if find_write_error(failed.exc_value) is None:
            hook(failed)

    threading.excepthook = print_others  # the thread of TensorBoard fails, too
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = find_write_error(error)
        if reason is None:
            raise
        raise InputError(
            f"cannot write into {folder}: {reason}; the run continues from its latest "
            "checkpoint when there is space"
        ) from error
    finally:
        threading.excepthook = hook


def find_write_error(error: BaseException | None) -> str | None:
    """Look for a full disk in an error and its causes.

    Args:
        error: An error of Python, Orbax or TensorStore.

    Returns:
        The reason in words; None if it is another error.
    """
    while error is not None:
        for number in WRITE_ERRORS:
            reason = os.strerror(number)
            if getattr(error, "errno", None) == number or reason in str(error):
                return reason.lower()
        error = error.__cause__ or error.__context__
    return None


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
    if not step or jax.process_index() != 0:
        return
    message = f"continuing {folder} at step {step}"
    if step == steps:
        message = (
            f"{folder} is complete ({step} of {steps} steps), so nothing is trained; "
            "a larger steps= continues it"
        )
    CONSOLE.print(message, soft_wrap=True)


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
        units = experiment.task.metric_units()
        if units != UNITS:  # those of a task of the user's own, for `avjax report`
            content["units"] = {name: list(unit) for name, unit in units.items()}
        text = json.dumps(content, indent=1) + "\n"
        if is_remote(folder):  # a store writes a file at once
            (folder / EXPERIMENT_FILE).write_text(text)
        else:
            write_text(folder / EXPERIMENT_FILE, text)


def find_run(name: str, out: str | None, experiments: Container[str]) -> pathlib.Path:
    """Find the folder of a run.

    Args:
        name: Name of an experiment, or the folder of a run.
        out: The folder of the option `--out`; None: it is found by the name.
        experiments: Names of experiments, which come before folders.

    Returns:
        The folder, which may not exist.

    Raises:
        InputError: `name` is a folder, but not that of a run, or it is a path and does
            not exist.
    """
    if out is not None:
        return as_path(out)
    folder = pathlib.Path(name) if name in experiments else as_path(name)
    if (folder / EXPERIMENT_FILE).is_file():
        return folder
    if folder.is_dir() and name not in experiments:
        raise InputError(
            f"{name} is not the folder of a run: it has no {EXPERIMENT_FILE}"
        )
    if len(folder.parts) > 1 and ".py:" not in name and not folder.exists():
        raise InputError(f"there is no folder {name}")
    return RUNS / name.rpartition(":")[2]


def find_continued(
    name: str, assignments: Sequence[str], out: str | None, experiments: Container[str]
) -> tuple[str, list[str], pathlib.Path]:
    """Find what `avjax train` trains, and where.

    Args:
        name: Name of an experiment, or the folder of a run, which is continued with
            what it was started with.
        assignments: Changes of the config, "path=value".
        out: The folder of the option `--out`; None: it is found by the name.
        experiments: Names of experiments, which come before folders.

    Returns:
        Name of the experiment, all changes of its config, and the folder of the run.

    Raises:
        InputError: `name` is a folder, but not that of a run, or it is a path and does
            not exist; or `out` names another folder than `name`.
    """
    folder = as_path(out or RUNS / name.rpartition(":")[2])
    is_path = len(pathlib.Path(name).parts) > 1 or pathlib.Path(name).is_dir()
    if name in experiments or re.search(r"\.py(:|$)", name) or not is_path:
        return name, list(assignments), folder
    run = find_run(name, None, experiments)
    experiment_name, *stored = read_invocation(run)
    if out is not None and folder != run:
        raise InputError(f"{name} is continued in its own folder, so leave out --out")
    changed = {assignment.partition("=")[0] for assignment in assignments}
    kept = [x for x in stored if x.partition("=")[0] not in changed]
    return experiment_name, [*kept, *assignments], run


def read_invocation(folder: pathlib.Path) -> list[str]:
    """Read the arguments that a run was started with.

    Args:
        folder: Folder of the run.

    Returns:
        Name of the experiment and assignments; empty if there is no run.

    Raises:
        InputError: The file is damaged, or the run was not started by `avjax train`.
    """
    file = folder / EXPERIMENT_FILE
    if not file.is_file():
        return []
    words: list[str] | None = None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if "asked" not in content:  # the key of version 0.1
            words = content["arguments"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is damaged: {error}") from error
    if words is None:
        raise InputError(
            f"{file} was written by an older version of avjax, whose runs cannot be "
            "read; train again"
        )
    if not words:
        raise InputError(
            f"{folder} was not started by avjax train, so its experiment is unknown"
        )
    return words
