"""Train the sync expert to decide if mouths and audio are in sync."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from einops import rearrange

from avjax.constants import SYNC_FRAMES
from avjax.losses.base import masked_mean
from avjax.losses.sync import sync_loss
from avjax.metrics.base import Mean
from avjax.models.sync_expert import SyncExpert, SyncExpertConfig
from avjax.nn.apply import apply_network
from avjax.nn.pixels import normalize_pixels
from avjax.train.task import LossAux
from avjax.train.tasks.parts import SinglePartTask
from avjax.typing import Array, Batch, Key, Params

SYNC_THRESHOLD = 0.5  # cosine above which a pair counts as in sync


@dataclasses.dataclass(frozen=True)
class SyncExpertTask(SinglePartTask):
    """Train the part `sync_expert`. It takes batches of `SyncExample`.

    Attributes:
        model: Config of the sync expert.
    """

    part: ClassVar[str] = "sync_expert"
    model: SyncExpertConfig = SyncExpertConfig()

    @property
    def sync_expert(self) -> SyncExpert:
        """The network."""
        return SyncExpert(**dataclasses.asdict(self.model))

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise the sync expert for the shapes of a batch. See `Task.init`."""
        lips = normalize_pixels(batch["lips"][:, 0], "[0,1]")
        variables = self.sync_expert.init(key, batch["mels"][:, 0], lips, False)
        return (
            {self.part: variables["params"]},
            {self.part: variables["batch_stats"]},
        )

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the cross-entropy of *in sync*; ln 2 = 0.69 is the level of chance.

        See `SinglePartTask.loss`. The accuracy is among the logs.
        """
        mels, lips = flatten_moments(batch)
        (audio, video), changed = apply_network(
            self.sync_expert,
            self.variables(params, stats),
            mels,
            lips,
            True,
            mutable=["batch_stats"],
        )
        pairs = compare_pairs(audio, video, batch)
        loss = masked_mean(pairs.error, pairs.weight)
        logs = {"accuracy": masked_mean(pairs.correct, pairs.weight)}
        return loss, LossAux(logs, {self.part: changed["batch_stats"]})

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Measure the classification of pairs as *in sync*. See `Task.evaluate`.

        Returns:
            `accuracy`, with a threshold of `SYNC_THRESHOLD` on the cosine; and `loss`.
        """
        mels, lips = flatten_moments(batch)
        audio, video = apply_network(
            self.sync_expert, self.variables(params, stats), mels, lips, False
        )
        pairs = compare_pairs(audio, video, batch)
        return {
            "accuracy": Mean.from_values(pairs.correct, pairs.weight),
            "loss": Mean.from_values(pairs.error, pairs.weight),
        }


class Pairs(NamedTuple):
    """The mouths of every moment of a clip, paired with the audio of every moment.

    Attributes:
        error: Cross-entropy in nats, [b m m].
        correct: 1 where the pair is classified correctly, [b m m].
        weight: Weights; pairs in sync and out of sync count the same, [b m m].
    """

    error: Array
    correct: Array
    weight: Array


def flatten_moments(batch: Batch) -> tuple[Array, Array]:
    """Join the axes of clips and of moments, as the network takes them.

    Args:
        batch: A batch of `SyncExample`.

    Returns:
        Log-mel windows [(b m) f k], and mouths in [0, 1], [(b m) t h w c].
    """
    lips = rearrange(batch["lips"], "b m ... -> (b m) ...")
    mels = rearrange(batch["mels"], "b m f k -> (b m) f k")
    return mels, normalize_pixels(lips, "[0,1]")


def compare_pairs(audio: Array, video: Array, batch: Batch) -> Pairs:
    """Rate all pairs of moments within each clip.

    Voice and face are the same in all pairs, so that they cannot help. Pairs of
    different moments that share a frame have weight zero.

    Args:
        audio: Embeddings of unit length, [(b m) d].
        video: Embeddings of unit length, [(b m) d].
        batch: `start` [b m], the first frame of each moment, and `weight` [b].

    Returns:
        The pairs.
    """
    moments = batch["start"].shape[1]
    audio = rearrange(audio, "(b m) d -> b 1 m d", m=moments)
    video = rearrange(video, "(b m) d -> b m 1 d", m=moments)
    distance = jnp.abs(batch["start"][:, :, None] - batch["start"][:, None])
    match = (distance == 0).astype(jnp.float32)
    predicted = jnp.sum(audio * video, axis=-1) > SYNC_THRESHOLD
    disjoint = (distance >= SYNC_FRAMES).astype(jnp.float32)
    return Pairs(
        error=sync_loss(audio, video, match),
        correct=(predicted == (distance == 0)).astype(jnp.float32),
        weight=(share_weight(match) + share_weight(disjoint))
        * batch["weight"][:, None, None],
    )


def share_weight(selected: Array) -> Array:
    """Divide a weight of one per clip evenly among the selected pairs.

    Args:
        selected: 1 or 0, [b m m].

    Returns:
        Weights, [b m m].
    """
    return selected / jnp.maximum(jnp.sum(selected, axis=(1, 2), keepdims=True), 1)
