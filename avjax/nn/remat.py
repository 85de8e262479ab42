"""Rematerialisation: less memory for activations, at the cost of computing them twice.

A config names the stages in its field `remat`. The backward pass then computes the
activations inside of such a stage again, one stage at a time, instead of keeping those
of all stages since the forward pass. The numbers are the same.

Source   Chen et al., 2016, "Training Deep Nets with Sublinear Memory Cost"
"""

from typing import TypeVar

import flax.linen as nn

Network = TypeVar("Network", bound=nn.Module)


def rematerialise(
    network: type[Network], enabled: bool, static: int | None = None
) -> type[Network]:
    """Return a class of modules whose activations are not kept.

    Args:
        network: A class of modules.
        enabled: False: the class itself is returned.
        static: Position of the argument `train` of its `__call__`; `self` has 0.

    Returns:
        The class, with the same parameters and results.
    """
    if not enabled:
        return network
    return nn.remat(network, static_argnums=() if static is None else (static,))
