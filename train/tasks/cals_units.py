"""Train lip motion units from audio in context: the masked learning of CALS.

A unit is the embedding, by the frozen sync expert, of the five frames around a frame.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from einops import einsum, rearrange

from avjax.constants import MEL_WINDOW, NUM_MELS, SYNC_FRAMES
from avjax.losses.base import masked_mean
from avjax.losses.sync import cosine_distance
from avjax.metrics.base import Mean
from avjax.models.cals import (
    AudioToLip,
    CalsConfig,
    init_audio_to_lip,
)
from avjax.models.sync_expert import SyncExpert
from avjax.nn.apply import apply_network
from avjax.nn.masking import sample_lookahead, sample_masked_spans
from avjax.nn.pixels import normalize_pixels
from avjax.train.task import LossAux, Objective, ReleasedWeights, Task
from avjax.train.tasks.parts import select_parts, split_variables, variables_of
from avjax.train.tasks.talking_face import check_face_size
from avjax.typing import Array, Batch, Key, Params

EVAL_MASK_RATIO = 0.5  # fraction of the audio features that an evaluation masks
MAX_RETRIEVAL_OFFSET = 1  # frames up to which a retrieved unit counts as right


@dataclasses.dataclass(frozen=True)
class CalsUnitsTask(Task):
    """Train Audio-to-Lip by masked learning.

    Parts: `audio_to_lip` is trained; `sync_expert` is frozen. It takes batches of
    `CalsUnitExample`.

    Attributes:
        model: Config of CALS.
        mask_ratio: Fraction of the audio features that are masked; 0: none.
        span: Number of consecutive frames that are masked together.
        lookahead_dropout: Fraction of the clips with a shorter lookahead.
        sync_expert_width: Factor of the channels of the sync expert.
    """

    model: CalsConfig = CalsConfig()
    mask_ratio: float = 0.5
    span: int = 5
    lookahead_dropout: float = 0.5
    sync_expert_width: float = 1.0

    def objectives(self) -> tuple[Objective, ...]:
        """List the only objective. See `Task.objectives`."""
        return (Objective("units", ("audio_to_lip",), self.loss),)

    @property
    def audio_to_lip(self) -> AudioToLip:
        """The network."""
        return AudioToLip(dataclasses.replace(self.model, phones_to_face=False))

    @property
    def sync_expert(self) -> SyncExpert:
        """The frozen sync expert."""
        return SyncExpert(self.model.size, self.sync_expert_width, self.model.dtype)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise both parts; the batch is not used. See `Task.init`."""
        side = self.model.size
        units_key, expert_key = jax.random.split(key)
        clip = jnp.zeros((1, SYNC_FRAMES, side, side, 3))
        mel = jnp.zeros((1, MEL_WINDOW, NUM_MELS))
        return split_variables(
            {
                "audio_to_lip": init_audio_to_lip(self.model, units_key),
                "sync_expert": self.sync_expert.init(expert_key, mel, clip, False),
            }
        )

    def validate(self, batch: Mapping[str, Any]) -> None:
        """Check the size of the faces. See `Task.validate`."""
        check_face_size(batch, self.model.size)

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the cosine distance to the true units, cals (4).

        Masked frames count like others.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            batch: A training batch.
            key: PRNG key.

        Returns:
            The loss; and the losses of masked and of visible frames, among the logs.
        """
        mask_key, lookahead_key, dropout_key = jax.random.split(key, 3)
        frame_mask = batch["frame_mask"]
        count, frames = frame_mask.shape
        masked = sample_masked_spans(
            mask_key, (count, frames), self.mask_ratio, self.span
        )
        lookahead = sample_lookahead(
            lookahead_key, count, self.model.context_frames, self.lookahead_dropout
        )
        units, changed = apply_network(
            self.audio_to_lip,
            variables_of(params, stats, "audio_to_lip"),
            batch["mels"],
            frame_mask,
            lookahead,
            masked,
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": dropout_key},
        )
        error = cosine_distance(units, self.target_units(params, stats, batch))
        weight = frame_mask * batch["weight"][:, None]
        logs = {
            "masked": masked_mean(error, weight * masked),
            "visible": masked_mean(error, weight * ~masked),
        }
        new_stats = {"audio_to_lip": changed["batch_stats"]}
        return masked_mean(error, weight), LossAux(logs, new_stats)

    def target_units(self, params: Params, stats: Params, batch: Batch) -> Array:
        """Compute the true units of the frames of a batch.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            batch: A batch of `CalsUnitExample`.

        Returns:
            Units of length one, without gradient, [b t d].
        """
        frames = normalize_pixels(batch["faces"], "[0,1]")
        expert = variables_of(params, stats, "sync_expert")
        return encode_lip_units(self.sync_expert, expert, frames)

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Measure the error of units predicted from audio. See `Task.evaluate`.

        Returns:
            Cosine distances to the true unit (`error`), of masked features
            (`masked_error`, half of them), and to the true unit of another clip
            (`shuffled_error`, the score of an uninformed prediction); and
            `retrieval_acc`, the fraction of the frames whose unit is closest, among the
            true units of the clip, to that of the frame or of a neighbour.
        """
        frame_mask = batch["frame_mask"]
        count, frames = frame_mask.shape
        weight = frame_mask * batch["weight"][:, None]
        lookahead = jnp.full(count, self.model.context_frames)
        variables = variables_of(params, stats, "audio_to_lip")

        def predict(*masked: Array) -> Array:
            return apply_network(
                self.audio_to_lip,
                variables,
                batch["mels"],
                frame_mask,
                lookahead,
                *masked,
            )

        masked = sample_masked_spans(
            jax.random.key(0), (count, frames), EVAL_MASK_RATIO, self.span
        )
        units, targets = predict(), self.target_units(params, stats, batch)
        similarity = einsum(units, targets, "b t d, b s d -> b t s")
        closest = jnp.argmax(
            jnp.where(frame_mask[:, None] > 0, similarity, -1), axis=-1
        )
        offset = jnp.abs(closest - jnp.arange(frames)[None])
        other_targets, other_weight = (
            jnp.roll(x, 1, axis=0) for x in (targets, weight)
        )
        mean = Mean.from_values
        return {
            "error": mean(cosine_distance(units, targets), weight),
            "masked_error": mean(
                cosine_distance(predict(masked), targets), weight * masked
            ),
            "shuffled_error": mean(
                cosine_distance(units, other_targets), weight * other_weight
            ),
            "retrieval_acc": mean(offset <= MAX_RETRIEVAL_OFFSET, weight),
        }

    def export(self, params: Params, stats: Params) -> ReleasedWeights:
        """Release Audio-to-Lip: an initialisation for `CalsTask`, but no talker.

        See `Task.export`.
        """
        units = select_parts(params, stats, ("audio_to_lip",))
        return ReleasedWeights("cals_units", *units, self.model)


def encode_lip_units(
    sync_expert: SyncExpert, variables: Mapping[str, Any], frames: Array
) -> Array:
    """Encode every five consecutive frames by the sync expert.

    Args:
        sync_expert: The sync expert.
        variables: Its variables.
        frames: Frames in [0, 1], [b t+4 h w c=3].

    Returns:
        Units of length one, without gradient, [b t d].
    """
    count = frames.shape[1] - SYNC_FRAMES + 1
    clips = jnp.stack([frames[:, i : i + count] for i in range(SYNC_FRAMES)], axis=2)
    clips = rearrange(clips, "b t five h w c -> (b t) five h w c")
    codes = apply_network(sync_expert, variables, clips, method="encode_frames")
    return jax.lax.stop_gradient(rearrange(codes, "(b t) d -> b t d", t=count))
