"""Adversarial losses: binary cross-entropy of a discriminator's logits."""

import jax

from avjax.typing import Array


def bce_real(logits: Array) -> Array:
    """Compute the binary cross-entropy against the label "real", -log D.

    The discriminator minimises it on real frames, the generator on its own frames
    (the non-saturating generator loss).

    Args:
        logits: Logits of the discriminator, [...].

    Returns:
        One loss per logit, [...].
    """
    return jax.nn.softplus(-logits)  # synctalkface (10), cals (9)


def bce_fake(logits: Array) -> Array:
    """Compute the binary cross-entropy against the label "fake", -log (1 - D).

    Args:
        logits: Logits of the discriminator, [...].

    Returns:
        One loss per logit, [...].
    """
    return jax.nn.softplus(logits)
