"""Recognise which published network a file holds, by its tensors."""

import collections
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from avjax.convert.registry import (
    NETWORKS,
    PublishedNetwork,
    Shapes,
    published_shapes,
)
from avjax.convert.tensors import Tensor
from avjax.errors import InputError

MAX_KEYS_IN_MESSAGE = 3  # of each kind of mismatch
MAX_WRAPPERS = 12  # dicts and modules around a network
MAX_PLACES = 16  # at which a network is, or may be
# Parts of keys that are added by DataParallel, torch.compile and pickled modules.
WRAPPERS = re.compile(
    r"(?:^|(?<=\.))(?:module|_orig_mod|_modules|_parameters|_buffers)\."
)
# Averaged weights are preferred: they are made to be used.
AVERAGED = re.compile(r"(?:^|[._])ema(?:[._]|$)")


class FoundNetwork(NamedTuple):
    """A published network in a file.

    Attributes:
        name: Its name, a key of `NETWORKS`.
        config: Our config for it.
        prefix: Start of the keys of its tensors, such as "state_dict."; may be empty.
        others: Prefixes of the same network with other numbers.
    """

    name: str
    config: Any
    prefix: str = ""
    others: tuple[str, ...] = ()


def strip_wrappers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Remove what PyTorch's wrappers of modules add to the keys of tensors.

    Args:
        tensors: {key: tensor} of a file.

    Returns:
        {key without wrappers: tensor}.

    Raises:
        InputError: Two tensors have the same key without wrappers.
    """
    stripped = {}
    for key, tensor in tensors.items():
        name = WRAPPERS.sub("", key)
        if name in stripped:
            raise InputError(f"the file holds the tensor {name[:80]!r} twice")
        stripped[name] = tensor
    return stripped


def identify(shapes: Shapes, name: str | None) -> FoundNetwork:
    """Find the published network that has tensors of these shapes.

    It may be in dicts or modules of any name, whose names are the start of its keys.

    Args:
        shapes: {key: shape} of the file, keys without wrappers.
        name: The name of the network. None: the most similar one.

    Returns:
        The network, and where it is.

    Raises:
        InputError: No network matches; the message lists missing, unexpected and
            misshapen tensors.
    """
    if name is not None and name not in NETWORKS:
        raise InputError(f"there is no network {name!r}; known are {_known_names()}")
    name, prefixes = _closest_network(shapes, [name] if name else list(NETWORKS))
    network, inner = NETWORKS[name], _inside(shapes, prefixes[0])
    config = network.make_config(inner)
    expected, found = published_shapes(network, config), _relevant(network, inner)
    problems = [
        _list_keys("missing are", [key for key in expected if key not in found]),
        _list_keys("unexpected are", [k[:80] for k in found if k not in expected]),
        _list_keys("of another shape are", _misshapen(found, expected)),
    ]
    if any(problems):
        text = "; ".join(filter(None, problems))
        raise InputError(f"the file is not a {name} network: {text}")
    return FoundNetwork(name, config, prefixes[0], tuple(prefixes[1:]))


def _closest_network(shapes: Shapes, names: Sequence[str]) -> tuple[str, list[str]]:
    """Find the network with the most similar tensors: -> its name, its prefixes.

    InputError if there is none.
    """
    places = {
        (name, prefix): difference
        for name in names
        for prefix, difference in _differences(NETWORKS[name], shapes).items()
    }
    if not places and len(names) == 1:
        return names[0], [""]
    if not places:
        raise InputError(f"the file holds no known network; known are {_known_names()}")
    smallest = min(places.values())
    closest = [place for place in places if places[place] == smallest]
    if len(closest) > 1:
        closest = closest[:MAX_PLACES]
        misshapen = {place: _num_misshapen(*place, shapes) for place in closest}
        fewest = min(misshapen.values())
        closest = [place for place in closest if misshapen[place] == fewest]
    name = closest[0][0]
    prefixes = [prefix for other, prefix in closest if other == name]
    return name, sorted(prefixes, key=lambda prefix: not AVERAGED.search(prefix))


def _differences(network: PublishedNetwork, shapes: Shapes) -> dict[str, int]:
    """Count the keys that differ, for each prefix with at least one key in common."""
    keys, common, total = network.keys, collections.Counter(), collections.Counter()
    for key in shapes:
        parts = key.split(".", MAX_WRAPPERS)
        for number in range(len(parts)):
            prefix = "".join(f"{part}." for part in parts[:number])
            rest = ".".join(parts[number:])
            common[prefix] += rest in keys
            total[prefix] += not rest.startswith(network.ignored_prefixes)
    return {
        prefix: len(keys) + total[prefix] - 2 * count
        for prefix, count in common.items()
        if count
    }


def _inside(shapes: Shapes, prefix: str) -> Shapes:
    """Select the tensors whose keys start with a prefix, and remove it."""
    return {
        key.removeprefix(prefix): shape
        for key, shape in shapes.items()
        if key.startswith(prefix)
    }


def _num_misshapen(name: str, prefix: str, shapes: Shapes) -> int:
    network, inner = NETWORKS[name], _inside(shapes, prefix)
    return len(_misshapen(inner, published_shapes(network, network.make_config(inner))))


def _relevant(network: PublishedNetwork, shapes: Shapes) -> Shapes:
    """Drop the tensors that the file may hold in addition to the network."""
    return {
        key: shape
        for key, shape in shapes.items()
        if not key.startswith(network.ignored_prefixes)
    }


def _misshapen(actual: Shapes, expected: Shapes) -> list[str]:
    """List the tensors whose shape is not the expected one."""
    return [
        f"{key} {list(actual[key])} instead of {list(shape)}"
        for key, shape in expected.items()
        if key in actual and actual[key] != shape
    ]


def _list_keys(heading: str, keys: list[str]) -> str:
    """List the first keys after a heading; return "" if there are none."""
    if not keys:
        return ""
    num_hidden = len(keys) - MAX_KEYS_IN_MESSAGE
    ending = f" and {num_hidden} more" if num_hidden > 0 else ""
    return f"{heading} {', '.join(keys[:MAX_KEYS_IN_MESSAGE])}{ending}"


def _known_names() -> str:
    return ", ".join(NETWORKS)
