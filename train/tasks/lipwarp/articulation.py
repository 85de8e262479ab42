"""Train the audio network on synthetic speech, whose articulation is known."""

import dataclasses
from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp

from avjax.data.puppet.visemes import TRACKS
from avjax.metrics.base import Mean
from avjax.metrics.lip_codes import clip_correlation
from avjax.models.lipwarp import AudioToCode, LipWarpConfig, init_variables
from avjax.nn.apply import apply_network
from avjax.train.task import LossAux, Objective, ReleasedWeights, Task
from avjax.typing import Array, Batch, Key, Params

PART, HEAD = "audio_to_code", "articulation"
MIN_VARIANCE = 1e-4  # of a track in a batch
REPORTED = "jaw", "closure"


@dataclasses.dataclass(frozen=True)
class ArticulationTask(Task):
    """Train `audio_to_code`; a linear layer predicts articulation from its codes.

    It takes batches of `ArticulationExample`. The codes have no meaning of their own:
    `AudioToCodeTask` starts from the network, and learns those of a mouth encoder.
    The linear layer is not released.

    Attributes:
        model: Config of the model.
    """

    model: LipWarpConfig = LipWarpConfig()

    def objectives(self) -> tuple[Objective, ...]:
        """List the only objective. See `Task.objectives`."""
        return (Objective("audio", (PART, HEAD), self.loss),)

    @property
    def head(self) -> nn.Dense:
        """The linear layer from codes to articulation."""
        return nn.Dense(len(TRACKS), kernel_init=nn.initializers.zeros_init())

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise both parts; the batch is not used. See `Task.init`."""
        head = self.head.init(key, jnp.zeros((1, self.model.code_dim)))
        audio = init_variables(self.model, key)[PART]
        return {PART: audio["params"], HEAD: head["params"]}, {}

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the mean squared error of the tracks. See `Objective.loss`.

        The error of a track is divided by its variance in the batch.
        """
        mask = batch["frame_mask"] * batch["weight"][:, None]
        share = (mask / jnp.maximum(mask.sum(), 1))[..., None]
        true = batch["articulation"]
        mean = jnp.sum(share * true, axis=(0, 1))
        variance = jnp.sum(share * (true - mean[None, None]) ** 2, axis=(0, 1))
        pred = self.predict_tracks(params, batch, {"dropout": key})
        error = jnp.sum(share * (pred - true) ** 2, axis=(0, 1))
        return jnp.mean(error / (variance + MIN_VARIANCE)), LossAux({}, {})

    def predict_tracks(self, params: Params, batch: Batch, rngs: Params) -> Array:
        """Predict articulation from audio, f32 [b t a]; with keys, apply dropout."""
        mels = batch["mels"]
        lookahead = jnp.full(len(mels), self.model.context_frames)
        codes = apply_network(
            AudioToCode(self.model),
            {"params": params[PART]},
            *(mels, batch["frame_mask"], lookahead, bool(rngs)),
            rngs=rngs,
        )
        return apply_network(self.head, {"params": params[HEAD]}, codes)

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Correlate predicted and true tracks over each clip. See `Task.evaluate`.

        Returns:
            `jaw` and `closure`: correlations of these tracks; `articulation`: mean of
            all.
        """
        pred, true = self.predict_tracks(params, batch, {}), batch["articulation"]
        correlation = clip_correlation(pred, true, batch["frame_mask"])
        values = {name: correlation[:, TRACKS.index(name)] for name in REPORTED}
        values[HEAD] = jnp.mean(correlation, axis=1)
        return {
            name: Mean.from_values(value, batch["weight"])
            for name, value in values.items()
        }

    def export(self, params: Params, stats: Params) -> ReleasedWeights:
        """Release the audio network alone. See `Task.export`."""
        parts = {PART: params[PART]}
        return ReleasedWeights(self.model.system, parts, {}, self.model)
