"""Profiles of a few steps, for the profile page of TensorBoard."""

import contextlib
import pathlib
from collections.abc import Iterator

import jax


class Profiler:
    """Traces the steps START to STOP of a run, both included."""

    def __init__(self, folder: pathlib.Path, steps: str):
        """Plan a trace.

        Args:
            folder: Folder of the run; process 0 writes plugins/profile there.
            steps: "START:STOP"; empty: no trace.
        """
        first, _, last = steps.partition(":")
        self._range = range(int(first), int(last) + 1) if steps else range(0)
        self._folder, self._open = folder, False

    @contextlib.contextmanager
    def tracing(self, step: int) -> Iterator[None]:
        """Trace a step if it is one of the planned ones.

        Args:
            step: The step that the context computes.

        Yields:
            Nothing.
        """
        if step not in self._range or jax.process_index() != 0:
            yield
            return
        if not self._open:
            jax.profiler.start_trace(str(self._folder))
            self._open = True
        with jax.profiler.StepTraceAnnotation("train", step_num=step):
            yield
        if step == self._range[-1]:
            self.close()

    def close(self) -> None:
        """End the trace, if one is open."""
        if self._open:
            idle = [jax.device_put(0.0, x) + 0.0 for x in jax.local_devices()]
            jax.block_until_ready(idle)  # after the steps that were queued before
            jax.profiler.stop_trace()
            self._open = False
