"""Recognise which published network a file holds, by its tensors."""

import re
from collections.abc import Mapping
from typing import Any

from avjax.convert.registry import (
    NETWORKS,
    PublishedNetwork,
    Shapes,
    published_shapes,
)
from avjax.convert.tensors import Tensor
from avjax.errors import InputError

MAX_KEYS_IN_MESSAGE = 3  # of each kind of mismatch
STATE_DICT = "state_dict."  # prefix of a network's keys if the file holds other things
WRAPPERS = re.compile(r"(?:state_dict\.)?(\w+_state_dict\.)?(?:module\.)?")


def strip_wrappers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Remove the prefixes that PyTorch's wrappers add to the keys of a network.

    If some keys are in a `state_dict`, the other tensors are not part of the network.

    Args:
        tensors: {key: tensor} of a file.

    Returns:
        {key without wrappers: tensor}.

    Raises:
        InputError: Two tensors have the same key without wrappers.
    """
    inner = {key: tensors[key] for key in tensors if key.startswith(STATE_DICT)}
    stripped = {}
    for key, tensor in (inner or tensors).items():
        name = WRAPPERS.sub(r"\1", key, count=1)
        if name in stripped:
            raise InputError(f"the file holds the tensor {name[:80]!r} twice")
        stripped[name] = tensor
    return stripped


def identify(shapes: Shapes, name: str | None) -> tuple[str, Any]:
    """Find the published network that has tensors of these shapes.

    Args:
        shapes: {key: shape} of the file, keys without wrappers.
        name: The name of the network. None: the most similar one.

    Returns:
        The name of the network, and our config for it.

    Raises:
        InputError: No network matches; the message lists missing, unexpected and
            misshapen tensors.
    """
    if name is None:
        name = _closest_network(shapes)
    elif name not in NETWORKS:
        raise InputError(f"there is no network {name!r}; known are {_known_names()}")
    network = NETWORKS[name]
    config = network.make_config(shapes)
    expected, found = published_shapes(network, config), _relevant(network, shapes)
    problems = [
        _list_keys("missing are", [key for key in expected if key not in found]),
        _list_keys("unexpected are", [k[:80] for k in found if k not in expected]),
        _list_keys("of another shape are", _misshapen(found, expected)),
    ]
    if any(problems):
        text = "; ".join(filter(None, problems))
        raise InputError(f"the file is not a {name} network: {text}")
    return name, config


def _closest_network(shapes: Shapes) -> str:
    """Name of the network with the most similar tensors; InputError if none is."""
    keys = {name: network.keys for name, network in NETWORKS.items()}
    if not any(keys[name] & shapes.keys() for name in keys):
        raise InputError(f"the file holds no known network; known are {_known_names()}")
    differences = {
        name: len(keys[name] ^ _relevant(network, shapes).keys())
        for name, network in NETWORKS.items()
    }
    smallest = min(differences.values())
    closest = [name for name in differences if differences[name] == smallest]
    if len(closest) == 1:
        return closest[0]
    return min(closest, key=lambda name: _num_misshapen(name, shapes))


def _num_misshapen(name: str, shapes: Shapes) -> int:
    network = NETWORKS[name]
    return len(
        _misshapen(shapes, published_shapes(network, network.make_config(shapes)))
    )


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
