"""Train the landmark detector on puppets, whose lips are known."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from einops import rearrange

from avjax.constants import SYNC_FRAMES
from avjax.data.examples.talking import MARGIN_FRAMES
from avjax.losses.base import masked_mean
from avjax.losses.reconstruction import landmark_l1
from avjax.metrics.base import Mean
from avjax.metrics.landmarks import landmark_distance
from avjax.models.lip_landmarks import LipLandmarks, LipLandmarksConfig
from avjax.nn.apply import apply_network
from avjax.nn.pixels import normalize_pixels
from avjax.train.task import LossAux
from avjax.train.tasks.parts import SinglePartTask
from avjax.train.tasks.talking_face import check_face_size
from avjax.typing import Array, Batch, Key, Params


@dataclasses.dataclass(frozen=True)
class LipLandmarksTask(SinglePartTask):
    """Train the part `lip_landmarks`. It takes batches of `LandmarkExample`.

    Attributes:
        model: Config of the detector.
    """

    part: ClassVar[str] = "lip_landmarks"
    model: LipLandmarksConfig = LipLandmarksConfig()

    @property
    def detector(self) -> LipLandmarks:
        """The network."""
        return LipLandmarks(**dataclasses.asdict(self.model))

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise the detector for the shapes of a batch. See `Task.init`."""
        variables = self.detector.init(key, target_faces(batch), False)
        return (
            {self.part: variables["params"]},
            {self.part: variables["batch_stats"]},
        )

    def validate(self, batch: Mapping[str, Any]) -> None:
        """Check the size of the faces. See `Task.validate`."""
        check_face_size(batch, self.model.size)

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the L1 distance to the true points, in sides of the crop.

        See `SinglePartTask.loss`.
        """
        pred, changed = apply_network(
            self.detector,
            self.variables(params, stats),
            target_faces(batch),
            True,
            mutable=["batch_stats"],
        )
        error = split_clips(landmark_l1(pred, target_landmarks(batch)), batch)
        loss = masked_mean(error, batch["weight"])
        return loss, LossAux({}, {self.part: changed["batch_stats"]})

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Measure the distance to the true points. See `Task.evaluate`.

        Returns:
            `pixels`, the mean distance of a point in pixels; and `lmd`, the landmark
            distance, which ignores the position of the mouth.
        """
        faces, target = target_faces(batch), target_landmarks(batch)
        pred = apply_network(self.detector, self.variables(params, stats), faces, False)
        distances = {
            "pixels": jnp.mean(jnp.linalg.norm(pred - target, axis=-1), axis=-1),
            "lmd": landmark_distance(pred, target),
        }
        size = faces.shape[1]
        return {
            name: Mean.from_values(size * split_clips(value, batch), batch["weight"])
            for name, value in distances.items()
        }


def target_faces(batch: Batch) -> Array:
    """Select the frames whose landmarks are known.

    Args:
        batch: A batch of `LandmarkExample`.

    Returns:
        Faces in [0, 1], f32 [(b t) h w c=3].
    """
    frames = batch["frames"][:, MARGIN_FRAMES : MARGIN_FRAMES + SYNC_FRAMES]
    return rearrange(normalize_pixels(frames, "[0,1]"), "b t h w c -> (b t) h w c")


def target_landmarks(batch: Batch) -> Array:
    """Convert the true landmarks to sides of the crop.

    Args:
        batch: A batch of `LandmarkExample`.

    Returns:
        Landmarks, f32 [(b t) p 2].
    """
    points = batch["landmarks"] / batch["frames"].shape[2]
    return rearrange(points, "b t p two -> (b t) p two")


def split_clips(values: Array, batch: Batch) -> Array:
    """Split values per frame by clip.

    Args:
        values: [(b t)].
        batch: The batch.

    Returns:
        [b t].
    """
    return rearrange(values, "(b t) -> b t", b=len(batch["weight"]))
