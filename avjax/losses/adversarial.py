"""What a critic's opinion costs, and whom.  Logits in, one number per logit out."""

import jax

from avjax.typing import Array


def passed_as_real(logits: Array) -> Array:
    """-log D: small where the critic takes the thing for real.  [...] -> [...].

    For the critic over real things, and for the generator over its own.
    """
    return jax.nn.softplus(-logits)  # synctalkface (10), cals (9)


def seen_as_fake(logits: Array) -> Array:
    """-log (1 - D): small where the critic sees that it is not.  [...] -> [...]"""
    return jax.nn.softplus(logits)
