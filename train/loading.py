"""Batches for this host: from a corpus on disk, or from a loader that makes its own."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import jax

from avjax.data import loader as pipeline

Batches = Iterator[Mapping[str, Any]]


class OwnLoader(Protocol):
    """A frozen dataclass of plain values that knows itself how it becomes batches."""

    def batches(self, host: int, hosts: int) -> Batches:
        """This host's share, without end: a Grain iterator (get_state, set_state)."""

    def one_pass(self, host: int, hosts: int) -> Batches:
        """Everything once; the last batch filled up with examples of weight 0."""


Loader = pipeline.Loader | OwnLoader


def batches(loader: Loader) -> Batches:
    """What this process trains on."""
    host, hosts = jax.process_index(), jax.process_count()
    if isinstance(loader, pipeline.Loader):
        return pipeline.batches(loader, host, hosts)
    return loader.batches(host, hosts)


def one_pass(loader: Loader) -> Batches:
    """What this process evaluates on."""
    host, hosts = jax.process_index(), jax.process_count()
    if isinstance(loader, pipeline.Loader):
        return pipeline.one_pass(loader, host, hosts)
    return loader.one_pass(host, hosts)


def peek(data: Batches) -> Mapping[str, Any]:
    """The next batch, which stays the next."""
    place = data.get_state()
    example = next(data)
    data.set_state(place)
    return example
