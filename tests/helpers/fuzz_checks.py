"""Run one command on damaged files, and check what the project promises.

The exit status is 0, 2 or 130. With status 2, a line for each unusable input and no
file; with status 0, files that other programs read to the end. Inputs stay as they
are, and no temporary file stays.
"""

import contextlib
import hashlib
import os
import pathlib
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import av
import soundfile
from fuzz_commands import Case
from PIL import Image
from safetensors.numpy import load_file

from avjax.__main__ import main
from avjax.cli.session import DEBUG_VARIABLE

STATUSES = 0, 2, 130
REMARKS = "avjax: warning: ", "avjax: the default weights "
MAX_SHOWN = 400  # characters of an output in a fault


class Outcome(NamedTuple):
    """Result of one case.

    Attributes:
        status: The exit status. None: the process did not return one.
        fault: What broke a promise, in words; "": nothing.
        seconds: CPU time.
        message: What the command printed on standard error.
    """

    status: int | None
    fault: str
    seconds: float
    message: str


@contextlib.contextmanager
def captured(folder: pathlib.Path) -> Iterator[list[str]]:
    """Collect all that the `with` block prints, also what C libraries print.

    Yields:
        A list to which standard output and error are added at the end.
    """
    printed: list[str] = []
    names = folder / "stdout", folder / "stderr"
    with contextlib.ExitStack() as stack:
        stack.enter_context(redirected(names[0], 1, sys.stdout, "strict"))
        stack.enter_context(redirected(names[1], 2, sys.stderr, "backslashreplace"))
        yield printed
    printed += [name.read_text("utf-8", "replace") for name in names]


@contextlib.contextmanager
def redirected(path: pathlib.Path, number: int, stream, errors: str) -> Iterator[None]:
    """Write what goes to a file descriptor, and to a stream of Python, to a file."""
    stream.flush()
    saved = os.dup(number)
    redirect = (contextlib.redirect_stdout, contextlib.redirect_stderr)[number - 1]
    try:
        with open(path, "w", encoding="utf-8", errors=errors) as file:
            os.dup2(file.fileno(), number)
            with redirect(file):
                yield
    finally:
        os.dup2(saved, number)
        os.close(saved)


def call_main(arguments: list[str], interrupt_after: float | None) -> int:
    """Run a command in this process -> its exit status.

    Args:
        arguments: The words after `avjax`.
        interrupt_after: Seconds until Ctrl-C is pressed. None: never.
    """
    timer = threading.Timer(interrupt_after or 0, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if interrupt_after is not None:
            timer.start()
        return main(arguments)
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 1
    except KeyboardInterrupt:  # as the interpreter answers after `main` has returned
        return 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        timer.cancel()
        if interrupt_after is not None:
            timer.join()
        signal.signal(signal.SIGINT, before)


def run_case(
    case: Case, logs: pathlib.Path, interrupt_after: float | None = None
) -> Outcome:
    """Run one case and check it.

    Args:
        case: The case.
        logs: Folder for what the command prints.
        interrupt_after: Seconds until Ctrl-C is pressed. None: never.
    """
    temporary = logs / "temporary"
    temporary.mkdir(exist_ok=True)
    before = contents(case.folder)
    start, place = time.process_time(), os.getcwd()
    tempfile.tempdir = os.fspath(temporary)
    os.chdir(case.folder)
    try:
        with captured(logs) as printed:
            status = call_main(case.arguments, interrupt_after)
    finally:
        os.chdir(place)
        tempfile.tempdir = None
    seconds = time.process_time() - start
    after = contents(case.folder)
    faults = [check_status(status, printed[1]), check_lines(status, case, printed)]
    faults += [check_files(status, case, before, after)]
    if left := sorted(temporary.iterdir()):
        faults.append(f"temporary files stay: {', '.join(file.name for file in left)}")
    return Outcome(status, "; ".join(filter(None, faults)), seconds, printed[1])


def contents(folder: pathlib.Path) -> dict[str, str]:
    """Map the files and folders below a folder to check sums."""
    return {
        os.fsdecode(os.fsencode(path.relative_to(folder))): ""
        if path.is_dir()
        else hashlib.sha1(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
    }


def check_status(status: int, error: str) -> str:
    return "" if status in STATUSES else f"status {status}: {error[-MAX_SHOWN:]}"


def check_lines(status: int, case: Case, printed: list[str]) -> str:
    """Find a traceback, or a message that is not one sentence an input."""
    out, error = printed
    if "Traceback" in out + error:
        return f"a traceback is printed: {error[-MAX_SHOWN:]}"
    if DEBUG_VARIABLE in error:  # code of tests/helpers is not that of a user
        return f"an exception is reported: {error[-MAX_SHOWN:]}"
    if status != 2:
        return ""
    lines = [line for line in error.split("\n")[:-1] if not line.startswith(REMARKS)]
    other = [line for line in lines if not line.startswith("avjax: ")]
    if other:
        return f"other lines are printed: {other[0][:MAX_SHOWN]}"
    if not 1 <= len(lines) <= case.num_inputs:
        return f"{len(lines)} lines are printed: {error[-MAX_SHOWN:]}"
    return ""


def check_files(
    status: int, case: Case, before: dict[str, str], after: dict[str, str]
) -> str:
    """Find changed inputs, files of a command that failed, and incomplete outputs."""
    changed = [name for name in before if before[name] != after.get(name)]
    new = [name for name in after if name not in before]
    if status == 130:
        new = without_unfinished_build(new)
    written = [name for name in (*changed, *new) if after.get(name)]
    if "out/../in" in case.arguments:  # the folder of the inputs is the output
        new = [name for name in new if not name.startswith("in/")]
    inputs = [name for name in (*changed, *new) if not name.startswith("out/")]
    if inputs:
        return f"outside of the output: {inputs[0]!r}"
    if status != 0 and (new or changed) and case.num_inputs == 1:
        return f"written with status {status}: {(*new, *changed)[0]!r}"
    if hidden := [name for name in written if "/." in name]:
        return f"a temporary file stays: {hidden[0]!r}"
    for name in written:
        try:
            read_completely(case.folder / name)
        except Exception as error:
            return f"an output cannot be read: {name!r} ({error!r})"
    return ""


def without_unfinished_build(names: list[str]) -> list[str]:
    """Leave out what `avjax data build` keeps after Ctrl-C, with the folders it is in.

    It keeps the parts that are complete, for the same command to continue.
    """
    kept = [name for name in names if name.endswith(".unfinished")]
    if not kept or not any(f"{kept[0]}/" in name for name in names):
        return names
    return [
        name
        for name in names
        if not f"{name}/".startswith(f"{kept[0]}/")
        and not kept[0].startswith(f"{name}/")
    ]


def read_completely(path: pathlib.Path) -> None:
    """Read an output with another program than avjax, if it is known here."""
    suffix = path.suffix.lower()
    if suffix == ".mp4":
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                assert frame.width
    elif suffix == ".wav":
        soundfile.read(path)
    elif suffix in {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"}:
        Image.open(path).load()
    elif suffix == ".safetensors":
        load_file(path)
