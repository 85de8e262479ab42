"""Stop a run between two steps when a signal asks for it, so that its state is saved.

Ctrl-C (SIGINT) and SIGTERM are caught in a run of one process. In a run of several
processes, JAX receives SIGTERM and makes all processes stop after the same step.
"""

import signal
import threading
from typing import Self

import jax
from jax.experimental import multihost_utils

from avjax.console import CONSOLE

SIGNALS = signal.SIGINT, signal.SIGTERM


class InterruptWatch:
    """Remembers a signal that arrives inside its `with` block.

    A second signal does what the first one would have done without the watch. Outside
    of the main thread no signal can be caught, and nothing is changed.
    """

    def __init__(self):
        self._signal: signal.Signals | None = None
        self._previous = {}

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and jax.process_count() == 1:
            self._previous = {one: signal.signal(one, self._note) for one in SIGNALS}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def requested(self, step: int) -> signal.Signals | None:
        """Check if the run should stop.

        Args:
            step: The step that is finished. All processes have to ask after it.

        Returns:
            The signal that asks for it, or None.
        """
        if jax.process_count() > 1 and multihost_utils.reached_preemption_sync_point(
            step
        ):
            return signal.SIGTERM
        return self._signal

    def _note(self, number: int, frame: object) -> None:
        """Handle a signal: remember the first, and hand over the second."""
        self._signal = signal.Signals(number)
        CONSOLE.print(
            "stopping after this step; the state is saved first "
            "(Ctrl-C again: at once, without saving)",
            soft_wrap=True,
        )
        self.__exit__()
