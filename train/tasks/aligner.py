"""The aligner: which sound is heard when, learnt from texts whose times nobody told."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from avjax.losses.base import masked_mean
from avjax.losses.sequence import LOST, chain_error
from avjax.metrics.base import Mean
from avjax.models.aligner import Aligner, AlignerConfig
from avjax.pipelines.align import best_way, edges, seconds_of
from avjax.text.phonemes import PAUSE, SOUNDS
from avjax.train.task import Objective, Published, Report
from avjax.typing import Array, Batch, Key, Params

RAREST = 1e-4  # how often a sound is heard at least
WITHIN = 20, 40, 80  # ms


@dataclasses.dataclass(frozen=True)
class AlignerTask:
    """One part, `aligner`, which one objective moves.  Takes data.hearing.HearClip.

    prior  how much of a sound's own frequency is taken from its likelihood in training
    """

    model: AlignerConfig = AlignerConfig(SOUNDS)
    prior: float = 0.5

    @property
    def aligner(self) -> Aligner:
        return Aligner(self.model)

    def objectives(self) -> tuple[Objective, ...]:
        return (Objective("aligner", ("aligner",), self.loss),)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        variables = self.aligner.init(key, batch["mel"][:1], batch["exists"][:1])
        return {"aligner": variables["params"]}, {}

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """Nats a column, of all ways to say what is said.

        A sound's likelihood is its probability over how often it is heard (`prior`):
        without that, one sound that is heard always explains every column.
        """
        given = {"params": params["aligner"]}, batch["mel"], batch["exists"]
        log_probs = self.aligner.apply(*given, train=True, rngs={"dropout": key})
        weight = batch["exists"] * batch["weight"][:, None]
        counted = {"where": weight[..., None] > 0, "keepdims": True}
        often = jnp.mean(jnp.exp(log_probs), axis=(0, 1), **counted)
        often = jax.lax.stop_gradient(often)
        likely = log_probs - self.prior * jnp.log(often + RAREST)
        chain = batch["exists"], batch["optional"], batch["length"]
        error = chain_error(of_places(likely, batch, batch["allowed"]), *chain)
        columns = jnp.maximum(jnp.sum(batch["exists"], axis=1), 1)
        logs = {"pauses": often[0, 0, PAUSE]}
        return masked_mean(error / columns, batch["weight"]), Report(logs)

    def measure(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """How far sounds, and words, begin and end from where they are known to.

        ms       mean distance; of sounds, begins are told of each phone
        within_  shares of edges
        """
        given = {"params": params["aligner"]}, batch["mel"], batch["exists"]
        log_probs = self.aligner.apply(*given)
        likely = of_places(log_probs, batch, jnp.ones_like(batch["allowed"]))
        chain = batch["exists"], batch["optional"], batch["length"]
        places, _ = jax.vmap(best_way)(likely, *chain)
        count = batch["sounds"].shape[1]
        begins, ends = map(seconds_of, jax.vmap(edges, (0, None))(places, count))
        always = jnp.ones_like(batch["opens"])
        figures = {}
        for name, opens, closes in (
            ("sound", always, always),
            ("word", batch["opens"], batch["closes"]),
        ):
            one = distances(begins, batch["begins"], opens * batch["weight"][:, None])
            other = distances(ends, batch["ends"], closes * batch["weight"][:, None])
            figures |= {f"{name}_{key}": one[key].merge(other[key]) for key in one}
        return figures

    def published(self, params: Params, stats: Params) -> Published:
        return Published("aligner", params, stats, self.model)


def of_places(likely: Array, batch: Batch, allowed: Array) -> Array:
    """[b f v], allowed [b f l] -> [b f l]: each place's own sound, LOST elsewhere."""
    own = jnp.take_along_axis(likely, batch["sounds"][:, None], axis=2)
    inside = jnp.arange(own.shape[2])[None] < batch["length"][:, None]
    return jnp.where((allowed > 0) & inside[:, None], own, LOST)


def distances(found: Array, truth: Array, weight: Array) -> dict[str, Mean]:
    """Of times [b l] in seconds, where the truth is known."""
    known = jnp.isfinite(truth) * weight
    off = 1000 * jnp.abs(found - jnp.nan_to_num(truth))
    shares = {f"within_{ms}": (off <= ms).astype(jnp.float32) for ms in WITHIN}
    figures = {"ms": off, **shares}
    return {name: Mean.of(value, known) for name, value in figures.items()}
