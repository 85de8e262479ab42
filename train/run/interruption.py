"""Stop a run between two steps when a signal asks for it, so that its state is saved.

Ctrl-C (SIGINT) and SIGTERM are caught. In a run of several processes, JAX receives
SIGTERM and makes all processes stop after the same step; a process that gets SIGINT
publishes it, and sends SIGTERM to itself.
"""

import os
import signal
import threading
from typing import Self

import jax
from jax.experimental import multihost_utils

from avjax.console import CONSOLE
from avjax.train.parallel import hosts

SIGNALS = signal.SIGINT, signal.SIGTERM


class InterruptWatch:
    """Remembers a signal that arrives inside its `with` block.

    A second SIGINT does what the first one would have done without the watch. Outside
    of the main thread no signal can be caught, and nothing is changed.
    """

    def __init__(self):
        self._signal: signal.Signals | None = None
        self._previous = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            caught = SIGNALS if jax.process_count() == 1 else SIGNALS[:1]
            self._previous = {one: signal.signal(one, self._note) for one in caught}
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
        if jax.process_count() == 1:
            return self._signal
        if not multihost_utils.reached_preemption_sync_point(step):
            return None
        is_interrupt = hosts.get_text(hosts.SIGNAL_KEY) is not None
        return signal.SIGINT if is_interrupt else signal.SIGTERM

    def _note(self, number: int, frame: object) -> None:
        """Handle a signal: remember it, and hand over a second SIGINT."""
        if self._signal is None:
            CONSOLE.print(
                "stopping after this step; the state is saved first "
                "(Ctrl-C again: at once, without saving)",
                soft_wrap=True,
            )
        self._signal = self._signal or signal.Signals(number)
        if signal.SIGINT in self._previous:
            signal.signal(signal.SIGINT, self._previous.pop(signal.SIGINT))
        if number == signal.SIGINT and jax.process_count() > 1:
            hosts.set_text(hosts.SIGNAL_KEY, "SIGINT")
            os.kill(os.getpid(), signal.SIGTERM)
