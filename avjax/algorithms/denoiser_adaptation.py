"""Self-supervised adaptation of a denoiser to an image.

Source  Gunawan et al., 2022, "Test-time Adaptation for Real Image Denoising via
        Meta-transfer Learning" (arXiv:2207.02066)
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from avjax.algorithms.adaptation_plan import AdaptationPlan, split_trainable
from avjax.algorithms.meta_sgd import (
    AdaptationResult,
    SelectedAdaptation,
    adapt,
    adapt_with_early_stopping,
)
from avjax.algorithms.noise_level import level_loss
from avjax.algorithms.noise_model import gain_risk, measure_residual
from avjax.losses.restoration import masked_l1
from avjax.models.denoiser import (
    DenoiserConfig,
    MaskNet,
    RestorationNet,
    RestorationOutputs,
)
from avjax.nn.apply import apply_network
from avjax.typing import Array, Key, Params


def restore(
    config: DenoiserConfig, restorer: Params, noisy: Array, levels: Array | None = None
) -> RestorationOutputs:
    """Denoise images.

    Args:
        config: Config of the model.
        restorer: Parameters of the part `restorer`.
        noisy: Images, sides multiples of `config.size_multiple`, [b h w c=3].
        levels: Levels of the noise, an input of the network, see `RestorationNet`,
            [b 2]. None: the parameter `levels`.

    Returns:
        Clean images and residuals, not clipped.
    """
    network, variables = RestorationNet(config), {"params": restorer}
    return apply_network(network, variables, noisy, levels)


def adapt_denoiser(
    config: DenoiserConfig,
    plan: AdaptationPlan,
    params: Params,
    lrs: Params,
    noisy: Array,
    key: Key,
) -> AdaptationResult:
    """Adapt the restorer to an image, or to crops of it.

    Args:
        config: Config of the model.
        plan: Which parameters adapt, and the settings of the inner loop.
        params: Parameters of the parts `restorer`, and `mask_net` or `noise_model`.
        lrs: A learning rate for each tensor that adapts.
        noisy: Images, sides multiples of `config.size_multiple`, [b h w c=3].
        key: PRNG key.

    Returns:
        All parameters of the restorer, and the loss before each step.
    """
    trainable, fixed = split_trainable(config, plan, params["restorer"])
    loss = inner_loss(config, plan, params, noisy, key)
    result = adapt(loss, trainable, lrs, plan.adaptation)
    return result._replace(params={**fixed, **result.params})


def adapt_denoiser_with_early_stopping(
    config: DenoiserConfig,
    plan: AdaptationPlan,
    params: Params,
    lrs: Params,
    crops: Array,
    held_out: Array,
    key: Key,
    initial_params: Params,
) -> SelectedAdaptation:
    """Adapt the restorer to crops of an image and stop when it does not improve.

    The validation loss needs no clean image. For "sure" it is the estimated error of
    all crops; two gains cannot overfit to them. Otherwise every second pixel of the
    held-out crops is denoised and compared with its diagonal neighbours. If their noise
    is independent, no network can predict it, and a smaller loss means a smaller error.
    If it is correlated, as that of most cameras is, the loss says little.

    Args:
        config: Config of the model.
        plan: Which parameters adapt, and the settings of the inner loop.
        params: Parameters of the parts `restorer`, and `mask_net` or `noise_model`.
        lrs: A learning rate for each tensor that adapts.
        crops: Crops for the steps, sides multiples of 8, [b h w c=3].
        held_out: Other crops, for the validation loss, sides multiples of 8,
            [b h w c=3].
        key: PRNG key.
        initial_params: Parameters that adapt, as the previous frame left them. The
            trained ones are used instead if their validation loss is lower.

    Returns:
        The adapted parameters, without the rest of the restorer, and the losses.
    """
    restorer = params["restorer"]
    trained, _ = split_trainable(config, plan, restorer)
    if config.needs_noise_model:
        crops = jnp.concatenate([crops, held_out])
        loss = validation_loss = inner_loss(config, plan, params, crops, key)
    else:
        loss = inner_loss(config, plan, params, crops, key)
        validation_loss = auxiliary_loss(
            dataclasses.replace(config, auxiliary="neighbours"),
            restorer,
            mask=jnp.ones((*held_out.shape[:3], 1), held_out.dtype),
            noisy=held_out,
            key=key,
            body_adapts="body" in trained,
        )
    use_initial = validation_loss(initial_params) < validation_loss(trained)
    start = jax.tree.map(
        lambda x, y: jnp.where(use_initial, x, y), initial_params, trained
    )
    return adapt_with_early_stopping(loss, validation_loss, start, lrs, plan.adaptation)


def inner_loss(
    config: DenoiserConfig, plan: AdaptationPlan, params: Params, noisy: Array, key: Key
) -> Callable[[Params], Array]:
    """Create the loss of the inner loop: the auxiliary loss, weighted by the mask.

    Args:
        config: Config of the model.
        plan: Which parameters adapt, and the settings of the inner loop.
        params: Parameters of the parts `restorer`, and `mask_net` or `noise_model`.
        noisy: Images, sides multiples of `config.size_multiple`, [b h w c=3].
        key: PRNG key.

    Returns:
        A function of the parameters that adapt.
    """
    if config.auxiliary == "sure":
        return sure_loss(config, params, noisy, key)
    if config.auxiliary == "level":

        def residual_at(levels: Array) -> Array:
            restorer = params["restorer"] | {"levels": levels}
            return restore(config, restorer, noisy).residual

        return level_loss(params["noise_model"], residual_at)
    mask = apply_network(MaskNet(config), {"params": params["mask_net"]}, noisy)
    if plan.hard_mask:
        mask = (mask > 0.5).astype(mask.dtype)
    trainable, _ = split_trainable(config, plan, params["restorer"])
    return auxiliary_loss(
        config, params["restorer"], mask, noisy, key, body_adapts="body" in trainable
    )


def sure_loss(
    config: DenoiserConfig, params: Params, noisy: Array, key: Key
) -> Callable[[Params], Array]:
    """Create the estimated error of an image as a function of the residual's gains.

    The network runs twice, and not again in the steps.

    Args:
        config: Config of the model, with auxiliary "sure".
        params: Parameters of the parts `restorer` and `noise_model`.
        noisy: Parts of one image, sides multiples of 8, [b h w c=3].
        key: PRNG key.

    Returns:
        A function of {"gains": logarithms of the gains [2]}; see `gain_risk`.
    """
    restorer = params["restorer"] | {"gains": jnp.zeros((2,))}

    def residual_of(images: Array) -> Array:
        return restore(config, restorer, images).residual

    statistics = measure_residual(residual_of, noisy, key)
    risk = gain_risk(params["noise_model"], statistics)
    return lambda trainable: risk(trainable["gains"])


def auxiliary_loss(
    config: DenoiserConfig,
    restorer: Params,
    mask: Array,
    noisy: Array,
    key: Key,
    body_adapts: bool,
) -> Callable[[Params], Array]:
    """Create the self-supervised loss of a denoiser, selected by `config.auxiliary`.

    "reconstruction": the second head reconstructs the noisy image from the outputs of
    the first head. "renoising": see `renoise`; the added noise has to be removed.
    "neighbours": see `neighbor_pairs`; a denoised pixel equals its diagonal neighbour.
    For "sure" see `sure_loss`.

    Args:
        config: Config of the model.
        restorer: Parameters of the part `restorer`.
        mask: Weight of each pixel, [b h w 1].
        noisy: Images, sides multiples of 4, or of 8 for "neighbours", [b h w c=3].
        key: PRNG key.
        body_adapts: Whether the body is among the parameters that adapt.

    Returns:
        A function of the parameters that adapt.
    """
    inputs = target = noisy
    if config.auxiliary == "renoising":
        inputs, target = renoise(config, restorer, noisy, key)
    elif config.auxiliary == "neighbours":
        inputs, target = neighbor_pairs(noisy), neighbor_pairs(noisy, swap=True)
        mask = neighbor_pairs(mask, swap=True)

    def apply(params: Params, *arrays: Any, method: str) -> Any:
        network = RestorationNet(config)
        return apply_network(network, {"params": params}, *arrays, method=method)

    features = None if body_adapts else apply(restorer, inputs, method="features")

    def loss(trainable: Params) -> Array:
        params = {**restorer, **trainable}
        current = features
        if current is None:
            current = apply(params, inputs, method="features")
        outputs = apply(params, current, inputs, method="restore")
        pred = outputs.clean
        if config.auxiliary == "reconstruction":
            pred = apply(params, outputs, method="reconstruct")
        return jnp.mean(masked_l1(pred, target, mask))

    return loss


def renoise(
    config: DenoiserConfig, restorer: Params, noisy: Array, key: Key
) -> tuple[Array, Array]:
    """Add the estimated noise of another position to the estimated clean image.

    No gradient passes through either.

    Args:
        config: Config of the model.
        restorer: Parameters of the part `restorer`.
        noisy: Images, [b h w c=3].
        key: PRNG key of the shift.

    Returns:
        - renoised: Clean images with noise, in [0, 1], [b h w c=3].
        - clean: Clean images, [b h w c=3].
    """
    first = jax.lax.stop_gradient(restore(config, restorer, noisy))
    sides = jnp.array(noisy.shape[1:3])
    shift = jax.random.randint(key, (2,), sides // 4, 3 * sides // 4 + 1)
    noise = -jnp.roll(first.residual, shift, (1, 2))
    return jnp.clip(first.clean + noise, 0, 1), first.clean


def neighbor_pairs(image: Array, swap: bool = False) -> Array:
    """Subsample images to every second pixel and its diagonal neighbours.

    Args:
        image: Images, [b h w c].
        swap: Return the neighbours first.

    Returns:
        Both halves, concatenated along the batch, [2b h/2 w/2 c].

    Source:
        After Huang et al., 2021, "Neighbor2Neighbor", with fixed positions.
    """
    first, second = image[:, ::2, ::2], image[:, 1::2, 1::2]
    return jnp.concatenate([second, first] if swap else [first, second])
