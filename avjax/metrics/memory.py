"""Use of a key-value memory: number of slots, agreement of addresses, recall."""

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy

from avjax.losses.memory import address_kl
from avjax.metrics.base import Mean
from avjax.nn.memory import l2_normalize
from avjax.typing import Array

TOP_SLOTS = 5  # slots that count for top-5 agreement


def effective_slots(address: Array, weight: Array | None = None) -> Array:
    """Compute how many slots a batch addresses: perplexity of the mean address.

    Args:
        address: Distributions over slots, [b t m].
        weight: Weight of each frame, [b t]; one by default.

    Returns:
        A number from 1 to m, [].
    """
    weight = jnp.ones(address.shape[:2]) if weight is None else weight
    total = jnp.maximum(jnp.sum(weight), 1e-8)
    mean = jnp.sum(address * weight[..., None], axis=(0, 1)) / total
    return jnp.exp(-jnp.sum(xlogy(mean, mean)))


def within_clip_variance(features: Array) -> Array:
    """Compute the fraction of the variance of features that lies within clips.

    Lip features with a fraction close to 0 encode the identity, not the lip motion.

    Args:
        features: Features of each frame, [b t d].

    Returns:
        The fraction in [0, 1], [].
    """
    variance_within = jnp.sum(jnp.mean(jnp.var(features, axis=1), axis=0))
    return variance_within / jnp.maximum(jnp.sum(jnp.var(features, axis=(0, 1))), 1e-12)


def bridging_metrics(
    source_address: Array,
    target_address: Array,
    recalled: Array,
    target: Array,
    weight: Array,
) -> dict[str, Mean]:
    """Measure how well a source recalls the target from the memory.

    Args:
        source_address: Addresses of the source, [b t m].
        target_address: Addresses of the target, [b t m].
        recalled: Features recalled by the source, [b t d].
        target: True features of the target, [b t d].
        weight: Weight of each frame, [b t].

    Returns:
        Means of
            divergence: KL(target || source) in nats.
            top1, top5: Fraction of frames in which the best slot of the target is the
                best slot of the source, or one of its five best.
            cosine: Cosine similarity of recalled and true features.
            shuffled_cosine: Cosine similarity to the true features of another moment
                of another clip, as a constant recall reaches it.
            slots_by_source, slots_by_target: Effective number of slots.
    """
    best = jnp.argmax(target_address, axis=-1)[..., None]
    _, top = jax.lax.top_k(source_address, min(TOP_SLOTS, source_address.shape[-1]))
    shift = 1, target.shape[1] // 2
    other, other_weight = (jnp.roll(x, shift, axis=(0, 1)) for x in (target, weight))
    values = {
        "divergence": address_kl(source_address, target_address),
        "top1": jnp.any(top[..., :1] == best, axis=-1),
        "top5": jnp.any(top == best, axis=-1),
        "cosine": _cosine(recalled, target),
        "shuffled_cosine": _cosine(recalled, other),
    }
    weights = dict.fromkeys(values, weight) | {"shuffled_cosine": weight * other_weight}
    means = {
        name: Mean.from_values(value, weights[name]) for name, value in values.items()
    }
    for side, address in (("source", source_address), ("target", target_address)):
        slots = effective_slots(address, weight)
        means[f"slots_by_{side}"] = Mean.from_values(
            slots[None], jnp.any(weight > 0)[None]
        )
    return means


def _cosine(first: Array, second: Array) -> Array:
    """Compute the cosine similarity of vectors, [... d], [... d] -> [...]."""
    return jnp.sum(l2_normalize(first) * l2_normalize(second), axis=-1)
