"""Train SyncTalkFace and Wav2Lip: the generator, against a discriminator."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange, repeat

from avjax.data.examples.talking import MARGIN_FRAMES
from avjax.losses.base import masked_mean
from avjax.losses.memory import address_kl, memory_reconstruction_loss
from avjax.losses.sync import lip_l1
from avjax.losses.weights import SyncTalkFaceLossWeights
from avjax.metrics.memory import effective_slots, within_clip_variance
from avjax.models.synctalkface import (
    SyncTalkFace,
    SyncTalkFaceConfig,
    TrainOutputs,
    encode_generated_lips,
    init_variables,
)
from avjax.nn.apply import apply_network
from avjax.nn.pixels import denormalize, mask_lower_face, normalize_pixels
from avjax.train.task import LossAux, Objective, ReleasedWeights
from avjax.train.tasks.parts import (
    select_parts,
    split_variables,
    variables_of,
    weighted_sum,
)
from avjax.train.tasks.talking_common import sum_over_paths
from avjax.train.tasks.talking_face import TalkingFaceTask, masked_faces
from avjax.typing import Array, Batch, Key, Params


class TrainInputs(NamedTuple):
    """A training batch as the networks take it; pixels in the range of the model.

    Attributes:
        mels: Log-mel window of each frame, f32 [b t f k].
        mel: Log-mel window that starts with the clip, f32 [b f k].
        faces: Masked target and reference, [b t h w c=6].
        window: The targets with two more frames on either side, [b t+4 h w c=3].
        targets: Frames to generate, [b t h w c=3].
        weight: Weights of the examples, [b].
    """

    mels: Array
    mel: Array
    faces: Array
    window: Array
    targets: Array
    weight: Array


@dataclasses.dataclass(frozen=True)
class SyncTalkFaceTask(TalkingFaceTask):
    """Train a talking face with an audio-lip memory.

    Parts: `generator` and `discriminator` are trained; `sync_expert` and
    `lip_landmarks` are frozen. With `num_slots` 0 the system is Wav2Lip: one path, no
    losses of lips and memory. It takes batches of `TalkTrainExample`.
    """

    model: SyncTalkFaceConfig = SyncTalkFaceConfig()
    losses: SyncTalkFaceLossWeights = SyncTalkFaceLossWeights()

    def objectives(self) -> tuple[Objective, ...]:
        """List generator and discriminator, in this order. See `Task.objectives`.

        The discriminator takes the generator's frames of the same step.
        """
        return (
            Objective("generator", ("generator",), self.generator_loss),
            Objective("discriminator", ("discriminator",), self.discriminator_loss),
        )

    @property
    def generator(self) -> SyncTalkFace:
        """The network."""
        return SyncTalkFace(self.model)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise all parts; the batch is not used. See `Task.init`."""
        parts = ("generator", "discriminator", "sync_expert", "lip_landmarks")
        keys: dict[str, Key] = dict(
            zip(parts, jax.random.split(key, len(parts)), strict=True)
        )
        talker = init_variables(self.model, keys.pop("generator"))
        return split_variables(talker | self.auxiliary.init(keys))

    def inputs(self, batch: Batch) -> TrainInputs:
        """Convert a training batch, with pixels in the range of the model.

        Args:
            batch: A batch of `TalkTrainExample`.

        Returns:
            The inputs of the networks.
        """
        pixel_range = self.model.pixel_range
        window = normalize_pixels(batch["frames"], pixel_range)
        targets = window[:, MARGIN_FRAMES:-MARGIN_FRAMES]
        reference = normalize_pixels(batch["reference"], pixel_range)
        return TrainInputs(
            mels=batch["mels"],
            mel=batch["mel"],
            faces=mask_lower_face(targets, reference),
            window=window,
            targets=targets,
            weight=batch["weight"],
        )

    def targets(self, batch: Batch) -> Array:
        """Select the frames between the margins. See `TalkingFaceTask.targets`."""
        window = normalize_pixels(batch["frames"], self.model.pixel_range)
        return window[:, MARGIN_FRAMES:-MARGIN_FRAMES]

    def forward_train(
        self, variables: Mapping[str, Any], inputs: TrainInputs, key: Key
    ) -> tuple[TrainOutputs | None, Array, Params]:
        """Generate frames in training mode.

        Args:
            variables: Variables of the generator.
            inputs: The batch.
            key: PRNG key of the dropout.

        Returns:
            The outputs for the losses of the memory, or None without a memory; frames
            [b paths t h w c=3] of two paths (audio, teacher) or of one path, and the
            new running statistics.
        """
        mode = {"train": True, "mutable": ["batch_stats"], "rngs": {"dropout": key}}
        if not self.model.num_slots:
            talk, changed = apply_network(
                self.generator,
                variables,
                inputs.mels,
                inputs.faces,
                method="generate",
                **mode,
            )
            return None, talk.frames[:, None], changed["batch_stats"]
        outputs, changed = apply_network(
            self.generator,
            variables,
            inputs.mels,
            inputs.faces,
            inputs.window,
            method="forward_train",
            **mode,
        )
        paths = outputs.audio_frames, outputs.teacher_frames
        return outputs, jnp.stack(paths, axis=1), changed["batch_stats"]

    def generator_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the weighted total, synctalkface (11). See `Objective.loss`.

        The auxiliary outputs are the terms, the new statistics, and the frames for the
        discriminator.
        """
        inputs = self.inputs(batch)
        variables = variables_of(params, stats, "generator")
        outputs, frames, new_stats = self.forward_train(variables, inputs, key)
        terms = {
            "pixels": self.pixel_loss(frames, inputs.targets, inputs.weight),
            "audio_visual": self.sync_loss(params, stats, frames, inputs),
            "adversarial": self.adversarial_loss(params, frames, inputs.weight),
        }
        logs = {}
        if outputs is not None:
            terms["visual_visual"] = self.lip_loss(variables, outputs, frames, inputs)
            terms["memory"] = memory_loss(outputs, inputs.weight)
            logs = memory_stats(outputs)
        total = weighted_sum(self.losses, terms)
        return total, LossAux(
            logs=terms | logs,
            stats={"generator": new_stats},
            extra_batch={"generated": frames},
        )

    def sync_loss(
        self, params: Params, stats: Params, frames: Array, inputs: TrainInputs
    ) -> Array:
        """Rate each path's clips by the frozen sync expert, synctalkface (8).

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            frames: Generated frames, [b paths t h w c=3].
            inputs: The batch.

        Returns:
            The loss, summed over the paths; 0 if it has no weight.
        """
        if not self.losses.audio_visual:
            return jnp.zeros(())
        video = self.auxiliary.encode_video(params, stats, frames)
        return self.auxiliary.sync_loss(params, stats, video, inputs.mel, inputs.weight)

    def lip_loss(
        self,
        variables: Mapping[str, Any],
        outputs: TrainOutputs,
        frames: Array,
        inputs: TrainInputs,
    ) -> Array:
        """Compare the lips of generated and real frames, synctalkface (9).

        Gradient reaches the lip encoder through the real lips only, and the generator
        through the generated ones.

        Args:
            variables: Variables of the generator.
            outputs: Outputs of `forward_train`.
            frames: Generated frames, [b paths t h w c=3].
            inputs: The batch.

        Returns:
            The loss, summed over the paths; 0 if it has no weight.
        """
        if not self.losses.visual_visual:
            return jnp.zeros(())
        paths = frames.shape[1]
        clips = rearrange(frames, "b p ... -> (b p) ...")
        codes = encode_generated_lips(self.generator, variables, clips)
        centre = outputs.lips.shape[1] // 2
        real = repeat(outputs.lips[:, centre], "b d -> (b p) d", p=paths)
        error = rearrange(lip_l1(codes[:, 0], real), "(b p) -> b p", p=paths)
        return sum_over_paths(error, inputs.weight)

    def adversarial_loss(self, params: Params, frames: Array, weight: Array) -> Array:
        """Compute the generator's side of synctalkface (10); 0 if it has no weight.

        See `AuxiliaryModels.generator_adversarial_loss`.
        """
        if not self.losses.adversarial:
            return jnp.zeros(())
        return self.auxiliary.generator_adversarial_loss(params, frames, weight)

    def generate(self, params: Params, stats: Params, batch: Batch) -> Array:
        """Animate whole clips by their audio. See `TalkingFaceTask.generate`."""
        pixel_range = self.model.pixel_range
        outputs = apply_network(
            self.generator,
            variables_of(params, stats, "generator"),
            batch["mels"],
            masked_faces(batch, pixel_range),
            method="generate",
        )
        return denormalize(outputs.frames, pixel_range)

    def export(self, params: Params, stats: Params) -> ReleasedWeights:
        """Release the generator alone, for talking. See `Task.export`."""
        generator = select_parts(params, stats, ("generator",))
        return ReleasedWeights(self.model.system, *generator, self.model)


def memory_loss(outputs: TrainOutputs, weight: Array) -> Array:
    """Compute the two losses of the memory.

    Args:
        outputs: Outputs of `forward_train`.
        weight: Weights of the examples, [b].

    Returns:
        The loss, a scalar.

    Source:
        SyncTalkFace (3) + (4).
    """
    stored = memory_reconstruction_loss(outputs.stored, outputs.target)
    aligned = address_kl(outputs.audio_address, outputs.lip_address)
    return masked_mean(stored + aligned, weight)


def memory_stats(outputs: TrainOutputs) -> dict[str, Array]:
    """Measure the use of the memory.

    Args:
        outputs: Outputs of `forward_train`.

    Returns:
        The effective number of slots in use by both addresses (near 1: not used); and
        the fraction of the lips' variance that lies within clips (near 0: not used).
    """
    return {
        "slots_by_audio": effective_slots(outputs.audio_address),
        "slots_by_lips": effective_slots(outputs.lip_address),
        "motion": within_clip_variance(outputs.lips),
    }
