"""The sync expert: which lips and which sound belong together."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
from einops import rearrange

from avjax.data.examples.talking import TARGETS
from avjax.losses.base import masked_mean
from avjax.losses.sync import synchrony_error
from avjax.metrics.base import Mean
from avjax.models.sync_expert import SyncConfig, SyncExpert
from avjax.train.task import Objective, Published, Report
from avjax.typing import Array, Batch, Key, Params


@dataclasses.dataclass(frozen=True)
class SyncTask:
    """One part, `expert`, which one objective moves."""

    model: SyncConfig = SyncConfig()

    @property
    def expert(self) -> SyncExpert:
        return SyncExpert(**dataclasses.asdict(self.model))

    def objectives(self) -> tuple[Objective, ...]:
        return (Objective("expert", ("expert",), self.loss),)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        variables = self.expert.init(
            key, batch["mels"][:, 0], unit(batch["lips"][:, 0]), False
        )
        return {"expert": variables["params"]}, {"expert": variables["batch_stats"]}

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """Cross entropy of in sync or not; ln 2 = 0.69 is guessing."""
        variables = {"params": params["expert"], "batch_stats": stats["expert"]}
        (heard, seen), changed = self.expert.apply(
            variables, *moments(batch), True, mutable=["batch_stats"]
        )
        pairs = every_pair(heard, seen, batch)
        value = masked_mean(pairs.error, pairs.weight)
        logs = {"accuracy": masked_mean(pairs.right, pairs.weight)}
        return value, Report(logs, {"expert": changed["batch_stats"]})

    def measure(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """accuracy: told in step from out of step, at a cosine of one half."""
        variables = {"params": params["expert"], "batch_stats": stats["expert"]}
        heard, seen = self.expert.apply(variables, *moments(batch), False)
        pairs = every_pair(heard, seen, batch)
        figures = {"accuracy": pairs.right, "loss": pairs.error}
        return {name: Mean.of(value, pairs.weight) for name, value in figures.items()}

    def published(self, params: Params, stats: Params) -> Published:
        return Published("sync", params, stats, self.model)


class Pairs(NamedTuple):
    """The lips of every moment of a clip, with the sound of every one: [b m m]."""

    error: Array  # cross entropy
    right: Array  # 1 where the verdict is right
    weight: Array  # in step and out of step count alike


def moments(batch: Batch) -> tuple[Array, Array]:
    """mels [(b m) f k], lips [(b m) t h w c], as the expert wants them."""
    lips = rearrange(batch["lips"], "b m ... -> (b m) ...")
    return rearrange(batch["mels"], "b m f k -> (b m) f k"), unit(lips)


def every_pair(heard: Array, seen: Array, batch: Batch) -> Pairs:
    """Codes [(b m) d] -> how they go together within each clip.

    Whose voice and whose face it is cannot help: all are of one clip.  Moments that
    share a frame are not judged.
    """
    each = {"m": batch["start"].shape[1]}
    heard = rearrange(heard, "(b m) d -> b 1 m d", **each)
    seen = rearrange(seen, "(b m) d -> b m 1 d", **each)
    away = jnp.abs(batch["start"][:, :, None] - batch["start"][:, None])
    match = (away == 0).astype(jnp.float32)
    verdict = jnp.sum(heard * seen, axis=-1) > 0.5
    weight = share(match) + share((away >= TARGETS).astype(jnp.float32))
    return Pairs(
        error=synchrony_error(heard, seen, match),
        right=(verdict == (away == 0)).astype(jnp.float32),
        weight=weight * batch["weight"][:, None, None],
    )


def share(which: Array) -> Array:
    """[b m m] of ones and zeros -> one a clip, shared evenly among the ones."""
    return which / jnp.maximum(jnp.sum(which, axis=(1, 2), keepdims=True), 1)


def unit(pixels: Array) -> Array:
    """uint8 -> [0, 1]."""
    return pixels.astype(jnp.float32) / 255
