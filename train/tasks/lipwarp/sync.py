"""Train the sync model for people never seen."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from avjax.losses.base import masked_mean
from avjax.metrics.base import Mean
from avjax.metrics.sync import MAX_OFFSET_FRAMES
from avjax.metrics.sync_evidence import OFFSETS, evidence_by_offset, offset_log_probs
from avjax.models.sync_people import SyncPeopleConfig, init_variables
from avjax.nn.apply import apply_network
from avjax.train.task import LossAux, ReleasedWeights
from avjax.train.tasks.parts import SinglePartTask, split_variables
from avjax.typing import Array, Batch, Key, Params

AVERAGE_DECAY = 0.99  # of the averages of the parameters, which are released
STRETCH_FRAMES = 8, 16, 25, 40  # lengths of the stretches that are judged
MIN_PAIRS = 8  # frames of a stretch that count
TRUE_OFFSETS = {-1: 0.25, 0: 1.0, 1: 0.25}  # clips are in step to about a frame
CODE_SHIFT, CODE_GAIN, CODE_NOISE = 0.2, 0.2, 0.08  # standard deviations


@dataclasses.dataclass(frozen=True)
class SyncPeopleTask(SinglePartTask):
    """Train the part `embeddings`; `mouth_encoder` and `audio_to_code` are frozen.

    It takes batches of `CodeLoader`. Evaluated and released are running averages of
    the parameters.

    Attributes:
        model: Config of the model.
    """

    part: ClassVar[str] = "embeddings"
    model: SyncPeopleConfig = SyncPeopleConfig()

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise all parts; the batch is not used. See `Task.init`."""
        params, _ = split_variables(init_variables(self.model, key))
        averages = jax.tree.map(jnp.zeros_like, params[self.part])
        return params, {self.part: {"params": averages, "steps": jnp.zeros(())}}

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the loss of offsets, sync_people (5). See `SinglePartTask.loss`.

        The audio of each clip is also that of the next one: there no offset is right.
        """
        augment, dropout = jax.random.split(key)
        codes = vary_codes(batch["codes"], augment)
        lips, audio = self.embed(params[self.part], codes, batch, dropout)
        mask = batch["frame_mask"]
        right = stretch_losses(lips, audio, mask, mask, TRUE_OFFSETS)
        wrong = stretch_losses(lips, jnp.roll(audio, 1, 0), mask, jnp.roll(mask, 1, 0))
        averages = update_average(stats[self.part], params[self.part])
        logs = {"right": right, "wrong": wrong}
        return right + wrong, LossAux(logs, {self.part: averages})

    def embed(
        self, params: Params, codes: Array, batch: Batch, dropout: Key | None = None
    ) -> tuple[Array, Array]:
        """Embed lips and audio.

        Args:
            params: Parameters of the part `embeddings`.
            codes: Lip codes, f32 [b t c].
            batch: A batch.
            dropout: PRNG key; None: no dropout.

        Returns:
            Embeddings of lips and of audio, f32 [b t d] each.
        """
        return apply_network(
            self.model.embeddings(),
            {"params": params},
            *(codes, batch["features"], batch["frame_mask"], dropout is not None),
            rngs=None if dropout is None else {"dropout": dropout},
        )

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Measure how often the offset of a clip is found. See `Task.evaluate`.

        Returns:
            `offset1`: the offset is right to one frame; `none`: probability of no
            offset for the audio of the next clip; and `loss` of both.
        """
        average = released_params(stats[self.part], params[self.part])
        lips, audio = self.embed(average, batch["codes"], batch)
        mask, weight = batch["frame_mask"], batch["weight"]
        probs, swapped = (
            offset_log_probs(*(x.sum(1) for x in clip_evidence(lips, a, mask, m)))
            for a, m in ((audio, mask), (jnp.roll(audio, 1, 0), jnp.roll(mask, 1, 0)))
        )
        found = jnp.asarray(OFFSETS)[jnp.argmax(probs[:, :-1], axis=-1)]
        values = {
            "offset1": (jnp.abs(found) <= 1).astype(jnp.float32),
            "none": jnp.exp(swapped[:, -1]),
            "loss": -jax.nn.logsumexp(probs[:, 14:17], axis=-1) - swapped[:, -1],
        }
        return {name: Mean.from_values(x, weight) for name, x in values.items()}

    def export(self, params: Params, stats: Params) -> ReleasedWeights:
        """Release all parts, with the averages. See `Task.export`."""
        average = jax.device_get(released_params(stats[self.part], params[self.part]))
        parts = {**params, self.part: average}
        return ReleasedWeights(self.model.system, parts, {}, self.model)


def vary_codes(codes: Array, key: Key) -> Array:
    """Change lip codes [b t c] at random, as another face or encoder would."""
    shift, gain, level, noise = jax.random.split(key, 4)
    count, _, dim = codes.shape
    codes = codes + CODE_SHIFT * jax.random.normal(shift, (count, 1, dim))
    codes = codes * jnp.exp(CODE_GAIN * jax.random.normal(gain, (count, 1, 1)))
    size = CODE_NOISE * jax.random.uniform(level, (count, 1, 1))
    return codes + size * jax.random.normal(noise, codes.shape)


def clip_evidence(
    lips: Array, audio: Array, lip_mask: Array, audio_mask: Array
) -> tuple[Array, Array]:
    """Compute `evidence_by_offset` of whole clips: [b t d], [b t] -> [b t o] each."""
    around = MAX_OFFSET_FRAMES, MAX_OFFSET_FRAMES
    audio = jnp.pad(audio, ((0, 0), around, (0, 0)))
    audio_mask = jnp.pad(audio_mask, ((0, 0), around))
    return jax.vmap(evidence_by_offset)(lips, audio, lip_mask, audio_mask)


def stretch_losses(
    lips: Array,
    audio: Array,
    lip_mask: Array,
    audio_mask: Array,
    offsets: Mapping[int, float] | None = None,
) -> Array:
    """Compute the loss of sync_people (5) over stretches of several lengths.

    Args:
        lips: Embeddings, [b t d].
        audio: Embeddings, [b t d].
        lip_mask: 1 where lips exist, [b t].
        audio_mask: 1 where audio exists, [b t].
        offsets: {offset: weight} of the right offsets; None: no offset is right.

    Returns:
        The mean loss in nats, a scalar.
    """
    target = np.zeros(len(OFFSETS) + 1, np.float32)
    for offset, weight in (offsets or {len(OFFSETS) // 2 + 1: 1.0}).items():
        target[MAX_OFFSET_FRAMES + offset] = weight
    target /= target.sum()
    sums = [
        jnp.pad(jnp.cumsum(values, axis=1), ((0, 0), (1, 0), (0, 0)))
        for values in clip_evidence(lips, audio, lip_mask, audio_mask)
    ]
    losses = []
    for length in STRETCH_FRAMES:
        length = min(length, lips.shape[1])
        starts = np.arange(0, lips.shape[1] - length + 1, max(length // 2, 1))
        evidence, pairs = (x[:, starts + length] - x[:, starts] for x in sums)
        log_probs = offset_log_probs(evidence, pairs)[..., target > 0]
        error = -log_probs @ target[target > 0]  # sync_people (5)
        counts = pairs[..., MAX_OFFSET_FRAMES] >= min(MIN_PAIRS, length)
        losses.append(masked_mean(error, counts.astype(jnp.float32)))
    return sum(losses, start=jnp.zeros(())) / len(losses)


def update_average(average: Params, params: Params) -> Params:
    """Update the running averages {"params", "steps"} of parameters."""
    steps = average["steps"] + 1
    decay = jnp.minimum(AVERAGE_DECAY, 1 - 1 / steps)
    tree = jax.tree.map(
        lambda old, new: decay * old + (1 - decay) * new, average["params"], params
    )
    return {"params": tree, "steps": steps}


def released_params(average: Params, params: Params) -> Params:
    """Return the averages; the parameters themselves before the first step."""
    trained = average["steps"] > 0
    return jax.tree.map(
        lambda mean, new: jnp.where(trained, mean, new), average["params"], params
    )
