"""Train the aligner to find the times of phonemes, from texts without times."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp

from avjax.algorithms.viterbi import mel_frame_start, segment_bounds, viterbi
from avjax.constants import NEG_INF
from avjax.losses.base import masked_mean
from avjax.losses.sequence import alignment_nll
from avjax.metrics.base import Mean
from avjax.models.aligner import Aligner, AlignerConfig
from avjax.nn.apply import apply_network
from avjax.text.phonemes import PAUSE, PHONEMES
from avjax.train.task import LossAux
from avjax.train.tasks.parts import SinglePartTask
from avjax.typing import Array, Batch, Key, Params

MIN_FREQUENCY = 1e-4  # added to the frequency of every phoneme
MILLISECONDS = 1000
TOLERANCES_MS = 20, 40, 80  # of the metrics `within_`


@dataclasses.dataclass(frozen=True)
class AlignerTask(SinglePartTask):
    """Train the part `aligner`. It takes batches of `AlignmentClip`.

    Attributes:
        model: Config of the aligner.
        prior: Exponent of the phonemes' frequencies, by which likelihoods are divided
            in training.
    """

    part: ClassVar[str] = "aligner"
    model: AlignerConfig = AlignerConfig(PHONEMES)
    prior: float = 0.5

    @property
    def aligner(self) -> Aligner:
        """The network."""
        return Aligner(self.model)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise the aligner for the shapes of a batch. See `Task.init`."""
        variables = self.aligner.init(key, batch["mel"][:1], batch["frame_mask"][:1])
        return {"aligner": variables["params"]}, {}

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the negative log-likelihood of the text, summed over all alignments.

        The likelihood of a phoneme is its probability divided by its frequency to the
        power of `prior`. Without that, a single phoneme that is always predicted would
        explain every mel frame. See `SinglePartTask.loss`.

        Returns:
            The loss in nats per mel frame; and the frequency of pauses, among the logs.
        """
        frame_mask = batch["frame_mask"]
        log_probs = apply_network(
            self.aligner,
            self.variables(params, stats),
            batch["mel"],
            frame_mask,
            train=True,
            rngs={"dropout": key},
        )
        weight = frame_mask * batch["weight"][:, None]
        probs = jax.lax.stop_gradient(jnp.exp(log_probs))
        frequency = jnp.sum(probs * weight[..., None], axis=(0, 1), keepdims=True)
        frequency = frequency / jnp.maximum(jnp.sum(weight), 1)
        log_likelihood = log_probs - self.prior * jnp.log(frequency + MIN_FREQUENCY)
        nll = alignment_nll(
            gather_states(log_likelihood, batch, batch["allowed"]),
            frame_mask,
            batch["optional"],
            batch["length"],
        )
        num_frames = jnp.maximum(jnp.sum(frame_mask, axis=1), 1)
        logs = {"pause_rate": frequency[0, 0, PAUSE]}
        return masked_mean(nll / num_frames, batch["weight"]), LossAux(logs)

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Measure the distance of boundaries to the true ones. See `Task.evaluate`.

        Returns:
            `phoneme_ms` and `word_ms`, the mean distance in milliseconds; and
            `phoneme_within_MS` and `word_within_MS`, the fraction of the boundaries
            with at most that distance.
        """
        frame_mask, optional = batch["frame_mask"], batch["optional"]
        log_probs = apply_network(
            self.aligner, self.variables(params, stats), batch["mel"], frame_mask
        )
        states = gather_states(log_probs, batch, jnp.ones_like(batch["allowed"]))
        paths, _ = jax.vmap(viterbi)(states, frame_mask, optional, batch["length"])
        num_states = batch["phoneme_ids"].shape[1]
        starts, ends = jax.vmap(segment_bounds, (0, None))(paths, num_states)
        starts, ends = mel_frame_start(starts), mel_frame_start(ends)
        weight = batch["weight"][:, None]
        all_states = jnp.ones_like(batch["word_start"])
        metrics = {}
        for name, is_start, is_end in (
            ("phoneme", all_states, all_states),
            ("word", batch["word_start"], batch["word_end"]),
        ):
            at_start = boundary_metrics(starts, batch["start"], is_start * weight)
            at_end = boundary_metrics(ends, batch["end"], is_end * weight)
            metrics |= {
                f"{name}_{key}": mean.merge(at_end[key])
                for key, mean in at_start.items()
            }
        return metrics


def gather_states(scores: Array, batch: Batch, allowed: Array) -> Array:
    """Gather the score of each state of an alignment graph.

    Args:
        scores: Score of each phoneme in each mel frame, f32 [b f v].
        batch: `phoneme_ids` [b l] of the states and their number, `length` [b].
        allowed: 1 where a state is allowed, [b f l].

    Returns:
        Score of each state's phoneme, `NEG_INF` where it is not allowed, f32 [b f l].
    """
    states = jnp.take_along_axis(scores, batch["phoneme_ids"][:, None], axis=2)
    exists = jnp.arange(states.shape[2])[None] < batch["length"][:, None]
    return jnp.where((allowed > 0) & exists[:, None], states, NEG_INF)


def boundary_metrics(pred: Array, target: Array, weight: Array) -> dict[str, Mean]:
    """Compare predicted boundaries with the true ones.

    Args:
        pred: Times in seconds, [b l].
        target: True times in seconds, not finite where unknown, [b l].
        weight: Weights of the boundaries, [b l].

    Returns:
        `{"ms": Mean, "within_MS": Mean}`.
    """
    known = jnp.isfinite(target) * weight
    distance = MILLISECONDS * jnp.abs(pred - jnp.nan_to_num(target))
    values = {"ms": distance} | {
        f"within_{ms}": (distance <= ms).astype(jnp.float32) for ms in TOLERANCES_MS
    }
    return {name: Mean.from_values(value, known) for name, value in values.items()}
