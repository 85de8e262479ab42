"""Train associative bridging: lip reading and lip-to-speech with a memory."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from einops import repeat

from avjax.algorithms.griffin_lim import GriffinLim
from avjax.losses.base import masked_mean
from avjax.losses.memory import address_kl, memory_reconstruction_loss
from avjax.losses.reconstruction import mel_l1
from avjax.losses.sequence import ctc_loss, word_cross_entropy
from avjax.losses.weights import BridgingLossWeights
from avjax.metrics.base import Mean
from avjax.metrics.memory import bridging_metrics
from avjax.metrics.units import Unit
from avjax.models.bridging import (
    Bridging,
    BridgingConfig,
    BridgingTrainOutputs,
    init_variables,
    word_logits,
)
from avjax.nn.apply import apply_network
from avjax.nn.pixels import normalize_mouth
from avjax.train.task import LossAux
from avjax.train.tasks.bridging_scores import (
    LOG_PROBS,
    SPEECH,
    WITH_AUDIO,
    cached_grammar,
    loss_unit,
    score_clips,
    score_sentence,
    score_speech,
)
from avjax.train.tasks.parts import SinglePartTask, split_variables, weighted_sum
from avjax.typing import Array, Batch, Key, Params


@dataclasses.dataclass(frozen=True)
class BridgingTask(SinglePartTask):
    """Train the part `reader`.

    It takes batches of `LipreadClip` (words, sentences) or `LipToSpeechClip` (speech).
    With `num_slots` 0 there is no memory, and only the lips are used.

    Attributes:
        model: Config of the network.
        losses: Weights of the losses.
        grammar: Grammar by which evaluations read sentences in addition; "": none.
        beam: Width of that beam search.
        mirrored: Evaluate words by the mean with the mirrored clip.
    """

    part: ClassVar[str] = "reader"
    model: BridgingConfig = BridgingConfig()
    losses: BridgingLossWeights = BridgingLossWeights()
    grammar: str = ""
    beam: int = 16
    mirrored: bool = False

    @property
    def reader(self) -> Bridging:
        """The network."""
        return Bridging(self.model)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise the reader; the batch is not used. See `Task.init`."""
        return split_variables(init_variables(self.model, key))

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the weighted total, bridging (8). See `SinglePartTask.loss`."""
        variables = self.variables(params, stats)
        mode = {"train": True, "mutable": ["batch_stats"], "rngs": {"dropout": key}}
        mouths, frame_mask = normalize_mouth(batch["lips"]), batch["frame_mask"]
        if self.model.num_slots:
            outputs, changed = apply_network(
                self.reader,
                variables,
                mouths,
                batch["mel"],
                frame_mask,
                method="forward_train",
                **mode,
            )
            errors = self.errors(outputs, batch)
        else:
            output, changed = apply_network(
                self.reader, variables, mouths, frame_mask, method="predict", **mode
            )
            errors = {"recalled": self.task_error(output, batch)}
        terms = {
            name: masked_mean(value, self.weight(value, batch))
            for name, value in errors.items()
        }
        total = weighted_sum(self.losses, terms)
        return total, LossAux(terms, {self.part: changed["batch_stats"]})

    def errors(self, outputs: BridgingTrainOutputs, batch: Batch) -> dict[str, Array]:
        """Compute the terms of the loss, named as in `BridgingLossWeights`.

        Args:
            outputs: Outputs of the network in training.
            batch: A training batch.

        Returns:
            `{name: error per clip [b] or per frame [b t]}`.
        """
        return {
            "recalled": self.task_error(outputs.recalled_output, batch),
            "audio": self.task_error(outputs.audio_output, batch),
            "memory": memory_reconstruction_loss(outputs.stored, outputs.audio),
            "address": address_kl(outputs.visual_address, outputs.audio_address),
        }

    def task_error(self, output: Array, batch: Batch) -> Array:
        """Compute the error of an output.

        Args:
            output: Logits [b t v], or a log-mel spectrogram [b f k].
            batch: A batch.

        Returns:
            Nats per clip [b] for words, nats per symbol of a clip [b] for sentences,
            absolute error per mel frame [b f] for speech.
        """
        frame_mask = batch["frame_mask"]
        if self.model.task == "speech":
            return mel_l1(output, batch["voice"])
        if self.model.task == "words":
            logits = word_logits(output, frame_mask)
            return word_cross_entropy(logits, batch["labels"][:, 0])
        rate, label_mask = self.model.outputs_per_frame, batch["label_mask"]
        frame_mask = repeat(frame_mask, "b t -> b (t r)", r=rate)
        allowed = repeat(batch["allowed"], "b t v -> b (t r) v", r=rate)
        error = ctc_loss(output, frame_mask, batch["labels"], label_mask, allowed)
        return error / jnp.maximum(jnp.sum(label_mask, axis=1), 1)

    def weight(self, values: Array, batch: Batch) -> Array:
        """Compute the weights of values.

        Args:
            values: Per clip [b], per frame [b t] or per mel frame [b f].
            batch: A batch.

        Returns:
            Weights, [b], [b t] or [b f].
        """
        if values.ndim == 1:
            return batch["weight"]
        rate = values.shape[1] // batch["frame_mask"].shape[1]
        exists = repeat(batch["frame_mask"], "b t -> b (t r)", r=rate)
        return exists * batch["weight"][:, None]

    def outputs(
        self, params: Params, stats: Params, batch: Batch
    ) -> tuple[dict[str, Array], BridgingTrainOutputs | None]:
        """Run the network without dropout.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            batch: A batch.

        Returns:
            `{prefix: output}`: "" from the lips alone and, with a memory, `WITH_AUDIO`
            from lips and audio; and all outputs of training, or None without a memory.
        """
        variables = self.variables(params, stats)
        mouths, frame_mask = normalize_mouth(batch["lips"]), batch["frame_mask"]
        if not self.model.num_slots:
            output = apply_network(
                self.reader, variables, mouths, frame_mask, method="predict"
            )
            return {"": output}, None
        outputs = apply_network(
            self.reader,
            variables,
            mouths,
            batch["mel"],
            frame_mask,
            method="forward_train",
        )
        named = {"": outputs.recalled_output, WITH_AUDIO: outputs.audio_output}
        return named, outputs

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Measure the loss, the accuracy of words, and the memory. See `Task.evaluate`.

        Returns:
            `loss` and, for words, `accuracy`; both also with the prefix `WITH_AUDIO`;
            and the metrics of `bridging_metrics`.
        """
        named, outputs = self.outputs(params, stats, batch)
        if self.mirrored:
            mirrored = {**batch, "lips": batch["lips"][:, :, :, ::-1]}
            others, _ = self.outputs(params, stats, mirrored)
            named = {name: (x + others[name]) / 2 for name, x in named.items()}
        metrics = {}
        for prefix, output in named.items():
            error = self.task_error(output, batch)
            weight = self.weight(error, batch)
            metrics[f"{prefix}loss"] = Mean.from_values(error, weight)
            if self.model.task == "words":
                word = jnp.argmax(word_logits(output, batch["frame_mask"]), axis=-1)
                correct = word == batch["labels"][:, 0]
                accuracy = Mean.from_values(correct.astype(jnp.float32), weight)
                metrics[f"{prefix}accuracy"] = accuracy
        if outputs is not None:
            metrics |= bridging_metrics(
                outputs.visual_address,
                outputs.audio_address,
                outputs.recalled,
                outputs.audio,
                batch["frame_mask"] * batch["weight"][:, None],
            )
        return metrics

    def metric_units(self) -> Mapping[str, Unit]:
        """Declare the unit of `loss`, by the task. See `Task.metric_units`."""
        own = {"loss": loss_unit(self.model.task, len(self.model.symbols))}
        return {**super().metric_units(), **own}

    def predict(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Array]:
        """Compute the inputs of `score`; none for words. See `Task.predict`."""
        if self.model.task == "sentences":
            return self.predict_log_probs(params, stats, batch)
        if self.model.task == "speech":
            return self.predict_speech(params, stats, batch)
        return {}

    def predict_log_probs(
        self, params: Params, stats: Params, batch: Batch
    ) -> dict[str, Array]:
        """Compute log-probabilities of symbols. See `Task.predict`.

        Returns:
            `{PREFIX log_probs: [b t v]}`, and the labels and masks of the batch.
        """
        named, _ = self.outputs(params, stats, batch)
        log_probs = {
            f"{prefix}{LOG_PROBS}": jax.nn.log_softmax(x) for prefix, x in named.items()
        }
        keys = ("frame_mask", "labels", "label_mask", "weight")
        return log_probs | {key: batch[key] for key in keys}

    def predict_speech(
        self, params: Params, stats: Params, batch: Batch
    ) -> dict[str, Array]:
        """Synthesise speech. See `Task.predict`.

        Returns:
            `{PREFIX speech: waveform [b n]}` at 16 kHz, and the recording. The prefix
            `oracle_` is of the true log-mel spectrogram, `mean_` of its mean over time.
        """
        named, _ = self.outputs(params, stats, batch)
        target = batch["voice"]
        weight = self.weight(target, batch)[..., None]
        mean = jnp.sum(target * weight, (0, 1)) / jnp.maximum(jnp.sum(weight), 1)
        mels = {
            **named,
            "oracle_": target,
            "mean_": jnp.broadcast_to(mean, target.shape),
        }
        waves = {f"{prefix}{SPEECH}": GriffinLim()(mel) for prefix, mel in mels.items()}
        return waves | {key: batch[key] for key in ("wave", "frame_mask", "weight")}

    def score(self, predictions: Mapping[str, Any]) -> Mapping[str, Mean]:
        """Score sentences by errors, and speech by quality. See `Task.score`."""
        if self.model.task == "sentences":
            return score_clips(predictions, self.score_sentence)
        return score_clips(predictions, score_speech)

    def score_sentence(self, predictions: Mapping[str, Any]) -> dict[str, tuple]:
        """Score the sentence of one clip.

        Args:
            predictions: Predictions of one clip, in numpy.

        Returns:
            The counts of `bridging_scores.score_sentence`.
        """
        symbols = self.model.symbols
        return score_sentence(
            predictions,
            symbols=symbols,
            outputs_per_frame=self.model.outputs_per_frame,
            grammar=cached_grammar(self.grammar, symbols) if self.grammar else None,
            beam=self.beam,
        )
