"""Published weights, written as ours."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping

from avjax import weights
from avjax.convert import registry as networks
from avjax.convert.open_file import reading
from avjax.convert.tensors import Tensor
from avjax.errors import InputError
from avjax.media.files import refusing
from avjax.models.bridging import BridgingConfig

Path = str | os.PathLike


def write(
    folder: Path,
    source: Path,
    tensors: Mapping[str, Tensor],
    name: str | None = None,
    words: Path | None = None,
) -> str:
    """Writes a folder of weights from what files.tensors found -> what network it is.

    source  the file that the tensors are in
    name    of the network, one of networks.NETWORKS; without, it is found out
    words   a file of the words that a reader knows, one a line

    Raises InputError, one clear sentence, for what cannot be used.
    """
    named = networks.plainly_named(tensors)
    shapes = {key: tensor.shape for key, tensor in named.items()}
    name, config = networks.recognised(shapes, name)
    if words is not None:
        config = with_words(config, words, name)
    network = networks.NETWORKS[name]
    with reading(source):
        found = {
            part: networks.variables(tables, named)
            for part, tables in network.parts.items()
        }
    params, stats = (
        {part: trees[kind] for part, trees in found.items() if kind in trees}
        for kind in ("params", "batch_stats")
    )
    card = f"Converted from {pathlib.Path(source).name}, a published {name}.\n"
    weights.save(folder, params, stats, config, system=network.system, card=card)
    return name


def with_words(config: object, words: Path, name: str) -> BridgingConfig:
    """The config of a reader that knows its words by more than their numbers."""
    if not isinstance(config, BridgingConfig):
        raise InputError(f"{name} reads no words, so it takes no list of them")
    with refusing(words, "read"):
        text = pathlib.Path(words).read_bytes().decode("utf-8", "replace")
    listed = tuple(line.strip() for line in text.splitlines() if line.strip())
    if len(set(listed)) != len(config.symbols) or len(listed) != len(set(listed)):
        wanted = f"{len(config.symbols)} different words"
        raise InputError(f"{words} has {len(listed)} lines, where {wanted} are wanted")
    return dataclasses.replace(config, symbols=listed)
