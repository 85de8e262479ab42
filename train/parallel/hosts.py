"""Several processes that train one model: they start, refuse, stop and fail together.

The processes exchange short texts through the coordination service of JAX, which needs
no devices: it also works while a program is compiled, or after a process has failed.
"""

import contextlib
import itertools
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from avjax.cli import session
from avjax.config import differences, leaves
from avjax.errors import InputError, Interrupted

OFF = "off"  # value of --distributed
FAILURE_KEY, SIGNAL_KEY = "avjax/failure", "avjax/signal"
POLL_SECONDS = 0.5  # between two looks for the failure of another process
LEAVE_SECONDS = 4.0  # in which the others see a failure
WAIT_MILLISECONDS = 600_000  # for the slowest process to open its data
# Number of tasks that a launcher has started, and its name.
TASK_COUNTS = {
    "SLURM_NTASKS": "SLURM",
    "OMPI_COMM_WORLD_SIZE": "Open MPI",
    "PMI_SIZE": "MPI",
}
TPU_HOSTS = "TPU_WORKER_HOSTNAMES"  # separated by commas
HOST_FIELDS = frozenset({"root", "num_workers"})  # of data: examples stay the same
_comparisons = itertools.count()


def check_alone(environment: Mapping[str, str]) -> None:
    """Check that this process was not started as one of several.

    Without a connection, each of them would train alone, in the same folder.

    Args:
        environment: Environment variables.

    Raises:
        InputError: A launcher has started several tasks.
    """
    hosts = environment.get(TPU_HOSTS, "")
    counts = {name: environment.get(name, "") for name in TASK_COUNTS}
    several = [
        f"{TASK_COUNTS[name]} has started {count} tasks ({name}={count})"
        for name, count in counts.items()
        if re.fullmatch(r"\d+", count) and int(count) > 1
    ]
    if "," in hosts:
        count = len(hosts.split(","))
        several.append(f"this TPU slice has {count} hosts ({TPU_HOSTS})")
    if several:
        raise InputError(
            f"{several[0]}: add --distributed auto, so that they train together, or "
            f"--distributed {OFF} if this process is to train alone"
        )


@contextlib.contextmanager
def connected(where: str | None) -> Iterator[None]:
    """Connect to the other processes, and end together with them.

    If the block of one process fails, all processes end within seconds, with its
    message. The process that failed does not return from here.

    Args:
        where: "auto" if the cluster sets the addresses, or "HOST:PORT,PROCESSES,INDEX".
            "off": this is the only process. None: the same, which is checked.

    Yields:
        Nothing.

    Raises:
        InputError: `where` has another form, or this is not the only process.
    """
    if where is None:
        check_alone(os.environ)
    if where in (None, OFF):
        yield
        return
    start_distributed(where)
    with FailureWatch() as watch:
        try:
            yield
        except Interrupted:  # all processes have agreed on it
            raise
        except BaseException as error:
            watch.fail(error)


def start_distributed(where: str) -> None:
    """Connect to the other processes.

    Args:
        where: See `connected`.

    Raises:
        InputError: `where` has another form.
    """
    import jax

    try:
        if where == "auto":
            jax.distributed.initialize()
            return
        address, count, index = where.split(",")
        jax.distributed.initialize(address, int(count), int(index))
    except ValueError as error:
        raise InputError(
            f"--distributed {where} cannot be used: give HOST:PORT,PROCESSES,INDEX, or "
            "auto on a cluster that JAX detects"
        ) from error


class FailureWatch:
    """Ends this process when another one has failed, as a context manager."""

    def __init__(self):
        self._client = coordination_client()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "FailureWatch":
        if self._client is not None:
            self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(POLL_SECONDS):
            self._follow()

    def _follow(self) -> None:
        """End this process if another one has failed."""
        if found := get_text(FAILURE_KEY):
            status, _, message = found.partition(" ")
            print(f"avjax: {message}", file=sys.stderr)
            leave_last(int(status))

    def fail(self, error: BaseException) -> NoReturn:
        """Print an error, tell it to the other processes, and end this one.

        Args:
            error: The error.
        """

        def raise_again() -> int:
            raise error

        if self._client is None:
            raise error
        self._done.set()
        if not isinstance(error, InputError):  # it may only be the lost connection
            self._follow()
        status = session.run(raise_again, "avjax")
        line = (str(error) or "stopped").splitlines()[0]
        set_text(FAILURE_KEY, f"{status} process {process_number()}: {line}")
        leave_last(status)


def leave_last(status: int) -> NoReturn:
    """End this process at once: JAX would wait for the others at its exit.

    Process 0 has the coordination service, so it lets the others leave before.

    Args:
        status: The exit status.
    """
    if process_number() == 0:
        time.sleep(LEAVE_SECONDS)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def check_same_config(config: Mapping[str, Any]) -> None:
    """Check that all processes train the same, and wait until all have come here.

    Args:
        config: Plain values, as `to_json` makes them. Places of data may differ.

    Raises:
        InputError: A value differs from that of process 0.
    """
    client = coordination_client()
    if client is None:
        return
    key = f"avjax/config/{next(_comparisons)}"
    if process_number() == 0:
        client.key_value_set(key, json.dumps(config))
    first = json.loads(client.blocking_key_value_get(key, WAIT_MILLISECONDS))
    before, after = dict(leaves(first)), dict(leaves(config))
    for path in differences(first, config):
        if path.rpartition(".")[2] not in HOST_FIELDS:
            raise InputError(
                f"{path} is {after.get(path)!r}, but {before.get(path)!r} in process "
                "0; start all processes with the same command"
            )
    client.wait_at_barrier(key, WAIT_MILLISECONDS)


def coordination_client() -> Any:
    """Return the client of JAX's coordination service; None without one."""
    from jax._src import distributed  # JAX has no public way to its key-value store

    return distributed.global_state.client


def process_number() -> int:
    """Return the number of this process. JAX waits for all before it tells."""
    from jax._src import distributed

    return distributed.global_state.process_id


def set_text(key: str, text: str) -> None:
    """Publish a text, unless a process already has.

    Args:
        key: Key of the text.
        text: The text.
    """
    with contextlib.suppress(Exception):  # RuntimeErrors of JAX
        coordination_client().key_value_set(key, text)


def get_text(key: str) -> str | None:
    """Return a published text, without waiting.

    Args:
        key: Key of the text.
    """
    try:
        return coordination_client().key_value_try_get(key)
    except Exception:  # it is not there, or the service is not
        return None
