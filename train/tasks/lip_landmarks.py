"""The lip finder: trained on puppets, whose lips are known, to measure faces by."""

import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp
from einops import rearrange

from avjax.losses.base import masked_mean
from avjax.losses.reconstruction import landmark_error
from avjax.metrics.base import Mean
from avjax.metrics.landmarks import landmark_distance
from avjax.models.lip_landmarks import LandmarkConfig, LipLandmarks
from avjax.train.task import Objective, Published, Report
from avjax.typing import Array, Batch, Key, Params


@dataclasses.dataclass(frozen=True)
class LandmarkTask:
    """One part, `landmarks`, which one objective moves.  Takes talking-face batches."""

    model: LandmarkConfig = LandmarkConfig()

    @property
    def finder(self) -> LipLandmarks:
        return LipLandmarks(**dataclasses.asdict(self.model))

    def objectives(self) -> tuple[Objective, ...]:
        return (Objective("landmarks", ("landmarks",), self.loss),)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        variables = self.finder.init(key, faces_of(batch), False)
        return {"landmarks": variables["params"]}, {
            "landmarks": variables["batch_stats"]
        }

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """Distance to the true points, as a share of the sides of the crop."""
        variables = {"params": params["landmarks"], "batch_stats": stats["landmarks"]}
        faces = faces_of(batch)
        found, changed = self.finder.apply(
            variables, faces, True, mutable=["batch_stats"]
        )
        error = by_clip(landmark_error(found, truth_of(batch)), batch)
        value = masked_mean(error, batch["weight"])
        return value, Report({}, {"landmarks": changed["batch_stats"]})

    def measure(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """pixels: mean distance of a point; lmd: the same, wherever the mouth is."""
        variables = {"params": params["landmarks"], "batch_stats": stats["landmarks"]}
        faces = faces_of(batch)
        found, truth = self.finder.apply(variables, faces, False), truth_of(batch)
        size, weight = faces.shape[1], batch["weight"]
        away = jnp.mean(jnp.linalg.norm(found - truth, axis=-1), axis=-1)
        figures = {"pixels": away, "lmd": landmark_distance(found, truth)}
        return {
            name: Mean.of(size * by_clip(value, batch), weight)
            for name, value in figures.items()
        }

    def published(self, params: Params, stats: Params) -> Published:
        return Published("landmarks", params, stats, self.model)


def faces_of(batch: Batch) -> Array:
    """The targets of talking-face examples, one by one: [(b t) h w c] in [0, 1]."""
    targets = batch["window"][:, 2:7].astype(jnp.float32) / 255
    return rearrange(targets, "b t h w c -> (b t) h w c")


def truth_of(batch: Batch) -> Array:
    """Their lips as shares of the sides: [(b t) p 2]."""
    shares = batch["landmarks"] / batch["window"].shape[2]
    return rearrange(shares, "b t p two -> (b t) p two")


def by_clip(values: Array, batch: Batch) -> Array:
    return rearrange(values, "(b t) -> b t", b=len(batch["weight"]))
