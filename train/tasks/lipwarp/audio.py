"""Train the prediction of lip codes from audio."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange

from avjax.losses.base import masked_mean
from avjax.losses.editing import center_clips, code_loss, main_directions
from avjax.metrics.base import Mean
from avjax.metrics.lip_codes import clip_correlation, clip_std
from avjax.models.lipwarp import (
    AudioToCode,
    LipWarpConfig,
    init_variables,
)
from avjax.models.talker import latent_space
from avjax.nn.apply import apply_network
from avjax.train.task import LossAux, Objective, ReleasedWeights, Task
from avjax.train.tasks.lipwarp.mouths import interpolate_frames
from avjax.train.tasks.parts import split_variables
from avjax.typing import Array, Batch, Key, Params

PART, FROZEN = "audio_to_code", ("mouth_encoder", "editor")
STATS = "averages"  # key of the running statistics, which are not those of a part
MIN_STD = 1e-3  # of a lip code


@dataclasses.dataclass(frozen=True)
class AudioToCodeTask(Task):
    """Train the part `audio_to_code`; `mouth_encoder` and `editor` are frozen.

    It takes batches of `LipCodeExample`. The target is the mean code of a mouth and of
    its mirror image, divided by its standard deviation within clips; the last layer is
    multiplied by it when the weights are released. Evaluated and released are running
    averages of the parameters.

    Attributes:
        model: Config of the model.
        average_decay: Decay of the averages of the parameters.
        covariance_decay: Decay of the covariance of the codes.
    """

    model: LipWarpConfig = LipWarpConfig()
    average_decay: float = 0.995
    covariance_decay: float = 0.99

    def objectives(self) -> tuple[Objective, ...]:
        """List the only objective. See `Task.objectives`."""
        return (Objective("audio", (PART,), self.loss),)

    @property
    def network(self) -> AudioToCode:
        """The network from audio to lip codes."""
        return AudioToCode(self.model)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise all parts; the batch is not used. See `Task.init`."""
        params, stats = split_variables(init_variables(self.model, key))
        dim = self.model.code_dim
        averages = {
            "params": jax.tree.map(jnp.zeros_like, params[PART]),
            "steps": jnp.zeros(()),
            "codes": jnp.zeros(dim),
            "products": jnp.zeros((dim, dim)),
            "frames": jnp.zeros(()),
        }
        return params, {**stats, STATS: averages}

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the loss of predicted codes, lipwarp (7). See `Objective.loss`."""
        mask = batch["frame_mask"]
        codes = self.target_codes(params, batch)
        averages = self.update_averages(params, stats[STATS], codes, mask)
        covariance = code_covariance(averages)
        pred = apply_network(
            self.network,
            {"params": params[PART]},
            *(batch["mels"], mask, self.lookahead(batch), True),
            rngs={"dropout": key},
        )
        std = jnp.sqrt(jnp.diagonal(covariance))[None, None]
        loss = code_loss(pred, codes / std, mask, main_directions(covariance))
        total = masked_mean(loss, mask * batch["weight"][:, None])
        return total, LossAux({}, {STATS: averages})

    def lookahead(self, batch: Batch) -> Array:
        """Return the lookahead of every clip: the whole context, i32 [b]."""
        return jnp.full(len(batch["mels"]), self.model.context_frames)

    def target_codes(self, params: Params, batch: Batch) -> Array:
        """Encode mouths and their mirror images, and interpolate over time.

        Args:
            params: Parameters, `{part: tree}`.
            batch: A batch.

        Returns:
            Lip codes of the frames, f32 [b t d].
        """
        variables = {"mouth_encoder": {"params": params["mouth_encoder"]}}
        count = batch["mouths"].shape[1]
        mouths = rearrange(batch["mouths"] / 255, "b t h w -> (b t) h w 1")
        space = latent_space(self.model)
        codes, mirrored = (
            space.encode_mouths(variables, images)
            for images in (mouths, mouths[:, :, ::-1])
        )
        codes = rearrange((codes + mirrored) / 2, "(b t) d -> b t d", t=count)
        return interpolate_frames(codes, batch["positions"])

    def update_averages(
        self, params: Params, averages: Params, codes: Array, frame_mask: Array
    ) -> Params:
        """Update the averages of the parameters, and the covariance of codes.

        Args:
            params: Parameters, `{part: tree}`.
            averages: The statistics of `init`.
            codes: Lip codes, [b t d].
            frame_mask: 1 where a frame exists, f32 [b t].

        Returns:
            The new statistics.
        """
        steps = averages["steps"] + 1
        decay = jnp.minimum(self.average_decay, 1 - 1 / steps)
        centred = center_clips(codes, frame_mask)
        products = jnp.einsum("b t c, b t d -> c d", centred, centred)
        total = jnp.einsum("b t d, b t -> d", codes, frame_mask)
        return {
            "params": jax.tree.map(
                lambda old, new: decay * old + (1 - decay) * new,
                averages["params"],
                params[PART],
            ),
            "steps": steps,
            "codes": self.covariance_decay * averages["codes"] + total,
            "products": self.covariance_decay * averages["products"] + products,
            "frames": self.covariance_decay * averages["frames"] + frame_mask.sum(),
        }

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Correlate predicted and true codes over each clip. See `Task.evaluate`.

        Returns:
            `lips1`, `lips2` and `lips3`: correlation along each main direction; and
            `motion1`: the standard deviation along the first one, over the true one.
        """
        mask = batch["frame_mask"]
        covariance = code_covariance(stats[STATS])
        std = jnp.sqrt(jnp.diagonal(covariance))[None, None]
        inputs = batch["mels"], mask, self.lookahead(batch)
        variables = {"params": released_params(params, stats)}
        directions = main_directions(covariance)
        pred, true = (
            values / std @ directions
            for values in (
                apply_network(self.network, variables, *inputs),
                self.target_codes(params, batch),
            )
        )
        correlation = clip_correlation(pred, true, mask)
        values = {f"lips{number + 1}": correlation[:, number] for number in range(3)}
        ratio = clip_std(pred, mask) / (clip_std(true, mask) + MIN_STD)
        return {
            name: Mean.from_values(value, batch["weight"])
            for name, value in {**values, "motion1": ratio[:, 0]}.items()
        }

    def export(self, params: Params, stats: Params) -> ReleasedWeights:
        """Release all parts of the talker. See `Task.export`."""
        parts: dict[str, Any] = {part: params[part] for part in FROZEN}
        parts[PART] = jax.device_get(released_params(params, stats))
        averages = stats[STATS]
        mean = np.asarray(averages["codes"] / jnp.maximum(averages["frames"], 1))
        model = dataclasses.replace(self.model, speech_code=tuple(mean.tolist()))
        return ReleasedWeights(self.model.system, parts, {}, model)


def code_covariance(averages: Params) -> Array:
    """Compute the covariance of codes within clips; 1 before the first step.

    Args:
        averages: The statistics of `AudioToCodeTask.init`.

    Returns:
        f32 [d d].
    """
    products, frames = averages["products"], averages["frames"]
    identity = jnp.eye(len(products))
    covariance = products / jnp.maximum(frames, 1) + MIN_STD**2 * identity
    return jnp.where(frames > 0, covariance, identity)


def released_params(params: Params, stats: Params) -> Params:
    """Compute the parameters of `audio_to_code` that are evaluated and released.

    Args:
        params: Parameters, `{part: tree}`.
        stats: Running statistics.

    Returns:
        The averages, whose last layer returns lip codes; the parameters themselves
        before the first step.
    """
    averages = stats[STATS]
    trained = averages["steps"] > 0
    tree = jax.tree.map(
        lambda average, new: jnp.where(trained, average, new),
        averages["params"],
        params[PART],
    )
    std = jnp.sqrt(jnp.diagonal(code_covariance(averages)))
    last = {
        "kernel": tree["code"]["kernel"] * std[None],
        "bias": tree["code"]["bias"] * std,
    }
    return {**tree, "code": last}
