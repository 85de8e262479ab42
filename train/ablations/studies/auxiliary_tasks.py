"""Self-supervised tasks that could adapt the heads of a denoiser to an image.

A task is a function (params, noisy, key) -> loss. The loss is a function of the heads
alone; the features of the body are computed before.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from avjax.models.denoiser import (
    DenoiserConfig,
    MaskNet,
    ReconstructionHead,
    RestorationNet,
    RestorationOutputs,
)
from avjax.nn.apply import apply_network
from avjax.nn.warp import halve
from avjax.typing import Array, Key, Params

CONFIG = DenoiserConfig(
    "reconstruction", base_channels=8, channel_step=4, mask_channels=8
)
NETWORK = RestorationNet(CONFIG)
FEATURE_HEAD = ReconstructionHead(CONFIG.base_channels)  # of the task on features
CROP_SIZE = 48  # pixels
MASK_FRACTION = 1 / 16

Loss = Callable[[Params], Array]
SelfSupervisedTask = Callable[[Params, Array, Key], Loss]


def init_params(key: Key) -> Params:
    """Initialise the body and the three heads."""
    image = jnp.zeros((1, CROP_SIZE, CROP_SIZE, 3))
    features = jnp.zeros((1, CROP_SIZE, CROP_SIZE, CONFIG.base_channels + 3))
    head = FEATURE_HEAD.init(key, features)
    return {**NETWORK.init(key, image)["params"], "feature_head": head["params"]}


class BodyFeatures:
    """The features of images, which do not depend on the heads."""

    def __init__(self, params: Params, images: Array):
        """Compute the features.

        Args:
            params: Parameters with the body.
            images: [b h w c=3].
        """
        self.images = images
        body = {"params": {"body": params["body"]}}
        self.features = apply_network(NETWORK, body, images, method="features")

    def restore(self, heads: Params) -> RestorationOutputs:
        """Restore the images with some heads."""
        return apply_network(
            NETWORK, {"params": heads}, self.features, self.images, method="restore"
        )


def reconstruct(heads: Params, restored: RestorationOutputs) -> Array:
    """Reconstruct the noisy images with the second head."""
    variables = {"params": heads}
    return apply_network(NETWORK, variables, restored, method="reconstruct")


def mean_l1(pred: Array, target: Array) -> Array:
    """Compute the mean absolute error."""
    return jnp.mean(jnp.abs(pred - target))


def published(params: Params, noisy: Array, key: Key) -> Loss:
    """Reconstruct the noisy image from the clean image and the residual."""
    body = BodyFeatures(params, noisy)
    return lambda heads: mean_l1(reconstruct(heads, body.restore(heads)), noisy)


def features_and_residual(params: Params, noisy: Array, key: Key) -> Loss:
    """Reconstruct the noisy image from features and residual, not the clean image."""
    body = BodyFeatures(params, noisy)

    def loss(heads: Params) -> Array:
        parts = jnp.concatenate([body.features, body.restore(heads).residual], axis=-1)
        variables = {"params": heads["feature_head"]}
        return mean_l1(apply_network(FEATURE_HEAD, variables, parts), noisy)

    return loss


def masked_pixels(params: Params, noisy: Array, key: Key, block: int = 1) -> Loss:
    """Predict masked blocks, which are replaced by their diagonal neighbours."""
    b, h, w, _ = noisy.shape
    shape = b, -(-h // block), -(-w // block), 1
    is_masked = jax.random.bernoulli(key, MASK_FRACTION, shape).astype(jnp.float32)
    mask = jnp.repeat(jnp.repeat(is_masked, block, 1), block, 2)[:, :h, :w]
    shifted = jnp.roll(noisy, (block, block), (1, 2))
    body = BodyFeatures(params, jnp.where(mask > 0, shifted, noisy))

    def loss(heads: Params) -> Array:
        error = jnp.abs(body.restore(heads).clean - noisy) * mask
        return jnp.sum(error) / (3 * jnp.sum(mask) + 1)

    return loss


def neighbours(params: Params, noisy: Array, key: Key, gap: int = 1) -> Loss:
    """Predict every second pixel from its diagonal neighbours, in both directions."""
    stride = 2 * gap
    first, second = noisy[:, ::stride, ::stride], noisy[:, gap::stride, gap::stride]
    bodies = BodyFeatures(params, first), BodyFeatures(params, second)

    def loss(heads: Params) -> Array:
        clean = [body.restore(heads).clean for body in bodies]
        return (mean_l1(clean[0], second) + mean_l1(clean[1], first)) / 2

    return loss


def half_size(params: Params, noisy: Array, key: Key) -> Loss:
    """Match the clean image at half the size, where there is less noise."""
    body, small = BodyFeatures(params, noisy), BodyFeatures(params, halve(noisy))
    target = jax.lax.stop_gradient(small.restore(params).clean)
    return lambda heads: mean_l1(halve(body.restore(heads).clean), target)


def shifted_noise(params: Params, noisy: Array, key: Key) -> tuple[Array, Array]:
    """Return the estimated clean image, and the estimated noise of another place."""
    restored = jax.lax.stop_gradient(BodyFeatures(params, noisy).restore(params))
    shift = jax.random.randint(key, (2,), CROP_SIZE // 4, 3 * CROP_SIZE // 4)
    return restored.clean, -jnp.roll(restored.residual, shift, (1, 2))


def renoised(params: Params, noisy: Array, key: Key) -> Loss:
    """Remove estimated noise that was added to the clean image at another place."""
    clean, noise = shifted_noise(params, noisy, key)
    body = BodyFeatures(params, jnp.clip(clean + noise, 0, 1))
    return lambda heads: mean_l1(body.restore(heads).clean, clean)


def recorrupted(params: Params, noisy: Array, key: Key, factor: float = 0.5) -> Loss:
    """Predict a copy with less noise from one with more; their errors are independent.

    Source: Pang et al., 2021, "Recorrupted-to-Recorrupted"
    """
    _, noise = shifted_noise(params, noisy, key)
    body, target = BodyFeatures(params, noisy + factor * noise), noisy - noise / factor
    return lambda heads: mean_l1(body.restore(heads).clean, target)


def neighbours_and_renoised(params: Params, noisy: Array, key: Key) -> Loss:
    """Add the losses of two tasks."""
    losses = neighbours(params, noisy, key), renoised(params, noisy, key)
    return lambda heads: losses[0](heads) + losses[1](heads)


TASKS: dict[str, SelfSupervisedTask] = {
    "published": published,
    "features and residual": features_and_residual,
    "masked pixels": masked_pixels,
    "masked blocks of 4": functools.partial(masked_pixels, block=4),
    "neighbours": neighbours,
    "neighbours 2 apart": functools.partial(neighbours, gap=2),
    "half the size": half_size,
    "renoised": renoised,
    "recorrupted": recorrupted,
    "neighbours and renoised": neighbours_and_renoised,
}


def true_error(params: Params, noisy: Array, clean: Array) -> Loss:
    """Return the true error as a function of the heads."""
    body = BodyFeatures(params, noisy)
    return lambda heads: mean_l1(body.restore(heads).clean, clean)


def published_with_mask(mask_net: Params, params: Params, noisy: Array) -> Loss:
    """Return the published loss, weighted by the mask of a network."""
    body = BodyFeatures(params, noisy)
    weight: Any = MaskNet(CONFIG).apply({"params": mask_net}, noisy)

    def loss(heads: Params) -> Array:
        pred = reconstruct(heads, body.restore(heads))
        return jnp.mean(jnp.abs(pred - noisy) * weight)

    return loss
