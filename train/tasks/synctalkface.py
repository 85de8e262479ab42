"""Train SyncTalkFace and Wav2Lip: the generator, against a discriminator."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from avjax.constants import SYNC_FRAMES
from avjax.data.examples.talking import MARGIN_FRAMES
from avjax.losses.sync import lip_l1
from avjax.losses.weights import SyncTalkFaceLossWeights
from avjax.metrics.base import Mean
from avjax.models.synctalkface import (
    SyncTalkFace,
    SyncTalkFaceConfig,
    TrainOutputs,
    init_variables,
)
from avjax.nn.apply import apply_network
from avjax.nn.memory import standardize
from avjax.nn.pixels import denormalize, mask_lower_face, normalize_pixels
from avjax.train.task import LossAux, Objective, ReleasedWeights
from avjax.train.tasks.lip_memory.health import memory_metrics
from avjax.train.tasks.lip_memory.losses import (
    encode_generated_lips,
    memory_loss,
    memory_stats,
)
from avjax.train.tasks.parts import (
    select_parts,
    split_variables,
    variables_of,
    weighted_sum,
)
from avjax.train.tasks.talking.auxiliary import sum_over_paths
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
    losses of lips and memory. With a `lip_code_length` the lip codes are those of the
    sync expert. It takes batches of `TalkTrainExample`.
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

    def expert_lips(self, params: Params, stats: Params, window: Array) -> Array:
        """Encode the lips of every five frames by the frozen sync expert.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            window: Frames in the pixel range of the model, [b t+4 h w c=3].

        Returns:
            Codes, each of mean 0 and standard deviation 1, [b t e]. No gradient.
        """
        starts = window.shape[1] - SYNC_FRAMES + 1
        clips = [window[:, i : i + starts] for i in range(SYNC_FRAMES)]
        codes = self.auxiliary.encode_video(params, stats, jnp.stack(clips, axis=2))
        return standardize(jax.lax.stop_gradient(codes))

    def forward_train(
        self, params: Params, stats: Params, inputs: TrainInputs, key: Key
    ) -> tuple[TrainOutputs | None, Array, Params]:
        """Generate frames in training mode.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            inputs: The batch.
            key: PRNG key of the dropout.

        Returns:
            The outputs for the losses of the memory, or None without a memory; frames
            [b paths t h w c=3] of two paths (audio, teacher) or of one path, and the
            new running statistics.
        """
        variables = variables_of(params, stats, "generator")
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
        lips, method = inputs.window, "forward_train"
        if self.model.lip_code_length:
            lips, method = self.expert_lips(params, stats, lips), "forward_with_lips"
        outputs, changed = apply_network(
            self.generator,
            variables,
            inputs.mels,
            inputs.faces,
            lips,
            method=method,
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
        outputs, frames, new_stats = self.forward_train(params, stats, inputs, key)
        video = self.auxiliary.encode_video(params, stats, frames)
        terms = {
            "pixels": self.pixel_loss(frames, inputs.targets, inputs.weight),
            "audio_visual": self.sync_loss(params, stats, video, inputs),
            "adversarial": self.adversarial_loss(params, frames, inputs.weight),
        }
        logs = {}
        if outputs is not None:
            if self.model.lip_code_length:
                codes = standardize(video)
            else:
                variables = variables_of(params, stats, "generator")
                codes = encode_generated_lips(self.generator, variables, frames)
            terms["visual_visual"] = self.lip_loss(outputs, codes, inputs.weight)
            terms["memory"] = memory_loss(outputs, inputs.weight)
            logs = memory_stats(outputs)
        total = weighted_sum(self.losses, terms)
        return total, LossAux(
            logs=terms | logs,
            stats={"generator": new_stats},
            extra_batch={"generated": frames},
        )

    def sync_loss(
        self, params: Params, stats: Params, video: Array, inputs: TrainInputs
    ) -> Array:
        """Rate each path's clips by the frozen sync expert, synctalkface (8).

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            video: Embeddings of the generated clips, [b paths d].
            inputs: The batch.

        Returns:
            The loss, summed over the paths; 0 if it has no weight.
        """
        if not self.losses.audio_visual:
            return jnp.zeros(())
        return self.auxiliary.sync_loss(params, stats, video, inputs.mel, inputs.weight)

    def lip_loss(self, outputs: TrainOutputs, codes: Array, weight: Array) -> Array:
        """Compare the lips of generated and real frames, synctalkface (9).

        Gradient reaches the lip encoder through the real lips only, and the generator
        through the generated ones.

        Args:
            outputs: Outputs of `forward_train`.
            codes: Lip codes of the generated clips, [b paths d].
            weight: Weights of the examples, [b].

        Returns:
            The loss, summed over the paths; 0 if it has no weight.
        """
        if not self.losses.visual_visual:
            return jnp.zeros(())
        real = outputs.lips[:, None, outputs.lips.shape[1] // 2]
        return sum_over_paths(lip_l1(codes, real), weight)

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

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Measure clips as `TalkingFaceTask.evaluate`, and what the memory adds.

        See `Task.evaluate`.

        Returns:
            The metrics; with a memory also those of `memory_metrics`.
        """
        metrics = super().evaluate(params, stats, batch)
        if not self.model.num_slots:
            return metrics
        network = self.generator.bind(variables_of(params, stats, "generator"))
        networks = self.auxiliary.evaluation_networks(params, stats)
        return {**metrics, **memory_metrics(network, networks, batch)}

    def export(self, params: Params, stats: Params) -> ReleasedWeights:
        """Release the generator alone, for talking. See `Task.export`."""
        generator = select_parts(params, stats, ("generator",))
        return ReleasedWeights(self.model.system, *generator, self.model)
