"""Exit statuses, and warnings and errors as the command line prints them."""

import argparse
import contextlib
import io
import os
import pathlib
import re
import signal
import sys
import sysconfig
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence

from avjax.errors import FaceNotFoundError, InputError

DEBUG_VARIABLE = "AVJAX_DEBUG"  # 1: print the traceback of a defect
AGAIN_SECONDS = 0.05  # until a signal is sent again that Python has ignored
ON = {"1", "true", "t", "yes", "y", "on"}  # values of a variable of JAX
MAX_DEFECT_CHARACTERS = 200  # of the message of another exception
ARGUMENT = re.compile(r"`([\w.]+(?:\(\))?)`")
OWN_VARIABLES: set[str] = set()  # of the environment, that avjax has set
# What the command line has in the place of a Python function.
COMMAND_OF = {
    "avjax.text.espeak.list_languages()": "avjax talk --list-languages",
    "avjax.text.espeak.list_variants()": "avjax talk --list-voices",
    "avjax.list_weights()": "avjax weights list",
}


def run(command: Callable[[], int], program: str) -> int:
    """Run a command, and print its errors: one line each, no traceback.

    Args:
        command: The command; returns an exit status.
        program: Name of the program, which starts every line.

    Returns:
        The status of the command; 2 for invalid input, or if code of the user's own
        fails, 130 after Ctrl-C, 143 after SIGTERM (0 if the work was saved), 141 if the
        reader of standard output has closed it, 1 for a defect of avjax or too little
        memory.
    """
    try:
        with keep_interrupts():
            print_all_characters()
            status = command()
            sys.stdout.flush()
    except InputError as error:
        for line in str(error).splitlines():
            print(f"{program}: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:  # or Interrupted, which has a message
        message = str(stop) or "stopped; incomplete files were removed"
        print(f"{program}: {message}", file=sys.stderr)
        number = getattr(stop, "signal_number", signal.SIGINT)
        return 0 if number == signal.SIGTERM else 128 + number
    except BrokenPipeError:  # such as `avjax train --list | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:  # any other exception is a defect
        message, status = explain_exception(error)
        print(f"{program}: {message}", file=sys.stderr)
        if os.environ.get(DEBUG_VARIABLE) == "1":
            traceback.print_exception(error)
    return status


def print_all_characters() -> None:
    """Print a code instead of characters that the encoding of the output lacks.

    Names of files may even hold bytes that are no characters in any encoding.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def keep_interrupts() -> Iterator[None]:
    """Do not lose Ctrl-C in libraries.

    Some catch all exceptions while they are imported, and fail later. Python prints and
    ignores what is raised in finalizers and callbacks, such as those of JAX; there the
    signal is sent again.

    Yields:
        None.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed in the `with` block, which has raised any
            exception.
    """
    interrupts: list[int] = []
    timers: list[threading.Timer] = []
    hook = sys.unraisablehook

    def stop(number, frame):
        interrupts.append(number)
        signal.default_int_handler(number, frame)

    def send_again(ignored):
        if ignored.exc_type is not KeyboardInterrupt:
            return hook(ignored)
        arguments = os.getpid(), signal.SIGINT
        timers.append(threading.Timer(AGAIN_SECONDS, os.kill, arguments))
        timers[-1].start()

    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_default:
        signal.signal(signal.SIGINT, stop)
        sys.unraisablehook = send_again
    try:
        yield
    except Exception as error:
        if interrupts:
            raise KeyboardInterrupt from error
        raise
    finally:
        for timer in timers:
            timer.cancel()
        if is_default:
            sys.unraisablehook = hook
            signal.signal(signal.SIGINT, signal.default_int_handler)


def explain_exception(error: Exception) -> tuple[str, int]:
    """Compose one sentence about an exception that no one expected.

    Args:
        error: The exception.

    Returns:
        Its kind, the first line of its message and how to report it, or where it is in
        code of the user's own; and the exit status.
    """
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return "there is not enough memory; give a shorter or smaller file", 1
    message = next(iter(str(error).splitlines()), "")[:MAX_DEFECT_CHARACTERS]
    cause = f"{type(error).__name__}: {message}" if message else type(error).__name__
    if place := find_own_code(error):
        return f"{place}: {cause} ({DEBUG_VARIABLE}=1 prints the traceback)", 2
    return (
        f"this is a defect of avjax, not of your input ({cause}); please report it "
        f"with the command, the output of avjax doctor, and what the command prints "
        f"with {DEBUG_VARIABLE}=1"
    ), 1


def find_own_code(error: Exception) -> str | None:
    """Find the last line outside of all installed packages that led to an exception.

    Args:
        error: The exception.

    Returns:
        File and line, such as "my_experiment.py, line 7"; None if only packages and
        Python itself were involved.
    """
    package = pathlib.Path(__file__).parents[1]
    installed = {*map(sysconfig.get_path, ("stdlib", "purelib", "platlib", "scripts"))}
    roots = {*installed, package, package.parent / "data", package.parent / "train"}
    places = [
        f"{frame.filename}, line {frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.isabs(frame.filename)
        and not any(pathlib.Path(frame.filename).is_relative_to(x) for x in roots)
    ]
    return places[-1] if places else None


def name_flags(error: InputError, options: argparse.Namespace) -> str:
    """Return the message of an error, with options in the place of arguments.

    Messages of the library name its arguments and functions as `lang`.

    Args:
        error: The error.
        options: The parsed options of the command.

    Returns:
        The message, with --lang instead.
    """

    def replace(match: re.Match[str]) -> str:
        if hasattr(options, match[1]):
            return f"--{match[1].replace('_', '-')}"
        return f"`{COMMAND_OF[match[1]]}`" if match[1] in COMMAND_OF else match[0]

    lines = str(error).splitlines()
    if isinstance(error, FaceNotFoundError) and getattr(options, "box", "") is None:
        lines = [f"{line} with --box x,y,w,h" for line in lines]
    return "\n".join(ARGUMENT.sub(replace, line) for line in lines)


def enable_compilation_cache(folder: pathlib.Path) -> None:
    """Keep compiled programs on disk, also those that compile quickly.

    JAX omits the latter by default; they take a tenth of the time of `avjax sync`.

    Args:
        folder: The folder of the programs.
    """
    _set_default("JAX_COMPILATION_CACHE_DIR", str(folder))
    _set_default("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


def enable_program_store() -> None:
    """Keep compiled programs so that they need not be traced either.

    They are in the folder of JAX's own cache; if that is in another place than this
    computer, or is switched off, so is the store.
    """
    from avjax import program_store

    folder = os.environ["JAX_COMPILATION_CACHE_DIR"]
    is_on = os.environ.get("JAX_ENABLE_COMPILATION_CACHE", "1").lower() in ON
    if is_on and os.path.isabs(folder):
        program_store.enable(pathlib.Path(folder) / "avjax")


def hide_compiler_alarms() -> None:
    """Hide the messages of XLA's C++ code, unless the user has chosen their level.

    After two minutes of compilation it prints an error that asks for a report. Real
    errors become exceptions as well.
    """
    _set_default("TF_CPP_MIN_LOG_LEVEL", "3")


def _set_default(variable: str, value: str) -> None:
    """Set an environment variable, unless the user has set it."""
    if variable not in os.environ:
        os.environ[variable] = value
        OWN_VARIABLES.add(variable)


def show_deprecated_names() -> None:
    """Print the warnings about short names of weights, one line each.

    Python hides deprecation warnings outside of `__main__` by default.
    """

    def print_line(message, category, filename, lineno, file=None, line=None):
        print(f"avjax: warning: {message}", file=sys.stderr)

    warnings.filterwarnings("once", "the name .* of weights is deprecated")
    warnings.showwarning = print_line


@contextlib.contextmanager
def collect_errors(errors: list[InputError]) -> Iterator[None]:
    """Append an InputError of the `with` block to a list, so that work continues."""
    try:
        yield
    except InputError as error:
        errors.append(error)


def raise_all(errors: Sequence[InputError]) -> None:
    """Raise the errors of several files as one InputError, with one line for each."""
    if not errors:
        return
    kinds = {type(error) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else InputError
    raise kind("\n".join(map(str, errors)))
