"""Train CALS: a face that is guided by lip motion units, from audio in context."""

import dataclasses

import jax
import jax.numpy as jnp

from avjax.constants import SYNC_FRAMES
from avjax.errors import InputError
from avjax.losses.base import masked_mean
from avjax.losses.sync import lip_infonce, lip_l1
from avjax.losses.weights import CalsLossWeights
from avjax.metrics.memory import within_clip_variance
from avjax.models.cals import (
    AudioToLip,
    CalsConfig,
    LipToFace,
    init_audio_to_lip,
)
from avjax.nn.apply import apply_network
from avjax.nn.masking import sample_lookahead
from avjax.nn.pixels import denormalize, mask_lower_face, normalize_pixels
from avjax.train.task import LossAux, Objective, ReleasedWeights
from avjax.train.tasks.cals_units import encode_lip_units
from avjax.train.tasks.parts import (
    select_parts,
    split_variables,
    variables_of,
    weighted_sum,
)
from avjax.train.tasks.talking import lip_reading
from avjax.train.tasks.talking.lip_reading import (
    LipReaderConfig,
    init_lip_reader,
    reading_loss,
)
from avjax.train.tasks.talking_face import TalkingFaceTask, masked_faces
from avjax.typing import Array, Batch, Key, Params


@dataclasses.dataclass(frozen=True)
class CalsTask(TalkingFaceTask):
    """Train Lip-to-Face, and Audio-to-Lip with it.

    Parts: `audio_to_lip`, `lip_to_face` and `discriminator` are trained; `sync_expert`
    and `lip_landmarks` are frozen, and `lip_reader`, which exists where the
    lip-reading loss has a weight. It takes batches of `CalsTrainExample`.

    Attributes:
        reader: Config of the lip reader.
        infonce: d_vv is an InfoNCE loss over the frames of a clip; else plain L1.
        temperature: Temperature of that loss.
        infonce_margin: Frames on either side of the true one that are no negatives.
        freeze_units: Do not train Audio-to-Lip after masked learning.
        lookahead_dropout: Fraction of the clips with a shorter lookahead.
        lookahead: Future frames that evaluations use, W at most.
    """

    model: CalsConfig = CalsConfig()
    losses: CalsLossWeights = CalsLossWeights()
    reader: LipReaderConfig = LipReaderConfig()
    infonce: bool = True
    temperature: float = 0.07
    infonce_margin: int = 0
    freeze_units: bool = False
    lookahead_dropout: float = 0.5
    lookahead: int = 15

    def objectives(self) -> tuple[Objective, ...]:
        """List generator and discriminator. See `Task.objectives`.

        The generator is first: the discriminator takes its frames of the same step. A
        discriminator whose loss has weight zero is not trained.
        """
        parts = (
            ("lip_to_face",) if self.freeze_units else ("audio_to_lip", "lip_to_face")
        )
        generator = Objective("generator", parts, self.generator_loss)
        if not self.losses.adversarial:
            return (generator,)
        discriminator = Objective(
            "discriminator", ("discriminator",), self.discriminator_loss
        )
        return (generator, discriminator)

    @property
    def audio_to_lip(self) -> AudioToLip:
        """The network from audio to lip motion units."""
        return AudioToLip(self.model)

    @property
    def lip_to_face(self) -> LipToFace:
        """The network from lip motion units to frames."""
        return LipToFace(self.model)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise all parts; the batch is not used. See `Task.init`."""
        parts = (
            *("audio_to_lip", "lip_to_face"),
            *("discriminator", "sync_expert", "lip_landmarks"),
        )
        keys: dict[str, Key] = dict(
            zip(parts, jax.random.split(key, len(parts)), strict=True)
        )
        side = self.model.size
        talker = {
            "audio_to_lip": init_audio_to_lip(self.model, keys.pop("audio_to_lip")),
            "lip_to_face": self.lip_to_face.init(
                keys.pop("lip_to_face"),
                jnp.zeros((1, 1, self.model.latent_dim)),
                jnp.zeros((1, 1, side, side, 6)),
            ),
        }
        if self.losses.reading:
            reader_key = jax.random.fold_in(key, 1)
            talker[lip_reading.PART] = init_lip_reader(self.reader, reader_key)
        return split_variables(talker | self.auxiliary.init(keys))

    def generator_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the weighted total, cals (10). See `Objective.loss`.

        The auxiliary outputs are the terms, the new statistics, and the frames for the
        discriminator.
        """
        targets = self.targets(batch)
        reference = normalize_pixels(batch["reference"], self.model.pixel_range)
        latents, new_stats = self.predict_latents(params, stats, batch, key)
        start = len(latents[0]) // 2 - SYNC_FRAMES // 2
        latents = latents[:, start : start + SYNC_FRAMES]
        frames, changed = apply_network(
            self.lip_to_face,
            variables_of(params, stats, "lip_to_face"),
            latents,
            mask_lower_face(targets, reference),
            train=True,
            mutable=["batch_stats"],
        )
        terms = self.loss_terms(params, stats, frames, batch)
        total, unit_dim = weighted_sum(self.losses, terms), self.model.unit_dim
        return total, LossAux(
            logs=terms | {"motion": within_clip_variance(latents[..., :unit_dim])},
            stats={**new_stats, "lip_to_face": changed["batch_stats"]},
            extra_batch={"generated": frames[:, None]},
        )

    def loss_terms(
        self, params: Params, stats: Params, frames: Array, batch: Batch
    ) -> dict[str, Array]:
        """Compute the terms of the loss whose weight is not zero.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            frames: Generated frames, [b t=5 h w c=3].
            batch: A training batch.

        Returns:
            `{name of a weight: scalar}`.
        """
        paths, weight = frames[:, None], batch["weight"]
        terms = {"pixels": self.pixel_loss(paths, self.targets(batch), weight)}
        if self.losses.audio_visual or self.losses.visual_visual:
            video = self.auxiliary.encode_video(params, stats, paths)
            if self.losses.audio_visual:
                terms["audio_visual"] = self.auxiliary.sync_loss(
                    params, stats, video, batch["mel"], weight
                )
            if self.losses.visual_visual:
                terms["visual_visual"] = self.lip_loss(
                    params, stats, video[:, 0], batch
                )
        if self.losses.reading:
            generated, real = (
                denormalize(x, self.model.pixel_range)
                for x in (frames, self.targets(batch, lip_reading.CONTEXT))
            )
            terms["reading"] = reading_loss(
                self.reader, params, stats, generated, real, weight
            )
        if self.losses.adversarial:
            terms["adversarial"] = self.auxiliary.generator_adversarial_loss(
                params, paths, weight
            )
        return terms

    def predict_latents(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Params]:
        """Predict latents of all frames whose audio a batch holds, in training mode.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            batch: A training batch.
            key: PRNG key.

        Returns:
            Latents of `AudioToLip` [b t d], and the new statistics.

        Raises:
            InputError: The batch holds less audio than the context of the model.
        """
        context, frames = self.model.context_frames, batch["mels"].shape[1]
        if frames < SYNC_FRAMES + 2 * context:
            loaded = (frames - SYNC_FRAMES) // 2
            raise InputError(
                f"task.model.context_frames is {context}, but "
                f"train.transform.context_frames is only {loaded}; make it as large"
            )
        lookahead_key, dropout_key = jax.random.split(key)
        lookahead = sample_lookahead(
            lookahead_key, len(batch["mels"]), context, self.lookahead_dropout
        )
        variables = variables_of(params, stats, "audio_to_lip")
        inputs = batch["mels"], batch["frame_mask"], lookahead
        if self.freeze_units:
            return apply_network(self.audio_to_lip, variables, *inputs), {}
        latents, changed = apply_network(
            self.audio_to_lip,
            variables,
            *inputs,
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": dropout_key},
        )
        return latents, {"audio_to_lip": changed["batch_stats"]}

    def targets(self, batch: Batch, margin: int = 0) -> Array:
        """Select the middle five frames. See `TalkingFaceTask.targets`.

        Args:
            batch: A training batch.
            margin: Frames on either side that are selected as well.

        Returns:
            The frames, [b t h w c=3].

        Raises:
            InputError: The batch has too few frames.
        """
        middle, side = batch["frames"].shape[1] // 2, SYNC_FRAMES // 2 + margin
        if middle < side:
            raise InputError(f"train.transform.max_offset is less than {margin}")
        frames = batch["frames"][:, middle - side : middle + side + 1]
        return normalize_pixels(frames, self.model.pixel_range)

    def lip_loss(
        self, params: Params, stats: Params, video: Array, batch: Batch
    ) -> Array:
        """Compare generated lips with the real ones of the clip, cals (8).

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            video: Embeddings of the generated clips, [b d].
            batch: A training batch.

        Returns:
            The loss, a scalar.
        """
        candidate_mask = batch["candidate_mask"]
        centre = candidate_mask.shape[1] // 2
        real = encode_lip_units(
            self.auxiliary.sync_expert,
            variables_of(params, stats, "sync_expert"),
            normalize_pixels(batch["frames"], "[0,1]"),
        )
        if self.infonce:
            settings = self.temperature, self.infonce_margin
            error = lip_infonce(video, real, centre, candidate_mask, *settings)
        else:
            error = lip_l1(video, real[:, centre])
        return masked_mean(error, batch["weight"] * candidate_mask[:, centre])

    def generate(self, params: Params, stats: Params, batch: Batch) -> Array:
        """Animate whole clips by their audio, with the lookahead of evaluations.

        See `TalkingFaceTask.generate`.
        """
        latents = apply_network(
            self.audio_to_lip,
            variables_of(params, stats, "audio_to_lip"),
            batch["mels"],
            batch["frame_mask"],
            jnp.full(len(batch["mels"]), self.lookahead),
        )
        frames = apply_network(
            self.lip_to_face,
            variables_of(params, stats, "lip_to_face"),
            latents,
            masked_faces(batch, self.model.pixel_range),
        )
        return denormalize(frames, self.model.pixel_range)

    def export(self, params: Params, stats: Params) -> ReleasedWeights:
        """Release Audio-to-Lip and Lip-to-Face. See `Task.export`."""
        talker = select_parts(params, stats, ("audio_to_lip", "lip_to_face"))
        return ReleasedWeights(self.model.system, *talker, self.model)
