"""Application of Flax modules."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn


def apply_network(
    network: nn.Module, variables: Mapping[str, Any], *args: Any, **kwargs: Any
) -> Any:
    """Call `network.apply`, with a return type that static type checkers accept.

    Args:
        network: The module.
        variables: Its variables.
        *args: Arguments of the method.
        **kwargs: Keyword arguments of the method and of `apply`.

    Returns:
        The outputs, and the changed variables if `mutable` is given.
    """
    return network.apply(variables, *args, **kwargs)
