"""The journal of a run: JSON lines, TensorBoard, and a line on the console.

Only process 0 writes.  A resumed run strikes out what was written after its checkpoint.
"""

import contextlib
import json
import os
import pathlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, Self

import jax
import numpy as np
import rich.console
import rich.progress
import tensorboardX
from einops import rearrange

from avjax.media.video_reader import VideoWriter

STRIP = 8  # frames of a clip in its TensorBoard picture


class Journal:
    """Writes what a run reports into its folder.

    journal.jsonl   one object a line: step, then names and numbers
    pictures/       NAME_STEP.mp4, where a task draws something
    events…         the same for TensorBoard
    """

    def __init__(self, folder: pathlib.Path, first: int, last: int):
        """For a run that goes on after step `first` and ends with step `last`."""
        self._folder = folder
        self._writes = jax.process_index() == 0
        self._steps = 0
        self._waited = 0.0
        self._since = self._begun = time.perf_counter()
        self._earlier = 0.0  # hours that the run took before this process
        if self._writes:
            self._open(first, last)

    def _open(self, first: int, last: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "journal.jsonl"
        self._earlier = strike_out(file, first)
        self._lines = file.open("a")
        self._board = tensorboardX.SummaryWriter(
            str(self._folder), purge_step=first + 1 if first else None
        )
        self._progress = rich.progress.Progress(
            *rich.progress.Progress.get_default_columns(),
            rich.progress.MofNCompleteColumn(),
            console=rich.console.Console(stderr=True),
        )
        self._bar = self._progress.add_task("train", total=last, completed=first)
        self._progress.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        if self._writes:
            self._progress.stop()
            self._lines.close()
            self._board.close()

    @property
    def hours(self) -> float:
        """How long the run has taken, over all its processes in turn."""
        return self._earlier + (time.perf_counter() - self._begun) / 3600

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time inside as time in which the devices wait for data."""
        start = time.perf_counter()
        yield
        self._waited += time.perf_counter() - start

    def advance(self) -> None:
        """One step is done."""
        self._steps += 1
        if self._writes:
            self._progress.advance(self._bar)

    def pace(self) -> dict[str, float]:
        """Steps a second, and the share of time spent on data, since last asked."""
        now = time.perf_counter()
        passed = max(now - self._since, 1e-9)
        pace = {
            "steps_per_second": self._steps / passed,
            "wait_share": self._waited / passed,
            "hours": self.hours,
        }
        self._steps, self._waited, self._since = 0, 0.0, now
        return pace

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Numbers of one step, everywhere."""
        if not self._writes:
            return
        self._lines.write(json.dumps({"step": step, **numbers}) + "\n")
        self._lines.flush()
        for name, number in numbers.items():
            self._board.add_scalar(name, number, step)
        short = {name.removeprefix("train/"): x for name, x in numbers.items()}
        told = "  ".join(f"{name} {number:.4g}" for name, number in short.items())
        self.say(f"step {step}  {told}")

    def show(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
        """Clips u8 [t h w c]: an mp4 each, and a strip of frames in TensorBoard."""
        if not self._writes:
            return
        for name, clip in pictures.items():
            self._board.add_image(name, strip(clip), step, dataformats="HWC")
            if len(clip) > 1:
                write_clip(self._folder / "pictures" / f"{name}_{step:07d}.mp4", clip)

    def say(self, sentence: str) -> None:
        """A sentence for the person at the keyboard."""
        if self._writes:
            self._progress.console.print(
                sentence, highlight=False, markup=False, soft_wrap=True
            )


def strike_out(file: pathlib.Path, last: int) -> float:
    """Removes what a journal tells of steps after `last`, and a line cut by a kill.

    -> the hours that the run had taken by then.
    """
    if not file.exists():
        return 0.0
    kept, hours = [], 0.0
    for line in file.read_text().splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            entry: dict[str, Any] = json.loads(line)
            if entry["step"] <= last:
                kept.append(line + "\n")
                hours = entry.get("hours", hours)
    beside = file.with_suffix(".tmp")
    beside.write_text("".join(kept))
    os.replace(beside, file)
    return hours


def strip(clip: np.ndarray) -> np.ndarray:
    """Clip u8 [t h w c] -> some of its frames side by side, u8 [h (t w) c]."""
    count = min(STRIP, len(clip))
    chosen = clip[np.linspace(0, len(clip) - 1, count).round().astype(int)]
    return rearrange(chosen, "t h w c -> h (t w) c")


def write_clip(file: pathlib.Path, clip: np.ndarray) -> None:

    file.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(file, 25) as video:
        for image in np.broadcast_to(clip, (*clip.shape[:3], 3)):
            video.write(np.ascontiguousarray(image))
