"""Where numbers and images of a run are shown: TensorBoard, and Weights & Biases."""

import hashlib
import importlib
import importlib.util
import os
import pathlib
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorboardX


class MetricSink(Protocol):
    """One place to which the metrics of a run are written."""

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write finite numbers of one step.

        Args:
            step: The step.
            numbers: `{name: number}`.
        """
        ...

    def write_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Write an image.

        Args:
            step: The step.
            name: Name of the image.
            image: u8 [h w c].
        """
        ...

    def close(self) -> None:
        """Write what is still in memory."""
        ...


class TensorBoard:
    """Event files in the folder of a run. See `MetricSink` for the methods."""

    def __init__(self, folder: pathlib.Path, first: int):
        """Open an event file.

        Args:
            folder: Folder of the run.
            first: Last finished step; later entries are hidden.
        """
        purge_step = first + 1 if first else None
        self._writer = tensorboardX.SummaryWriter(str(folder), purge_step=purge_step)

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write numbers; see `MetricSink.write`."""
        for name, number in numbers.items():
            self._writer.add_scalar(name, number, step)

    def write_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Write an image; see `MetricSink.write_image`."""
        self._writer.add_image(name, image, step, dataformats="HWC")

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


class WeightsAndBiases:
    """A run of Weights & Biases. See `MetricSink` for the methods."""

    def __init__(self, folder: pathlib.Path):
        """Start the run, or continue it.

        Project, entity and mode are those of its environment variables. The place of
        the folder identifies the run.

        Args:
            folder: Folder of the run; its name is the name of the run.
        """
        self._wandb: Any = importlib.import_module("wandb")
        place = str(folder.absolute())
        self._run = self._wandb.init(
            name=folder.absolute().name,
            id=hashlib.sha256(place.encode()).hexdigest()[:16],
            dir=place,
            resume="allow",
        )

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write numbers; see `MetricSink.write`."""
        self._run.log(dict(numbers), step=step)

    def write_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Write an image; see `MetricSink.write_image`."""
        self._run.log({name: self._wandb.Image(image)}, step=step)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


def open_sinks(folder: pathlib.Path, first: int) -> list[MetricSink]:
    """Open TensorBoard, and Weights & Biases where it is wanted.

    Args:
        folder: Folder of the run.
        first: Last finished step; 0 for a new run.

    Returns:
        The sinks. Weights & Biases is one of them if the package `wandb` is installed
        and the environment variable WANDB_PROJECT is set.
    """
    sinks: list[MetricSink] = [TensorBoard(folder, first)]
    if os.environ.get("WANDB_PROJECT") and importlib.util.find_spec("wandb"):
        sinks.append(WeightsAndBiases(folder))
    return sinks
