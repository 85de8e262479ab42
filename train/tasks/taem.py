"""Train TAEM: from text to the latents of a frozen talker, which gives the frames."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from einops import einsum, reduce

from avjax.errors import InputError
from avjax.losses.base import masked_mean
from avjax.losses.reconstruction import gamma_deviance, latent_loss
from avjax.losses.weights import TaemLossWeights
from avjax.metrics.base import Mean
from avjax.metrics.talking_face import talking_metrics, talking_metrics_no_baselines
from avjax.models.registry import get_system
from avjax.models.taem import TEXT_PART, Taem, TaemConfig, init_text_encoder
from avjax.models.talker import LatentSpace, latent_space
from avjax.nn.apply import apply_network
from avjax.nn.duration import length_regulate, log_durations
from avjax.nn.pixels import denormalize
from avjax.text.phonemes import PAUSE, PHONEME_CLASSES
from avjax.train.task import LossAux, Objective, ReleasedWeights, Task
from avjax.train.tasks.parts import (
    select_parts,
    split_variables,
    variables_of,
    weighted_sum,
)
from avjax.train.tasks.talking.auxiliary import AuxiliaryModels, AuxiliaryNetworks
from avjax.train.tasks.talking_face import (
    check_face_size,
    compare_frames,
    masked_faces,
)
from avjax.train.tasks.text_driven.metrics import (
    cosine_similarity,
    duration_metrics,
    explained_variance,
    roll_portrait,
)
from avjax.train.tasks.text_driven.phoneme_means import init_phoneme_means, update_means
from avjax.typing import Array, Batch, Key, Params


@dataclasses.dataclass(frozen=True)
class TaemTask(Task):
    """Train a text encoder to predict a frozen talker's latents of the audio.

    Parts: `text_encoder` is trained; those of the talker, `sync_expert` and
    `lip_landmarks` are frozen. The mean latent and the mean duration of each phoneme
    are kept in addition, as a baseline. It takes batches of `TextToLipExample`.

    Attributes:
        model: Config of TAEM and of its talker.
        losses: Weights of the losses.
        l2: Square the errors of latents instead of taking their absolute value.
        aux: Config of the networks that evaluations use. None: measure latents alone.
    """

    model: TaemConfig = TaemConfig()
    losses: TaemLossWeights = TaemLossWeights()
    l2: bool = False
    aux: AuxiliaryNetworks | None = AuxiliaryNetworks()

    def objectives(self) -> tuple[Objective, ...]:
        """List the only objective. See `Task.objectives`."""
        return (Objective("text", (TEXT_PART,), self.loss),)

    @property
    def text_encoder(self) -> Taem:
        """The network from text to latents."""
        return Taem(self.model)

    @property
    def latent_space(self) -> LatentSpace:
        """The latent space of the talker."""
        return latent_space(self.model.talker)

    @property
    def auxiliary(self) -> AuxiliaryModels:
        """The networks that evaluations use, if `aux` is not None."""
        talker, aux = self.model.talker, self.aux or AuxiliaryNetworks()
        return AuxiliaryModels(aux, talker.size, talker.pixel_range, talker.dtype)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise all parts; the batch is not used. See `Task.init`."""
        parts = (TEXT_PART, "talker", "sync_expert", "lip_landmarks")
        keys: dict[str, Key] = dict(
            zip(parts, jax.random.split(key, len(parts)), strict=True)
        )
        talker = self.model.talker
        system = get_system(talker.system)
        variables = {
            TEXT_PART: init_text_encoder(self.model, keys.pop(TEXT_PART)),
            **system.init_variables(talker, keys.pop("talker")),
            **(self.auxiliary.init(keys) if self.aux else {}),
        }
        params, stats = split_variables(variables)
        means = init_phoneme_means(self.model.num_phonemes, talker.latent_dim)
        return params, {**stats, "means": means}

    def validate(self, batch: Mapping[str, Any]) -> None:
        """Check the faces and the portrait. See `Task.validate`."""
        check_face_size(batch, self.model.talker.size)
        if self.model.speaker_inputs and "portrait" not in batch:
            raise InputError(
                "the clips have no faces, but the model takes a portrait; set "
                "task.model.speaker_inputs=()"
            )

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the sum of taem (7) and taem (8). See `Objective.loss`."""
        frame_weight = batch["loss_mask"] * batch["weight"][:, None]
        latents = self.encode_audio(params, stats, batch["mels"], batch["frame_mask"])
        (pred, target), changed = apply_network(
            self.text_encoder,
            variables_of(params, stats, TEXT_PART),
            batch["phoneme_ids"],
            batch["phoneme_edges"],
            batch.get("portrait"),
            latents,
            frame_weight,
            method="forward_train",
            mutable=["batch_stats"],
            rngs={"dropout": key},
        )
        durations = log_durations(batch["phoneme_edges"], self.model.steps_per_second)
        phoneme_weight = (batch["phoneme_ids"] > 0) * batch["weight"][:, None]
        latent_error = latent_loss(pred.latents, target, self.l2)
        duration_error = gamma_deviance(pred.durations, durations)
        terms = {
            "latents": masked_mean(latent_error, frame_weight),
            "durations": masked_mean(duration_error, phoneme_weight),
        }
        means = update_means(
            stats["means"], self.phoneme_fractions(batch), latents, batch, frame_weight
        )
        new_stats = {TEXT_PART: changed["batch_stats"], "means": means}
        return weighted_sum(self.losses, terms), LossAux(terms, new_stats)

    def encode_audio(
        self, params: Params, stats: Params, mels: Array, frame_mask: Array
    ) -> Array:
        """Compute the talker's latents, [b t d]. See `LatentSpace.encode_audio`."""
        talker = self.talker_variables(params, stats)
        latents = self.latent_space.encode_audio(talker, mels, frame_mask)
        return jax.lax.stop_gradient(latents)

    def decode_frames(
        self, params: Params, stats: Params, latents: Array, batch: Batch
    ) -> Array:
        """Generate frames in [0, 1]. See `LatentSpace.decode_frames`."""
        pixel_range = self.model.talker.pixel_range
        frames = self.latent_space.decode_frames(
            self.talker_variables(params, stats),
            latents,
            masked_faces(batch, pixel_range),
        )
        return denormalize(frames, pixel_range)

    def talker_variables(self, params: Params, stats: Params) -> dict[str, Params]:
        """Collect the variables of the talker by part. See `variables_of`."""
        parts = self.latent_space.parts
        return {part: variables_of(params, stats, part) for part in parts}

    def phoneme_fractions(self, batch: Batch) -> Array:
        """Compute the fraction of a frame per phoneme, [b t v]. See `update_means`."""
        frames = batch["mels"].shape[1]
        one_hot = jax.nn.one_hot(batch["phoneme_ids"], self.model.num_phonemes)
        steps = length_regulate(
            one_hot, batch["phoneme_edges"], frames, self.model.steps_per_second
        )
        return reduce(steps.features, "b (t r) v -> b t v", "mean", t=frames)

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Measure latents, durations and frames. See `Task.evaluate`.

        Returns:
            The metrics of `compare_latents` and `duration_metrics`, and those of
            `avjax.metrics.talking_face`, if there are faces. Latents are at the true
            durations. Their source: without prefix, the text; `audio_`, the real audio;
            `wrong_speaker_`, the text with another portrait; `phoneme_mean_`, the mean
            of each phoneme; `tts_cascade_`, eSpeak's speech at the true durations.
        """
        frame_mask = batch["frame_mask"]
        audio = self.encode_audio(params, stats, batch["mels"], frame_mask)
        predicted = self.predict_latents(params, stats, batch)
        table = self.table_lookup(stats["means"], batch)
        compared = {"": predicted, "phoneme_mean_": table}
        rows = {"audio_": audio, "phoneme_mean_": table}
        if "portrait" in batch:
            others = roll_portrait(batch)
            compared["wrong_speaker_"] = self.predict_latents(params, stats, others)
        if "cascade_mels" in batch:
            cascade = batch["cascade_mels"]
            rows["tts_cascade_"] = self.encode_audio(params, stats, cascade, frame_mask)
            compared["tts_cascade_"] = rows["tts_cascade_"]
        metrics = self.duration_metrics(params, stats, batch)
        weight = frame_mask * batch["weight"][:, None]
        text_variables = variables_of(params, stats, TEXT_PART)
        for prefix, latents in compared.items():
            values = self.compare_latents(text_variables, latents, audio, weight)
            metrics |= {prefix + name: value for name, value in values.items()}
        if self.aux is None:
            return metrics
        networks = self.auxiliary.evaluation_networks(params, stats)
        frames = self.decode_frames(params, stats, predicted, batch)
        metrics |= talking_metrics(networks, frames, batch, tuple(PHONEME_CLASSES))
        for prefix, latents in rows.items():
            frames = self.decode_frames(params, stats, latents, batch)
            values = talking_metrics_no_baselines(networks, frames, batch)
            metrics |= {prefix + name: value for name, value in values.items()}
        return metrics

    def predict_latents(self, params: Params, stats: Params, batch: Batch) -> Array:
        """Predict latents from text, [b t d]. See `Taem.predict_latents`."""
        return apply_network(
            self.text_encoder,
            variables_of(params, stats, TEXT_PART),
            batch["phoneme_ids"],
            batch["phoneme_edges"],
            batch.get("portrait"),
            batch["mels"].shape[1],
            method="predict_latents",
        )

    def table_lookup(self, means: Params, batch: Batch) -> Array:
        """Predict latents by phoneme means, [b t d]. See `init_phoneme_means`."""
        latents = einsum(
            self.phoneme_fractions(batch), means["latents"], "b t v, v d -> b t d"
        )
        return self.latent_space.constrain(latents)

    def compare_latents(
        self, variables: Mapping[str, Any], pred: Array, target: Array, weight: Array
    ) -> dict[str, Mean]:
        """Compare latents with those of the real audio.

        Args:
            variables: Variables of the text encoder, for the scale of latents.
            pred: [b t d].
            target: Latents of the real audio, [b t d].
            weight: Weights of the frames, [b t].

        Returns:
            `cosine`; and `r2`, with channels scaled to the same variance.
        """
        cosine = cosine_similarity(pred, target, weight)
        pred, target = (
            apply_network(self.text_encoder, variables, x, method="normalize_latents")
            for x in (pred, target)
        )
        return {"cosine": cosine, "r2": explained_variance(pred, target, weight)}

    def duration_metrics(
        self, params: Params, stats: Params, batch: Batch
    ) -> dict[str, Mean]:
        """Compare predicted durations with the true ones, without pauses.

        The prefix `phoneme_mean_` is of mean durations. See `text_metrics`.
        """
        phoneme_ids = batch["phoneme_ids"]
        edges = apply_network(
            self.text_encoder,
            variables_of(params, stats, TEXT_PART),
            phoneme_ids,
            batch.get("portrait"),
            method="predict_edges",
        )
        predictions = {
            "": jnp.diff(edges, axis=1),
            "phoneme_mean_": stats["means"]["seconds"][phoneme_ids],
        }
        return duration_metrics(
            predictions,
            target=jnp.diff(batch["phoneme_edges"], axis=1),
            phoneme_weight=(phoneme_ids > PAUSE) * batch["weight"][:, None],
            clip_weight=batch["weight"],
        )

    def visualize(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Array]:
        """Show real and generated frames. See `Task.visualize`, `compare_frames`."""
        if self.aux is None:
            return {}
        latents = self.predict_latents(params, stats, batch)
        return compare_frames(self.decode_frames(params, stats, latents, batch), batch)

    def export(self, params: Params, stats: Params) -> ReleasedWeights:
        """Release the text encoder with its talker. See `Task.export`."""
        parts = (TEXT_PART, *self.latent_space.parts)
        released = select_parts(params, stats, parts)
        return ReleasedWeights(self.model.system, *released, self.model)
