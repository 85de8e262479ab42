"""Read clips in an Apache Beam pipeline: Dataflow, Flink, Spark, or this machine.

It needs the extra `avjax[beam]`. All workers must see the folders of the recordings and
of the corpus, and avjax must be installed there.
"""

import contextlib
import functools
import importlib
import itertools
import pathlib
import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from avjax.data.builders.workers import MapClips
from avjax.data.footage.pickles import read_pickle, write_pickle
from avjax.errors import InputError


@contextlib.contextmanager
def beam_map(options: str, folder: pathlib.Path) -> Iterator[MapClips]:
    """Open a function like `map` that runs one pipeline for each call.

    Args:
        options: Options of the pipeline, separated by commas, as
            "runner=DataflowRunner,project=NAME,region=NAME".
        folder: Where workers write their results, for this process to read.

    Yields:
        The function; it keeps the order.

    Raises:
        InputError: Apache Beam is not installed, or an option is invalid.
    """
    try:
        beam = importlib.import_module("apache_beam")  # the package is optional
        options_module = importlib.import_module("apache_beam.options.pipeline_options")
    except ImportError as error:
        raise InputError(
            "Apache Beam is not installed; pip install 'avjax[beam]' installs it"
        ) from error
    flags = [f"--{option.strip()}" for option in options.split(",")]
    if unnamed := [flag for flag in flags if "=" not in flag]:
        raise InputError(
            f"{unnamed[0][2:]!r} is not an option of a pipeline, as runner=DirectRunner"
        )
    calls = itertools.count()

    def run(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        results = folder / f"{next(calls)}"
        results.mkdir(exist_ok=True)
        stored = [(number, pickle.dumps(item)) for number, item in enumerate(items)]
        with beam.Pipeline(options=options_module.PipelineOptions(flags)) as pipeline:
            _ = (
                pipeline
                | beam.Create(stored)
                | beam.Reshuffle()
                | beam.Map(functools.partial(_call, pickle.dumps(function), results))
            )
        return (read_pickle(results / str(number)) for number, _ in stored)

    yield run


def _call(function: bytes, results: pathlib.Path, numbered: tuple[int, bytes]) -> None:
    """Call a function, and write what it returns. Runs in a process of the pipeline."""
    number, item = numbered
    write_pickle(results / str(number), pickle.loads(function)(pickle.loads(item)))
