"""Training of a small denoiser with self-supervised tasks."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from avjax.algorithms.meta_sgd import Adaptation, adapt, constant_lrs, split_by_name
from avjax.compilation import cpu_options
from avjax.data.corruptions import CameraNoise, MixedNoise
from avjax.train.ablations.studies.auxiliary_tasks import (
    CROP_SIZE,
    SelfSupervisedTask,
    published_with_mask,
    true_error,
)
from avjax.typing import Array, Key, Params

BATCH_SIZE = 4
HEADS = "primary", "auxiliary", "feature_head"
TRAIN_NOISE = MixedNoise(), CameraNoise("dnd", jpeg_quality=(60, 95))

Pairs = tuple[Array, Array]  # noisy and clean crops, [b h w c=3]
TrainLoss = Callable[[Any, Array, Array, Key], Array]


def joint_loss(task: SelfSupervisedTask | None) -> TrainLoss:
    """Make the sum of the true error and the loss of a task."""

    def loss(params: Params, noisy: Array, clean: Array, key: Key) -> Array:
        error = true_error(params, noisy, clean)(params)
        return error + (task(params, noisy, key)(params) if task else 0)

    return loss


def meta_loss(params: Any, noisy: Array, clean: Array, key: Key) -> Array:
    """Compute the true error after two steps of the published task on each crop."""
    plan = Adaptation(steps=2, learning_rate=0.05)
    restorer, mask_net = params

    def error_of_crop(pair: Pairs) -> Array:
        image, target = (x[None] for x in pair)
        heads, _ = split_by_name(restorer, HEADS)
        rates = constant_lrs(heads, plan)
        loss = published_with_mask(mask_net, restorer, image)
        adapted = adapt(loss, heads, rates, plan).params
        return true_error(restorer, image, target)(adapted)

    return jnp.mean(jax.lax.map(error_of_crop, (noisy, clean)))


def train(
    loss: TrainLoss,
    params: Any,
    pictures: Sequence[np.ndarray],
    steps: int,
    rate: float,
    seed: int,
) -> Any:
    """Train parameters with Adam on the training noise.

    Args:
        loss: The loss.
        params: Initial parameters.
        pictures: Clean pictures.
        steps: Number of steps.
        rate: Learning rate, which decays to 0.
        seed: Seed of the batches and of the loss.

    Returns:
        The trained parameters.
    """
    optimizer = optax.adam(optax.cosine_decay_schedule(rate, steps))
    rng = np.random.default_rng(seed)

    def step(params: Any, state: Any, noisy: Array, clean: Array, key: Key) -> Any:
        grads = jax.grad(loss)(params, noisy, clean, key)
        updates, state = optimizer.update(grads, state)
        return optax.apply_updates(params, updates), state

    compiled = jax.jit(step, compiler_options=cpu_options())
    state = optimizer.init(params)
    for number in range(steps):
        batch = make_pairs(pictures, TRAIN_NOISE, BATCH_SIZE, rng)
        key = jax.random.fold_in(jax.random.key(seed), number)
        params, state = jax.block_until_ready(compiled(params, state, *batch, key))
    return params


def make_pairs(
    pictures: Sequence[np.ndarray],
    noises: Sequence[Any],
    count: int,
    rng: np.random.Generator,
) -> Pairs:
    """Crop pictures at random and add noise of a random kind."""

    clean = [
        random_crop(pictures[int(rng.integers(len(pictures)))], rng)
        for _ in range(count)
    ]
    noisy = [noises[int(rng.integers(len(noises)))].add(image, rng) for image in clean]
    return jnp.asarray(np.stack(noisy)), jnp.asarray(np.stack(clean))


def random_crop(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Crop a square at random."""
    top, left = (rng.integers(side - CROP_SIZE + 1) for side in image.shape[:2])
    return image[top : top + CROP_SIZE, left : left + CROP_SIZE]
