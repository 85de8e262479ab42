"""Which parameters of a denoiser adapt to an image, and with which learning rates.

Source  Gunawan et al., 2022, "Test-time Adaptation for Real Image Denoising via
        Meta-transfer Learning" (arXiv:2207.02066)
"""

import dataclasses
from typing import Literal

import jax.numpy as jnp

from avjax.algorithms.meta_sgd import Adaptation, constant_lrs, split_by_name
from avjax.models.denoiser import DenoiserConfig
from avjax.typing import Params


@dataclasses.dataclass(frozen=True)
class AdaptationPlan:
    """Which parameters of a denoiser adapt to an image, and how.

    Attributes:
        adaptation: Settings of the inner loop.
        trainable: Adapt the heads or the whole network. With "heads", the features of
            the body are computed once. If the auxiliary loss is "sure", two gains of
            the residual adapt instead; if it is "level", the levels of the noise.
        hard_mask: Round the mask to 0 or 1; then no gradient reaches it.
        freeze_first_kernel: Do not adapt the first kernel of the first head.
    """

    adaptation: Adaptation = Adaptation()
    trainable: Literal["heads", "all"] = "heads"
    hard_mask: bool = False
    freeze_first_kernel: bool = False


# For the auxiliary loss "sure": nearly converged after the steps.
GAIN_PLAN = AdaptationPlan(Adaptation(steps=5, learning_rate=0.4))
# For the auxiliary loss "level": each step takes the estimated levels.
LEVEL_PLAN = AdaptationPlan(Adaptation(steps=2, learning_rate=1.0))
NOISE_MODEL_PLANS = {"sure": GAIN_PLAN, "level": LEVEL_PLAN}
# The published training code takes five steps, but each starts from the initial
# parameters, so that only one has an effect; its loss is ten times ours. The published
# test code computes the image before the fifth step.
REFERENCE_TRAINING = AdaptationPlan(Adaptation(steps=1, learning_rate=10 * 5e-5))
REFERENCE_TEST = AdaptationPlan(
    Adaptation(steps=4, learning_rate=1e-5, optimizer="adam", second_order=False),
    hard_mask=True,
    freeze_first_kernel=True,
)


def init_inner_lrs(
    config: DenoiserConfig, plan: AdaptationPlan, restorer: Params
) -> Params:
    """Create the learning rates of the inner loop before they are learned.

    Args:
        config: Config of the model.
        plan: What adapts, and how.
        restorer: Parameters of the part `restorer`.

    Returns:
        A scalar for each tensor that adapts.
    """
    trainable, _ = split_trainable(config, plan, restorer)
    lrs = constant_lrs(trainable, plan.adaptation)
    if plan.freeze_first_kernel:
        first = lrs["primary"]["blocks"]["conv_0_0"]
        first["kernel"] = jnp.zeros_like(first["kernel"])
    return lrs


def split_trainable(
    config: DenoiserConfig, plan: AdaptationPlan, restorer: Params
) -> tuple[Params, Params]:
    """Split the parameters into those that adapt and the rest.

    Args:
        config: Config of the model.
        plan: What adapts, and how.
        restorer: Parameters of the part `restorer`.

    Returns:
        - trainable: Modules that adapt.
        - fixed: All other modules.
    """
    heads_only = plan.trainable == "heads" or config.needs_noise_model
    names = config.adapted_heads if heads_only else tuple(restorer)
    return split_by_name(restorer, names)
