"""The denoiser: first taught to clean, then taught to be adapted.

Source   Gunawan et al., 2022; the mask's own loss: Liu et al., 2019, "Self-Supervised
         Generalisation with Meta Auxiliary Learning" (MAXL)
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal

import jax
import jax.numpy as jnp

from avjax.algorithms.denoiser_adaptation import (
    Plan,
    adapted,
    auxiliary_loss,
    first_rates,
    kept_rates,
    learnt_rates,
    restore,
)
from avjax.algorithms.meta_sgd import Adaptation, adapt, even_rates, writes_out
from avjax.losses.restoration import clean_error, edge_error
from avjax.metrics.base import Mean
from avjax.metrics.image import psnr
from avjax.metrics.restoration import ssim2d, ssim3d
from avjax.models.denoiser import DenoiserConfig, MaskNet, RestorationNet
from avjax.train.task import Objective, Published, Report
from avjax.typing import Array, Batch, Key, Params

MEASURES = {"psnr": psnr, "ssim2d": ssim2d, "ssim3d": ssim3d}
AHEAD = Adaptation(steps=1, rate=1e-3)  # what the mask looks ahead by, as published


@dataclasses.dataclass(frozen=True)
class DenoiserTask:
    """Parts `restorer`, `masker` and, where they are learnt, `rates`.

    stage  plain  restorer learns the truth alone
           clean  it learns the auxiliary task at once; masker learns where that task
                  helps, by looking one step ahead
           adapt  all learn to be right after some steps of the auxiliary task
    """

    model: DenoiserConfig = DenoiserConfig()
    stage: Literal["plain", "clean", "adapt"] = "clean"
    plan: Plan = Plan()  # of the steps that training goes through
    test: Plan = Plan()  # of those before a picture is measured
    learns_rates: bool = True  # a rate for each tensor; else those of the plans
    edges: float = 0.01  # weight of the mask's edges, as published

    def objectives(self) -> tuple[Objective, ...]:
        if self.stage == "adapt":
            rates = ("rates",) if self.learns_rates else ()
            parts = ("restorer", "masker", *rates)
            return (Objective("adapt", parts, self.adapt_loss),)
        if self.stage == "plain":
            return (Objective("restore", ("restorer",), self.plain_loss),)
        return (
            Objective("restore", ("restorer",), self.restore_loss),
            Objective("mask", ("masker",), self.mask_loss),
        )

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        one, other = jax.random.split(key)
        restorer = RestorationNet(self.model).init(one, batch["noisy"])["params"]
        masker = MaskNet(self.model).init(other, batch["noisy"])["params"]
        params = {"restorer": restorer, "masker": masker}
        if self.learns_rates:
            rates = first_rates(self.model, self.plan, restorer)
            params["rates"] = kept_rates(rates)
        return params, {part: {} for part in params}

    def plain_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """The truth alone."""
        return jnp.mean(self.error(params["restorer"], batch)), Report({})

    def restore_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """The truth, and the auxiliary task where the mask is open."""
        mask = MaskNet(self.model).apply({"params": params["masker"]}, batch["noisy"])
        return self.both_errors(params["restorer"], mask, batch, key)

    def mask_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """The error of the restorer after one more step of its own, and edges."""
        mask = MaskNet(self.model).apply({"params": params["masker"]}, batch["noisy"])
        restorer = params["restorer"]

        def loss(restorer: Params) -> Array:
            return self.both_errors(restorer, mask, batch, key)[0]

        moved = adapt(loss, restorer, even_rates(restorer, AHEAD), AHEAD).params
        error = jnp.mean(self.error(moved, batch))
        edges = jnp.mean(edge_error(mask, batch["noisy"]))
        logs = {"clean": error, "edges": edges, "open": jnp.mean(mask)}
        return error + self.edges * edges, Report(logs)

    def adapt_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """The error on each picture after the steps that it alone asked for."""
        rates = self.rates(params, self.plan)

        def one(noisy: Array, clean: Array, key: Key) -> tuple[Array, Array]:
            picture = {"noisy": noisy[None], "clean": clean[None]}
            given = params, rates, picture["noisy"], key
            found = adapted(self.model, self.plan, *given)
            return self.error(found.params, picture)[0], jnp.mean(found.losses)

        # denoiser (8)
        keys = jax.random.split(key, len(batch["noisy"]))
        errors, losses = each(one, batch["noisy"], batch["clean"], keys)
        mask = MaskNet(self.model).apply({"params": params["masker"]}, batch["noisy"])
        logs = {"auxiliary": jnp.mean(losses), "open": jnp.mean(mask)}
        return jnp.mean(errors), Report(logs)

    def both_errors(
        self, restorer: Params, mask: Array, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """The error to the truth, plus that of the auxiliary task."""
        given = mask, batch["noisy"], key
        loss = auxiliary_loss(self.model, restorer, *given, body_moves=True)
        error, auxiliary = jnp.mean(self.error(restorer, batch)), loss(restorer)
        return error + auxiliary, Report({"clean": error, "auxiliary": auxiliary})

    def error(self, restorer: Params, batch: Batch) -> Array:
        made = restore(self.model, restorer, batch["noisy"])
        return clean_error(made.clean, batch["clean"])

    def rates(self, params: Params, plan: Plan) -> Params:
        if self.learns_rates:
            return learnt_rates(params["rates"])
        return first_rates(self.model, plan, params["restorer"])

    def measure(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Figures of what was adapted; plain_: without a step; noisy_: as it was given.

        All three are clipped to [0, 1].
        """
        rates = self.rates(params, self.test)

        def one(noisy: Array) -> tuple[Array, Array]:
            given = params, rates, noisy[None], jax.random.key(0)
            restorer = adapted(self.model, self.test, *given).params
            plain, after = (
                restore(self.model, of, noisy[None]).clean[0]
                for of in (params["restorer"], restorer)
            )
            return plain, after

        plain, after = each(one, batch["noisy"])
        rows = {"": after, "plain_": plain, "noisy_": batch["noisy"]}
        return {
            prefix + name: Mean.of(
                measure(jnp.clip(made, 0, 1), batch["clean"]), batch["weight"]
            )
            for prefix, made in rows.items()
            for name, measure in MEASURES.items()
        }

    def published(self, params: Params, stats: Params) -> Published:
        return Published("denoiser", params, {}, self.model)


def each(function: Callable, *arrays: Array):
    """A function of one picture, over a batch: [b ...] -> [b ...].

    One after the other on a CPU, where convolutions by kernels of each picture's own
    are slower together.
    """
    if not writes_out():
        return jax.vmap(function)(*arrays)
    found = [function(*given) for given in zip(*arrays, strict=True)]
    return jax.tree.map(lambda *parts: jnp.stack(parts), *found)
