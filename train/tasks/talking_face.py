"""The base class of tasks whose system animates a face."""

import abc
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from einops import rearrange

from avjax.errors import InputError
from avjax.losses.reconstruction import pixel_loss
from avjax.metrics.base import Mean
from avjax.metrics.talking_face import (
    roll_audio,
    swapped_audio_metrics,
    talking_metrics,
)
from avjax.models.talker import TalkerConfig
from avjax.nn.pixels import (
    PixelRange,
    denormalize,
    mask_lower_face,
    normalize_pixels,
    to_uint8,
)
from avjax.text.phonemes import PHONEME_CLASSES
from avjax.train.task import LossAux, Task
from avjax.train.tasks.talking.auxiliary import (
    AuxiliaryModels,
    AuxiliaryNetworks,
    sum_over_paths,
)
from avjax.typing import Array, Batch, Key, Params

MAX_CLIPS_SHOWN = 4  # clips in the images of a run, one below the other


@dataclasses.dataclass(frozen=True)
class TalkingFaceTask(Task):
    """Base class of tasks that train a generator of faces against a discriminator.

    In addition to the parts of the talker, `discriminator` is trained, and
    `sync_expert` and `lip_landmarks` are frozen.

    Attributes:
        model: Config of the talker.
        losses: Weights of the losses.
        l2: Square the errors of pixels instead of taking their absolute value; lips
            learn to move sooner.
        aux: Config of the auxiliary networks.
    """

    model: TalkerConfig
    losses: Any
    l2: bool = False
    aux: AuxiliaryNetworks = AuxiliaryNetworks()

    @abc.abstractmethod
    def generate(self, params: Params, stats: Params, batch: Batch) -> Array:
        """Animate whole clips by their audio.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            batch: A batch of `avjax.data.examples.talking_eval.TalkEvalClip`.

        Returns:
            Frames in [0, 1], f32 [b t h w c=3].
        """

    @abc.abstractmethod
    def targets(self, batch: Batch) -> Array:
        """Select the frames that training generates.

        Args:
            batch: A training batch.

        Returns:
            Real frames in the pixel range of the model, [b t=5 h w c=3].
        """

    @property
    def auxiliary(self) -> AuxiliaryModels:
        """The discriminator, the sync expert and the landmark detector."""
        return AuxiliaryModels(
            self.aux, self.model.size, self.model.pixel_range, self.model.dtype
        )

    def pixel_loss(self, frames: Array, targets: Array, weight: Array) -> Array:
        """Compute the reconstruction loss, on pixels in [0, 1].

        Args:
            frames: Generated frames, [b paths t h w c=3].
            targets: Real frames, [b t h w c=3].
            weight: Weights of the examples, [b].

        Returns:
            The loss, summed over the paths.

        Source:
            SyncTalkFace (7), CALS (6).
        """
        pred, target = (
            denormalize(x, self.model.pixel_range) for x in (frames, targets[:, None])
        )
        return sum_over_paths(pixel_loss(pred, target, self.l2), weight)

    def discriminator_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the loss of the discriminator on real and generated frames.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            batch: A training batch, with the generator's frames as `generated`.
            key: Not used.

        Returns:
            The loss and its auxiliary outputs.

        Source:
            SyncTalkFace (10), CALS (9).
        """
        return self.auxiliary.discriminator_loss(
            params, self.targets(batch), batch["generated"], batch["weight"]
        )

    def validate(self, batch: Mapping[str, Any]) -> None:
        """Check the size of the faces. See `Task.validate`."""
        check_face_size(batch, self.model.size)

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Measure whole clips, with their own audio and with that of another clip.

        See `Task.evaluate`. The batch is one of `TalkEvalClip`.

        Returns:
            The metrics of `avjax.metrics.talking_face`.
        """
        networks = self.auxiliary.evaluation_networks(params, stats)
        generate = functools.partial(self.generate, params, stats)
        swapped = roll_audio(batch)
        return {
            **talking_metrics(networks, generate(batch), batch, tuple(PHONEME_CLASSES)),
            **swapped_audio_metrics(networks, generate(swapped), swapped),
        }

    def visualize(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Array]:
        """Show real and generated frames. See `Task.visualize`, `compare_frames`."""
        return compare_frames(self.generate(params, stats, batch), batch)


def check_face_size(batch: Mapping[str, Any], size: int) -> None:
    """Check the size of the faces in a batch.

    Args:
        batch: A host batch, in numpy.
        size: Side of a face crop that the model takes, in pixels.

    Raises:
        InputError: The faces have another size.
    """
    for name in {"faces", "frames"} & set(batch):
        width = batch[name].shape[-2]
        if width != size:
            raise InputError(
                f"the faces are {width} pixels wide, but the model takes {size}; set "
                f"task.model.size={width}, or build a corpus with --size {size}"
            )


def masked_faces(batch: Batch, pixel_range: PixelRange) -> Array:
    """Build the input of the identity encoder for whole clips.

    Args:
        batch: A batch of `avjax.data.examples.talking_eval.TalkEvalClip`.
        pixel_range: Range of the pixels.

    Returns:
        Masked target and reference, [b t h w c=6].
    """
    targets = normalize_pixels(batch["faces"], pixel_range)
    reference = normalize_pixels(batch["reference"], pixel_range)
    reference = jnp.broadcast_to(reference[:, None], targets.shape)
    return mask_lower_face(targets, reference)


def compare_frames(generated: Array, batch: Batch) -> dict[str, Array]:
    """Put real frames on the left and generated ones on the right.

    Args:
        generated: Frames in [0, 1], [b t h w c=3].
        batch: A batch with the real frames, u8 [b t h w c=3], as `faces`.

    Returns:
        `{"talk": u8 [t h w c=3]}`, with a few clips one below the other.
    """
    right = to_uint8(generated, pixel_range="[0,1]")
    pairs = jnp.concatenate([batch["faces"], right], axis=3)[:MAX_CLIPS_SHOWN]
    return {"talk": rearrange(pairs, "b t h w c -> t (b h) w c")}
