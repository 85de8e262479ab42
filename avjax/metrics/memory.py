"""Whether a memory is in use, and what by."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy

from avjax.losses.memory import address_divergence
from avjax.metrics.base import Mean
from avjax.nn.memory import unit
from avjax.typing import Array

NEAREST = 5  # slots that a source may point at, and still be near


def slots_in_use(address: Array, weight: Array | None = None) -> Array:
    """How many slots a batch points at: perplexity of the mean over frames.

    [b t m], weight [b t], one where not given -> 1 to m.
    """
    weight = jnp.ones(address.shape[:2]) if weight is None else weight
    total = jnp.maximum(jnp.sum(weight), 1e-8)
    mean = jnp.sum(address * weight[..., None], axis=(0, 1)) / total
    return jnp.exp(-jnp.sum(xlogy(mean, mean)))


def share_within(codes: Array) -> Array:
    """The share of the variance of codes that lies within clips.  [b t d] -> 0 to 1.

    Lip codes near 0 tell who speaks, and not how the lips move.
    """
    within = jnp.sum(jnp.mean(jnp.var(codes, axis=1), axis=0))
    return within / jnp.maximum(jnp.sum(jnp.var(codes, axis=(0, 1))), 1e-12)


def bridge_figures(
    by_source: Array, by_target: Array, recalled: Array, real: Array, weight: Array
) -> Mapping[str, Mean]:
    """How well a source recalls what goes with it, over frames of weight [b t].

    by_source, by_target [b t m]; recalled, real [b t d].
    divergence          KL(target || source), in nats
    top1, top5          share of frames whose best slot by the target is the best by the
                        source, or among its five best
    cosine              of what is recalled with what is real
    shuffled_cosine     the same with another moment of another clip: what knowing
                        nothing of the moment gives
    slots_by_source,    how many are in use
    slots_by_target
    """
    best = jnp.argmax(by_target, axis=-1)[..., None]
    _, near = jax.lax.top_k(by_source, min(NEAREST, by_source.shape[-1]))
    away = 1, real.shape[1] // 2
    other, exists = (jnp.roll(x, away, axis=(0, 1)) for x in (real, weight))
    values = {
        "divergence": address_divergence(by_source, by_target),
        "top1": jnp.any(near[..., :1] == best, axis=-1),
        "top5": jnp.any(near == best, axis=-1),
        "cosine": jnp.sum(unit(recalled) * unit(real), axis=-1),
        "shuffled_cosine": jnp.sum(unit(recalled) * unit(other), axis=-1),
    }
    weights = {name: weight for name in values} | {"shuffled_cosine": weight * exists}
    means = {name: Mean.of(value, weights[name]) for name, value in values.items()}
    for side, address in (("source", by_source), ("target", by_target)):
        used = slots_in_use(address, weight)
        means[f"slots_by_{side}"] = Mean.of(used[None], jnp.any(weight > 0)[None])
    return means
