"""The sync expert: which lips and which sound belong together."""

import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp

from avjax.losses.base import masked_mean
from avjax.losses.sync import synchrony_error
from avjax.metrics.base import Mean
from avjax.nn.sync import SyncExpert
from avjax.train.task import Objective, Published, Report
from avjax.typing import Array, Batch, Key, Params


@dataclasses.dataclass(frozen=True)
class SyncConfig:
    size: int = 96  # sides of a face crop
    width: float = 1.0  # scales all channels; 1 is published
    dtype: str = "float32"


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
        variables = self.expert.init(key, batch["mel"], unit(batch["lips"]), False)
        return {"expert": variables["params"]}, {"expert": variables["batch_stats"]}

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """Cross entropy of in sync or not; ln 2 = 0.69 is guessing."""
        variables = {"params": params["expert"], "batch_stats": stats["expert"]}
        (heard, seen), changed = self.expert.apply(
            variables, batch["mel"], unit(batch["lips"]), True, mutable=["batch_stats"]
        )
        error = synchrony_error(heard, seen, in_step(batch))
        value = masked_mean(error, batch["weight"])
        logs = {"accuracy": masked_mean(right(heard, seen, batch), batch["weight"])}
        return value, Report(logs, {"expert": changed["batch_stats"]})

    def measure(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """accuracy: told in step from out of step, at a cosine of one half."""
        variables = {"params": params["expert"], "batch_stats": stats["expert"]}
        heard, seen = self.expert.apply(
            variables, batch["mel"], unit(batch["lips"]), False
        )
        figures = {
            "accuracy": right(heard, seen, batch),
            "loss": synchrony_error(heard, seen, in_step(batch)),
        }
        weight = batch["weight"]
        return {name: Mean.of(value, weight) for name, value in figures.items()}

    def published(self, params: Params, stats: Params) -> Published:
        return Published("sync", params, stats, self.model)


def in_step(batch: Batch) -> Array:
    return (batch["offset"] == 0).astype(jnp.float32)


def right(heard: Array, seen: Array, batch: Batch) -> Array:
    """[b d], [b d] -> 1 where the verdict is right [b]."""
    verdict = jnp.sum(heard * seen, axis=-1) > 0.5
    return (verdict == (batch["offset"] == 0)).astype(jnp.float32)


def unit(pixels: Array) -> Array:
    """uint8 -> [0, 1]."""
    return pixels.astype(jnp.float32) / 255
