"""Fit a memory of lip features to codes of frames, and the fusion that reads it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.cluster.vq import kmeans2

from avjax.losses.memory import address_kl, memory_reconstruction_loss
from avjax.metrics.memory import effective_slots
from avjax.nn.apply import apply_network
from avjax.nn.memory import KeyValueMemory, cosine_to_slots, l2_normalize
from avjax.typing import Array, Params

RIDGE = 1e-2  # of the mean variance of the lip codes
STEPS = 6000  # of the training of the memory; random slots need more than 2000
FRAMES, LEARNING_RATE = 512, 3e-3


class Codes(NamedTuple):
    """Codes of training frames.

    Attributes:
        audio: Audio embeddings, [n d].
        lips: Lip codes of the sync expert, [n e].
    """

    audio: Array
    lips: Array


def start_memory(
    codes: Codes,
    num_slots: int,
    kappa: float,
    seed: int,
    is_random: bool,
    steps: int = STEPS,
) -> tuple[Params, Params]:
    """Make a memory of lip features, and the fusion that reads it.

    Args:
        codes: Codes of training frames.
        num_slots: Number of slots, m.
        kappa: Inverse temperature of the addresses.
        seed: Seed of k-means, of random slots and of the training.
        is_random: Start from random slots.
        steps: Number of steps of the training.

    Returns:
        Parameters of the memory before and after its training.
    """
    audio_mean, lip_mean = codes.audio.mean(0), codes.lips.mean(0)
    audio, lips = codes.audio - audio_mean[None], codes.lips - lip_mean[None]
    gram = lips.T @ lips
    ridge = RIDGE * jnp.trace(gram) / len(gram) * jnp.eye(len(gram))
    to_value = jnp.linalg.solve(gram + ridge, lips.T @ audio)
    features = lips @ to_value
    error = jnp.sum((features - audio) ** 2) / jnp.sum(audio**2)
    print(f"variance of audio embeddings explained by lips: {1 - error:.2f}")
    rng = np.random.default_rng(seed)
    shape = num_slots, audio.shape[1]
    if is_random:
        keys, values = (rng.normal(0, 0.5, shape).astype(np.float32) for _ in range(2))
    else:
        unit = np.asarray(l2_normalize(features), np.float64)
        centres, _ = kmeans2(unit, num_slots, iter=20, minit="++", rng=rng)
        values = l2_normalize(jnp.asarray(centres, jnp.float32))
        values = values * jnp.mean(jnp.linalg.norm(features, axis=-1))
        address = jax.nn.softmax(kappa * cosine_to_slots(features, values))
        keys = address.T @ audio / (address.sum(0)[:, None] + 1e-6)
    start = {
        "keys": jnp.asarray(keys),
        "values": jnp.asarray(values),
        "to_key": {"kernel": jnp.eye(shape[1]), "bias": -audio_mean},
        "to_value": {"kernel": to_value, "bias": -lip_mean @ to_value},
    }
    memory = KeyValueMemory(num_slots, shape[1], kappa)
    return start, train_memory(memory, start, codes, seed, steps)


def train_memory(
    memory: KeyValueMemory, params: Params, codes: Codes, seed: int, steps: int
) -> Params:
    """Train keys, values and the projection of audio by the losses of the memory.

    Args:
        memory: The memory.
        params: Its parameters.
        codes: Codes of training frames.
        seed: Seed of the batches.
        steps: Number of steps.

    Returns:
        The trained parameters; `to_value` stays as it is.
    """
    optimizer = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, steps))

    def loss(trained: Params, batch: Codes) -> tuple[Array, dict[str, Array]]:
        variables = {"params": {**params, **trained}}
        stored, by_lips, target = apply_network(
            memory, variables, batch.lips, method="store"
        )
        by_audio = apply_network(memory, variables, batch.audio, method="address")
        store = jnp.mean(memory_reconstruction_loss(stored, target))
        align = jnp.mean(address_kl(by_audio, by_lips))
        recalled = apply_network(memory, variables, by_audio, method="read")
        logs = {
            "store": store / jnp.mean(jnp.var(target, axis=0)),
            "recall": jnp.mean((recalled - target) ** 2)
            / jnp.mean(jnp.var(target, axis=0)),
            "align": align,
            "slots_by_lips": effective_slots(by_lips[None]),
            "slots_by_audio": effective_slots(by_audio[None]),
        }
        return store / jnp.mean(jnp.var(target, axis=0)) + align, logs

    def step(carry: Any, key: Any) -> tuple[Any, Any]:
        trained, state = carry
        rows = jax.random.randint(key, (FRAMES,), 0, len(codes.audio))
        batch = Codes(codes.audio[rows], codes.lips[rows])
        grads, logs = jax.grad(loss, has_aux=True)(trained, batch)
        updates, state = optimizer.update(grads, state)
        return (optax.apply_updates(trained, updates), state), logs

    trained = {name: params[name] for name in ("keys", "values", "to_key")}
    keys = jax.random.split(jax.random.key(seed), steps)
    scan = jax.jit(lambda carry: jax.lax.scan(step, carry, keys))
    (trained, _), logs = scan((trained, optimizer.init(trained)))
    for row in (0, -1):
        print({name: round(float(values[row]), 3) for name, values in logs.items()})
    return {**params, **trained}


def mixing_fusion(audio: Array, recalled: Array) -> Params:
    """Make the fusion that takes the mean of two features.

    Recalled features are averages, so that they vary less than audio embeddings. They
    are scaled to the same variance.

    Args:
        audio: Audio embeddings of training frames, [n d].
        recalled: What they recall, [n d].

    Returns:
        Parameters of `Fusion`.
    """
    variances = [jnp.sum(jnp.var(codes, axis=0)) for codes in (audio, recalled)]
    half = jnp.eye(audio.shape[1]) / 2
    scaled = half * jnp.sqrt(variances[0] / variances[1])
    bias = (audio / 2 - recalled @ scaled).mean(0)
    return {"proj": {"kernel": jnp.concatenate([half, scaled]), "bias": bias}}


def recall(memory: KeyValueMemory, params: Params, audio: Array) -> Array:
    """Read a memory by audio embeddings, [n d] -> [n d]."""
    address = apply_network(memory, {"params": params}, audio, method="address")
    return apply_network(memory, {"params": params}, address, method="read")
