"""Convert published weights to a folder of avjax weights."""

import dataclasses
import pathlib
import warnings
from collections.abc import Mapping

from avjax import weights
from avjax.convert.open_file import wrap_file_errors
from avjax.convert.recognition import identify, strip_wrappers
from avjax.convert.registry import NETWORKS, convert_part
from avjax.convert.tensors import Tensor
from avjax.errors import InputError
from avjax.models.bridging import BridgingConfig
from avjax.text.normalization import read_text
from avjax.typing import PathLike

OWN_PREFIXES = "params/", "stats/"  # of the arrays in a weights folder


def write_weights(
    folder: PathLike,
    source: PathLike,
    tensors: Mapping[str, Tensor],
    name: str | None = None,
    words: PathLike | None = None,
) -> str:
    """Convert the tensors of a published file and write them as a weights folder.

    Args:
        folder: The folder to write.
        source: The file that the tensors are from.
        tensors: The tensors, from `open_tensors`.
        name: Name of the network, a key of `avjax.convert.registry.NETWORKS`. None: it
            is recognised.
        words: A text file with the words that a lip reader knows, one per line.

    Returns:
        The name of the network.

    Raises:
        InputError: The tensors are not those of a known network, or a file cannot be
            read or written.
    """
    if tensors and all(key.startswith(OWN_PREFIXES) for key in tensors):
        raise InputError(
            f"{source} was written by avjax, but convert reads PyTorch weights; "
            "commands take weights of avjax by their name or folder"
        )
    stripped = strip_wrappers(tensors)
    shapes = {key: tensor.shape for key, tensor in stripped.items()}
    found = identify(shapes, name)
    name, config = found.name, found.config
    inner = {
        key.removeprefix(found.prefix): tensor
        for key, tensor in stripped.items()
        if key.startswith(found.prefix)
    }
    if found.others:
        places = " and ".join(prefix.rstrip(".") for prefix in found.others)
        warnings.warn(
            f"{source} holds the network also as {places or 'the whole file'}; "
            f"{found.prefix.rstrip('.') or 'the whole file'} was converted",
            stacklevel=2,
        )
    if words is not None:
        config = _with_words(config, words, name)
    network = NETWORKS[name]
    with wrap_file_errors(source):
        variables = {
            part_name: convert_part(part, inner)
            for part_name, part in network.parts.items()
        }
    params, stats = (
        {
            part: trees[collection]
            for part, trees in variables.items()
            if collection in trees
        }
        for collection in ("params", "batch_stats")
    )
    card = f"Converted from {pathlib.Path(source).name}, a published {name} network.\n"
    weights.save(folder, params, stats, config, system=network.system, card=card)
    return name


def _with_words(config: object, words: PathLike, name: str) -> BridgingConfig:
    """Name the words of a lip reader, which published files only number."""
    if not isinstance(config, BridgingConfig):
        raise InputError(f"{name} is not a lip reader, so it takes no list of words")
    lines = map(str.strip, read_text(words).splitlines())
    names = tuple(filter(None, lines))
    if len(set(names)) != len(config.symbols) or len(names) != len(set(names)):
        raise InputError(
            f"{words} must list {len(config.symbols)} different words, one per line; "
            f"it has {len(names)} lines"
        )
    return dataclasses.replace(config, symbols=names)
