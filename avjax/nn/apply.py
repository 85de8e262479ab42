"""Application of Flax modules, and conversion of their learning rates."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from avjax.typing import Params

LOG_LR_SCALE = 50.0  # at a rate of 1e-4 a step of Adam changes an inner rate by 0.5 %


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


def to_log_lrs(lrs: Params) -> Params:
    """Convert inner learning rates to the parameters that are learned.

    Args:
        lrs: A tree of rates above 0.

    Returns:
        A tree of log(rate) / LOG_LR_SCALE, as the part inner_lrs stores it.
    """
    return jax.tree.map(lambda lr: jnp.log(lr) / LOG_LR_SCALE, lrs)


def from_log_lrs(params: Params) -> Params:
    """Invert `to_log_lrs`: params -> a tree of rates above 0; see `to_log_lrs`."""
    return jax.tree.map(lambda number: jnp.exp(LOG_LR_SCALE * number), params)
