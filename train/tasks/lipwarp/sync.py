"""Train the sync model for people never seen."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from avjax.constants import NEG_INF
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
NEIGHBOUR = 0.25  # weight of the offsets next to the right one: clips differ by as much
MAX_SHIFT = 12  # frames by which audio is moved in training
MAX_CUT = 5  # frames that are cut off at each end of lips and of audio
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

        Audio is moved by a random number of frames, and lips and audio are cut at
        random, so that neither ends nor lengths tell the offset. The audio of each clip
        is also that of the next one: there no offset is right.
        """
        augment, move, cut_lips, cut_audio, dropout = jax.random.split(key, 5)
        codes = vary_codes(batch["codes"], augment)
        mask = batch["frame_mask"]
        lip_mask, audio_mask = cut_ends(mask, cut_lips), cut_ends(mask, cut_audio)
        offsets = jax.random.randint(move, (len(mask),), -MAX_SHIFT, MAX_SHIFT + 1)
        features, audio_mask = move_audio(batch["features"], audio_mask, offsets)
        lips, audio = apply_network(
            self.model.embeddings(),
            {"params": params[self.part]},
            *(codes, features, lip_mask, audio_mask, True),
            rngs={"dropout": dropout},
        )
        matched = stretch_losses(lips, audio, lip_mask, audio_mask, offsets)
        others = jnp.roll(audio, 1, 0), lip_mask, jnp.roll(audio_mask, 1, 0)
        mismatched = stretch_losses(lips, *others, None)
        averages = update_average(stats[self.part], params[self.part])
        logs = {"matched": matched, "mismatched": mismatched}
        return matched + mismatched, LossAux(logs, {self.part: averages})

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Measure how often the offset of a clip is found. See `Task.evaluate`.

        Every second clip has its audio moved ahead by 5 frames, and the others behind.

        Returns:
            `offset1`: the offset is right to one frame; `none`: probability of no
            offset for the audio of the next clip; and `loss` of both.
        """
        mask, weight = batch["frame_mask"], batch["weight"]
        offsets = jnp.where(jnp.arange(len(mask)) % 2, 5, -5)
        features, audio_mask = move_audio(batch["features"], mask, offsets)
        lips, audio = apply_network(
            self.model.embeddings(),
            {"params": released_params(stats[self.part], params[self.part])},
            *(batch["codes"], features, mask, audio_mask),
        )
        probs, swapped = (
            offset_log_probs(*(x.sum(1) for x in clip_evidence(lips, a, mask, m)))
            for a, m in (
                (audio, audio_mask),
                (jnp.roll(audio, 1, 0), jnp.roll(audio_mask, 1, 0)),
            )
        )
        near = jnp.abs(jnp.asarray(OFFSETS)[None] - offsets[:, None]) <= 1
        best = jnp.argmax(probs[:, :-1], axis=-1)[:, None]
        near_probs = jnp.where(near, probs[:, :-1], NEG_INF)
        values = {
            "offset1": jnp.take_along_axis(near, best, axis=1)[:, 0].astype(float),
            "none": jnp.exp(swapped[:, -1]),
            "loss": -jax.nn.logsumexp(near_probs, axis=-1) - swapped[:, -1],
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


def cut_ends(mask: Array, key: Key) -> Array:
    """Cut some frames off both ends of clips, whose masks are [b t]."""
    first, last = jax.random.randint(key, (2, len(mask), 1), 0, MAX_CUT + 1)
    frames = jnp.arange(mask.shape[1])[None]
    ends = jnp.sum(mask, axis=1, keepdims=True) - last
    return mask * (frames >= first) * (frames < ends)


def move_audio(
    features: Array, audio_mask: Array, offsets: Array
) -> tuple[Array, Array]:
    """Move audio ahead by some frames.

    Args:
        features: f32 [b t e].
        audio_mask: 1 where a frame has audio, f32 [b t].
        offsets: Frames, negative for audio that is moved behind, i32 [b].

    Returns:
        The moved features and mask.
    """
    frames = jnp.arange(features.shape[1])[None] + offsets[:, None]
    source = jnp.clip(frames, 0, features.shape[1] - 1)
    mask = jnp.take_along_axis(audio_mask, source, axis=1) * (source == frames)
    return jnp.take_along_axis(features, source[..., None], axis=1), mask


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
    offsets: Array | None,
) -> Array:
    """Compute the loss of sync_people (5) over stretches of several lengths.

    Args:
        lips: Embeddings, [b t d].
        audio: Embeddings, [b t d].
        lip_mask: 1 where lips exist, [b t].
        audio_mask: 1 where audio exists, [b t].
        offsets: The right offset of each clip, i32 [b]; None: no offset is right.

    Returns:
        The mean loss in nats, a scalar.
    """
    sums = [
        jnp.pad(jnp.cumsum(values, axis=1), ((0, 0), (1, 0), (0, 0)))
        for values in clip_evidence(lips, audio, lip_mask, audio_mask)
    ]
    losses = []
    for length in STRETCH_FRAMES:
        length = min(length, lips.shape[1])
        starts = np.arange(0, lips.shape[1] - length + 1, max(length // 2, 1))
        evidence, pairs = (x[:, starts + length] - x[:, starts] for x in sums)
        log_probs = offset_log_probs(evidence, pairs)
        if offsets is None:
            error, counts = -log_probs[..., -1], pairs.max(-1)
        else:
            target = offset_weights(offsets)[:, None]
            error = -jnp.sum(target * log_probs[..., :-1], axis=-1)  # sync_people (5)
            counts = jnp.sum(pairs * (target > 0), axis=-1) / 3
        enough = counts >= min(MIN_PAIRS, length)
        losses.append(masked_mean(error, enough.astype(jnp.float32)))
    return sum(losses, start=jnp.zeros(())) / len(losses)


def offset_weights(offsets: Array) -> Array:
    """Distribute a weight of 1 over the right offset [b] and its neighbours, [b o]."""
    distance = jnp.abs(jnp.asarray(OFFSETS)[None] - offsets[:, None])
    weights = (distance == 0) + NEIGHBOUR * (distance == 1)
    return weights / (1 + 2 * NEIGHBOUR)


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
