"""Metrics of a run: JSON lines, TensorBoard, Weights & Biases, and the console.

Only process 0 writes. A resumed run removes entries of later steps than its checkpoint.
"""

import contextlib
import json
import math
import os
import pathlib
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Self

import jax
import numpy as np
import rich.progress

from avjax.cli.doctor import examine
from avjax.console import CONSOLE, format_count
from avjax.media.image_io import write_png
from avjax.metrics.units import main_metrics
from avjax.train.compiled import CompiledExperiment
from avjax.train.evaluation import split_missing
from avjax.train.monitor.images import make_strip, write_clip
from avjax.train.monitor.sinks import open_sinks
from avjax.train.monitor.speed import SpeedMeter
from avjax.train.run.files import ENVIRONMENT_FILE, IMAGES, METRICS_FILE

SIGN_SECONDS = 60.0  # between two lines while a step is compiled
PROGRESS_SECONDS = 30.0  # between two lines of progress without a terminal
TIMED_STEPS = 3  # that are needed to estimate the remaining time


class MetricWriter:
    """Writes the metrics and images of a run into its folder.

    metrics.jsonl holds one object a line: the step, then names and numbers. images/
    holds NAME_STEP.mp4 for each clip of `Task.visualize`, or .png for each image.
    TensorBoard's event files hold the same numbers and images.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        first: int,
        last: int,
        program: CompiledExperiment | None = None,
    ):
        """Open the files of a run.

        Args:
            folder: Folder of the run.
            first: Last finished step; 0 for a new run.
            last: Last step of the run.
            program: The compiled experiment, whose operations are counted.
        """
        self._folder = folder
        self._writes = jax.process_index() == 0
        self._speed = SpeedMeter(program)
        self._start = self._printed = time.perf_counter()
        self._step, self._last = first, last
        self._shapes: set[tuple] = set()  # of the batches so far
        self._advanced = self._start  # end of the latest step
        self._timed_steps, self._timed_seconds = 0, 0.0  # of those not compiled
        self._is_compiled = False  # in the latest step
        self._earlier = 0.0  # hours of the run before this process
        if self._writes:
            self._open(first, last)

    def _open(self, first: int, last: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / METRICS_FILE
        self._earlier = truncate_after(file, first)
        self._lines = file.open("a")
        write_environment(self._folder)
        self._sinks = open_sinks(self._folder, first)
        self._progress = rich.progress.Progress(
            *rich.progress.Progress.get_default_columns(),
            rich.progress.MofNCompleteColumn(),
            console=CONSOLE,
            disable=not CONSOLE.is_interactive,  # in a notebook it needs ipywidgets
        )
        self._bar = self._progress.add_task("train", total=last, completed=first)
        self._progress.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        if self._writes:
            self._progress.stop()
            self._lines.close()
            for sink in self._sinks:
                sink.close()

    @property
    def hours(self) -> float:
        """Duration of the run in hours, over all processes that resumed it."""
        return self._earlier + (time.perf_counter() - self._start) / 3600

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside the context as time spent waiting for data.

        Yields:
            Nothing.
        """
        start = time.perf_counter()
        yield
        self._speed.wait(time.perf_counter() - start)

    @contextlib.contextmanager
    def stepping(self, batch: Mapping[str, jax.Array]) -> Iterator[None]:
        """Show that the step inside the context is compiled.

        Args:
            batch: The batch of the step, which is compiled for each new shape.

        Yields:
            Nothing.
        """
        shapes = tuple(array.shape for array in batch.values())
        is_new = self._writes and shapes not in self._shapes
        self._is_compiled = is_new
        reason = ", for a batch of another shape" if self._shapes else ""
        self._shapes.add(shapes)
        if not is_new:
            yield
            return
        self._progress.update(self._bar, description="compiling")
        self.print(f"compiling the training step{reason}; this may take minutes")
        with self.sign_of_life("still compiling"):
            yield
        self._progress.update(self._bar, description="train")

    @contextlib.contextmanager
    def sign_of_life(self, text: str) -> Iterator[None]:
        """Print a line every minute while the context lasts.

        Args:
            text: What is being done; the seconds since the start follow.

        Yields:
            Nothing.
        """
        done, start = threading.Event(), time.perf_counter()

        def print_lines() -> None:
            while not done.wait(SIGN_SECONDS):
                self.print(f"{text}: {time.perf_counter() - start:.0f} s")

        thread = threading.Thread(target=print_lines, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def advance(self, batch: Mapping[str, jax.Array]) -> None:
        """Count one finished step; print a line now and then if there is no terminal.

        Args:
            batch: Its global batch.
        """
        self._speed.count(batch)
        self._step += 1
        if not self._writes:
            return
        self._progress.advance(self._bar)
        now = time.perf_counter()
        if not self._is_compiled:
            self._timed_steps += 1
            self._timed_seconds += now - self._advanced
        self._advanced = now
        if now - self._printed > PROGRESS_SECONDS and not CONSOLE.is_terminal:
            self.print(self._describe_progress())
            self._printed = now

    def _describe_progress(self) -> str:
        """Return steps, percentage and remaining time in one line."""
        percent = 100 * self._step / self._last
        line = f"step {self._step} of {self._last} ({percent:.0f} %)"
        if self._timed_steps < TIMED_STEPS:
            return line
        seconds = self._timed_seconds / self._timed_steps
        minutes = math.ceil(seconds * (self._last - self._step) / 60)
        return f"{line}, about {format_count(minutes, 'minute')} left"

    def pace(self) -> dict[str, float]:
        """Measure the speed since the last call, and start measuring again.

        Returns:
            The numbers of `SpeedMeter.read`, and the duration of the run in hours.
        """
        return {**self._speed.read(), "hours": self.hours}

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write the numbers of one step to all outputs.

        Args:
            step: The step.
            numbers: `{name: number}`.
        """
        if not self._writes:
            return
        self._lines.write(json.dumps({"step": step, **numbers}) + "\n")
        self._lines.flush()
        finite = {name: x for name, x in numbers.items() if np.isfinite(x)}
        for sink in self._sinks:  # tensorboardX warns about numbers that are not finite
            sink.write(step, finite)
        self._printed = time.perf_counter()
        short = {name.removeprefix("train/"): x for name, x in numbers.items()}
        shown = main_metrics(short)
        known, missing = split_missing({name: short[name] for name in shown})
        text = "  ".join(f"{name} {number:.4g}" for name, number in known.items())
        reason = f"  (no value for {', '.join(missing)})" if missing else ""
        others = len(short) - len(shown)
        more = f"  (and {others} others in {METRICS_FILE})" if others else ""
        self.print(f"step {step}  {text}{reason}{more}")

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        """Write clips as MP4 files, and single images as PNG files.

        TensorBoard gets a strip of frames of each clip.

        Args:
            step: The step.
            images: `{name: u8 [t h w c]}`.
        """
        if not self._writes:
            return
        folder = self._folder / IMAGES
        for name, clip in images.items():
            for sink in self._sinks:
                sink.write_image(step, name, make_strip(clip))
            if len(clip) > 1:
                write_clip(folder / f"{name}_{step:07d}.mp4", clip)
            else:
                folder.mkdir(exist_ok=True)
                write_png(folder / f"{name}_{step:07d}.png", make_strip(clip))

    def print(self, line: str) -> None:
        """Print a line on the console, above the progress bar.

        Args:
            line: The line; if empty, nothing is printed.
        """
        if self._writes and line:
            self._progress.console.print(
                line, highlight=False, markup=False, soft_wrap=True
            )


def write_environment(folder: pathlib.Path) -> None:
    """Write the versions and devices that a run uses, for `avjax report`.

    Args:
        folder: Folder of the run.
    """
    parts = examine(("system", "packages", "devices")).parts
    parts["devices"]["processes"] = jax.process_count()
    text = json.dumps(parts, indent=1) + "\n"
    (folder / ENVIRONMENT_FILE).write_text(text, encoding="utf-8")


def truncate_after(file: pathlib.Path, last: int) -> float:
    """Remove the entries of later steps, and a line that was cut by a kill.

    Args:
        file: A file of JSON lines, which may be missing.
        last: Last step whose entries are kept.

    Returns:
        The duration of the run in hours at that step.
    """
    if not file.exists():
        return 0.0
    lines, hours = [], 0.0
    for line in file.read_text().splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            entry = json.loads(line)
            if entry["step"] <= last:
                lines.append(line + "\n")
                hours = entry.get("hours", hours)
    temporary = file.with_suffix(".tmp")
    temporary.write_text("".join(lines))
    os.replace(temporary, file)
    return hours
