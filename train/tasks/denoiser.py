"""Train the denoiser: first to denoise, then to denoise after test-time adaptation.

Source: Gunawan et al., 2022; the loss of the mask: Liu et al., 2019, "Self-Supervised
Generalisation with Meta Auxiliary Learning" (MAXL).
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import jax
import jax.numpy as jnp

from avjax.algorithms.adaptation_plan import AdaptationPlan, init_inner_lrs
from avjax.algorithms.denoiser_adaptation import adapt_denoiser, auxiliary_loss, restore
from avjax.algorithms.meta_sgd import Adaptation, adapt, constant_lrs, map_images
from avjax.algorithms.noise_level import correct_levels, noise_levels
from avjax.losses.restoration import mask_edge_loss, restoration_l1
from avjax.metrics.base import Mean
from avjax.metrics.image import psnr
from avjax.metrics.restoration import ssim2d, ssim3d
from avjax.models.denoiser import (
    LEVEL_UNIT,
    DenoiserConfig,
    MaskNet,
    RestorationNet,
    init_noise_model,
)
from avjax.nn.apply import apply_network, from_log_lrs, to_log_lrs
from avjax.train.task import LossAux, Objective, ReleasedWeights, Task
from avjax.typing import Array, Batch, Key, Params

MAX_LEVEL_SHIFT = 1.2  # of the logarithms that the estimate of levels starts from
METRICS = {"psnr": psnr, "ssim2d": ssim2d, "ssim3d": ssim3d}
# The inner step of the mask's loss, as published.
MASK_LOOKAHEAD = Adaptation(steps=1, learning_rate=1e-3)


@dataclasses.dataclass(frozen=True)
class DenoiserTask(Task):
    """Train the parts `restorer`, `mask_net` and, if they are learned, `inner_lrs`.

    With the auxiliary loss "sure", `noise_model` takes the place of `mask_net`.

    It takes batches of `ImagePairCrop`.

    Attributes:
        model: Config of the denoiser.
        stage: "plain": the restorer learns by its error against the clean images, and
            has no auxiliary task. "clean": it learns the auxiliary task as well; the
            mask learns by one inner step where that task helps. "adapt": all parts
            minimise the error after the inner loop.
        plan: Inner loop of the training.
        test_plan: Inner loop of the evaluation.
        learn_inner_lrs: Learn an inner learning rate for each tensor; else the plans'
            rates are used.
        edges: Weight of the loss of the mask's edges, as published.
    """

    model: DenoiserConfig = DenoiserConfig()
    stage: Literal["plain", "clean", "adapt"] = "clean"
    plan: AdaptationPlan = AdaptationPlan()
    test_plan: AdaptationPlan = AdaptationPlan()
    learn_inner_lrs: bool = True
    edges: float = 0.01

    def objectives(self) -> tuple[Objective, ...]:
        """List the objectives of the stage. See `Task.objectives`."""
        if self.stage == "adapt" and self.model.auxiliary == "level":
            return (Objective("levels", ("noise_model",), self.level_loss),)
        if self.stage == "adapt":
            inner_lrs = ("inner_lrs",) if self.learn_inner_lrs else ()
            parts = ("restorer", self.loss_part, *inner_lrs)
            return (Objective("adapt", parts, self.adapt_loss),)
        if self.stage == "plain":
            return (Objective("restore", ("restorer",), self.plain_loss),)
        return (
            Objective("restore", ("restorer",), self.restore_loss),
            Objective("mask", ("mask_net",), self.mask_loss),
        )

    @property
    def loss_part(self) -> str:
        """Name of the part that the loss of the inner loop needs."""
        return "noise_model" if self.model.needs_noise_model else "mask_net"

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise all parts for the shapes of a batch. See `Task.init`."""
        restorer_key, mask_key = jax.random.split(key)
        noisy = batch["noisy"]
        restorer = RestorationNet(self.model).init(restorer_key, noisy)["params"]
        params = {"restorer": restorer}
        if self.model.needs_noise_model:
            params["noise_model"] = init_noise_model(self.model)
        else:
            params["mask_net"] = MaskNet(self.model).init(mask_key, noisy)["params"]
        if self.learn_inner_lrs:
            lrs = init_inner_lrs(self.model, self.plan, restorer)
            params["inner_lrs"] = to_log_lrs(lrs)
        return params, {part: {} for part in params}

    def plain_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the error of the restored image. See `Objective.loss`.

        The gains of the residual are those of one image, and are not trained. A
        network with the level of the noise as an input gets the true one; its error is
        relative to that level, so that weak noise counts as much as strong noise.
        """
        restorer = params["restorer"]
        if self.model.auxiliary == "level":
            levels = noise_levels(batch["noisy"] - batch["clean"])
            error = self.error(restorer, batch, levels)
            scale = LEVEL_UNIT / jnp.exp(jnp.maximum(levels[:, 0], 0.0))
            return jnp.mean(error * scale), LossAux({"clean": jnp.mean(error)})
        if "gains" in restorer:
            restorer = restorer | {"gains": jax.lax.stop_gradient(restorer["gains"])}
        return jnp.mean(self.error(restorer, batch)), LossAux({})

    def level_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the error of levels that are estimated from wrong ones.

        See `Objective.loss`.
        """
        true = noise_levels(batch["noisy"] - batch["clean"])
        shifts = jax.random.uniform(key, true.shape, minval=-1, maxval=1)
        given = true + MAX_LEVEL_SHIFT * shifts
        outputs = restore(self.model, params["restorer"], batch["noisy"], given)
        residuals = jax.lax.stop_gradient(outputs.residual)

        def estimate(residual: Array, levels: Array) -> Array:
            return correct_levels(params["noise_model"], residual[None], levels)

        errors = jnp.abs(jax.vmap(estimate)(residuals, given) - true)
        before = jnp.mean(jnp.abs(given - true))
        return jnp.mean(errors), LossAux({"before": before})

    def restore_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the error of the restored image plus the masked auxiliary loss.

        See `Objective.loss`.
        """
        mask = self.mask(params, batch)
        return self.joint_loss(params["restorer"], mask, batch, key)

    def mask_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the error after one more step of the restorer, and that of edges.

        See `Objective.loss`.
        """
        mask, restorer = self.mask(params, batch), params["restorer"]

        def loss(restorer: Params) -> Array:
            return self.joint_loss(restorer, mask, batch, key)[0]

        lrs = constant_lrs(restorer, MASK_LOOKAHEAD)
        adapted = adapt(loss, restorer, lrs, MASK_LOOKAHEAD).params
        error = jnp.mean(self.error(adapted, batch))
        edges = jnp.mean(mask_edge_loss(mask, batch["noisy"]))
        logs = {"clean": error, "edges": edges, "mask_mean": jnp.mean(mask)}
        return error + self.edges * edges, LossAux(logs)

    def adapt_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the error of each image after its own inner loop, denoiser (8).

        See `Objective.loss`.
        """
        lrs = self.inner_lrs(params, self.plan)

        def adapt_one(noisy: Array, clean: Array, key: Key) -> tuple[Array, Array]:
            image = {"noisy": noisy[None], "clean": clean[None]}
            result = adapt_denoiser(
                self.model, self.plan, params, lrs, image["noisy"], key
            )
            return self.error(result.params, image)[0], jnp.mean(result.losses)

        # denoiser (8)
        keys = jax.random.split(key, len(batch["noisy"]))
        errors, losses = map_images(adapt_one, batch["noisy"], batch["clean"], keys)
        logs = {"auxiliary": jnp.mean(losses)}
        if "mask_net" in params:
            logs["mask_mean"] = jnp.mean(self.mask(params, batch))
        return jnp.mean(errors), LossAux(logs)

    def mask(self, params: Params, batch: Batch) -> Array:
        """Compute the mask of the auxiliary loss.

        Args:
            params: Parameters, `{part: tree}`.
            batch: A batch of `ImagePairCrop`.

        Returns:
            Mask in [0, 1], f32 [b h w 1].
        """
        variables = {"params": params["mask_net"]}
        return apply_network(MaskNet(self.model), variables, batch["noisy"])

    def joint_loss(
        self, restorer: Params, mask: Array, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the error of the restored image plus the auxiliary loss.

        Args:
            restorer: Parameters of the restorer.
            mask: Mask of the auxiliary loss, [b h w 1].
            batch: A training batch.
            key: PRNG key.

        Returns:
            The loss, and both terms as logs.
        """
        loss = auxiliary_loss(
            self.model, restorer, mask, batch["noisy"], key, body_adapts=True
        )
        error, auxiliary = jnp.mean(self.error(restorer, batch)), loss(restorer)
        return error + auxiliary, LossAux({"clean": error, "auxiliary": auxiliary})

    def error(
        self, restorer: Params, batch: Batch, levels: Array | None = None
    ) -> Array:
        """Compute the error of each restored image, denoiser (5).

        Args:
            restorer: Parameters of the restorer.
            batch: A batch of `ImagePairCrop`.
            levels: See `restore`.

        Returns:
            Error, f32 [b].
        """
        outputs = restore(self.model, restorer, batch["noisy"], levels)
        return restoration_l1(outputs.clean, batch["clean"])

    def inner_lrs(self, params: Params, plan: AdaptationPlan) -> Params:
        """Return the learning rate of each tensor that adapts.

        Args:
            params: Parameters, `{part: tree}`.
            plan: Plan whose rates are used if none are learned.
        """
        if self.learn_inner_lrs:
            return from_log_lrs(params["inner_lrs"])
        return init_inner_lrs(self.model, plan, params["restorer"])

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Measure images after adaptation, all clipped to [0, 1]. See `Task.evaluate`.

        Returns:
            PSNR in dB and SSIM: without prefix after adaptation, `plain_` without
            adaptation, `noisy_` of the noisy image itself.
        """
        lrs = self.inner_lrs(params, self.test_plan)

        def denoise_one(noisy: Array) -> tuple[Array, Array]:
            adapted = adapt_denoiser(
                self.model,
                self.test_plan,
                params,
                lrs,
                noisy[None],
                jax.random.key(0),
            ).params
            plain, after = (
                restore(self.model, restorer, noisy[None]).clean[0]
                for restorer in (params["restorer"], adapted)
            )
            return plain, after

        plain, after = map_images(denoise_one, batch["noisy"])
        rows = {"": after, "plain_": plain, "noisy_": batch["noisy"]}
        return {
            prefix + name: Mean.from_values(
                metric(jnp.clip(images, 0, 1), batch["clean"]), batch["weight"]
            )
            for prefix, images in rows.items()
            for name, metric in METRICS.items()
        }

    def export(self, params: Params, stats: Params) -> ReleasedWeights:
        """Release all parts. See `Task.export`."""
        return ReleasedWeights(self.model.system, params, {}, self.model)
