"""Train the lip editor of LipWarp, together with its mouth encoder."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange

from avjax.algorithms.lip_adaptation import alter_frames, edit_frames
from avjax.errors import InputError
from avjax.losses.base import masked_mean
from avjax.losses.editing import editing_loss, mouth_l1
from avjax.metrics.base import Mean
from avjax.metrics.lip_codes import clip_correlation
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.registry import get_system
from avjax.models.talker import LatentSpace, latent_space
from avjax.nn.lip_editor import EditMaps
from avjax.train.task import LossAux, Objective, ReleasedWeights, Task
from avjax.train.tasks.lipwarp.mouths import crop_mouths
from avjax.train.tasks.parts import split_variables
from avjax.typing import Array, Batch, Key, Params

PARTS = "mouth_encoder", "editor"


@dataclasses.dataclass(frozen=True)
class LipEditingTask(Task):
    """Train the parts `mouth_encoder` and `editor`.

    It trains on batches of `LipEditExample` and is evaluated on `LipEditClip`.

    Attributes:
        model: Config of the model.
        freeze_encoder: Train the editor alone; the encoder comes from `init_from`.
        code_noise: Standard deviation of noise that is added to the lip codes.
        altered_share: Share of the examples whose frame the editor itself has altered,
            with the lip code of another example, instead of a pasted mouth.
        altered_gain: Factor of those lip codes.
    """

    model: LipWarpConfig = LipWarpConfig()
    freeze_encoder: bool = False
    code_noise: float = 0.12
    altered_share: float = 0.5
    altered_gain: float = 1.25

    def objectives(self) -> tuple[Objective, ...]:
        """List the only objective. See `Task.objectives`."""
        parts = ("editor",) if self.freeze_encoder else PARTS
        return (Objective("editor", parts, self.loss),)

    @property
    def space(self) -> LatentSpace:
        """The latent space of the model."""
        return latent_space(self.model)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        """Initialise both parts; the batch is not used. See `Task.init`."""
        variables = get_system(self.model.system).init_variables(self.model, key)
        return split_variables({part: variables[part] for part in PARTS})

    def validate(self, batch: Mapping[str, Any]) -> None:
        """Check the size of the frames. See `Task.validate`."""
        if (size := batch["frame"].shape[-2]) != self.model.size:
            raise InputError(
                f"task.model.size is {self.model.size}, but the examples have {size} "
                "pixels; set the size of their transform to it"
            )

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, LossAux]:
        """Compute the loss of edited frames, lipwarp (6). See `Objective.loss`."""
        codes = self.encode(params, batch["mouth"])
        frames = alter_frames(
            self.model,
            params["editor"],
            {**batch, "code": self.altered_gain * codes},
            self.altered_share,
        )
        noise = self.code_noise * jax.random.normal(key, codes.shape)
        edited, maps = self.edit(params, frames, batch["reference"], codes + noise)
        loss = editing_loss(edited, batch["target"], maps)
        errors = {
            "l1": mouth_l1(edited, batch["target"]),
            "unedited_l1": mouth_l1(frames, batch["target"]),
        }
        logs = {
            name: masked_mean(error, batch["weight"]) for name, error in errors.items()
        }
        return masked_mean(loss, batch["weight"]), LossAux(logs)

    def encode(self, params: Params, mouths: Array) -> Array:
        """Encode mouths f32 [b 40 56] as lip codes [b d]."""
        variables = {"mouth_encoder": {"params": params["mouth_encoder"]}}
        return self.space.encode_mouths(variables, mouths[..., None])

    def edit(
        self, params: Params, frames: Array, references: Array, codes: Array
    ) -> tuple[Array, EditMaps]:
        """Edit frames; see `avjax.algorithms.lip_adaptation.edit_frames`."""
        return edit_frames(self.model, params["editor"], frames, references, codes)

    def evaluate(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """Measure errors at the mouth, and which lip codes edited frames show.

        See `Task.evaluate`.

        Returns:
            `l1` and `unedited_l1`, errors of pixels in [0, 1] at the mouth; `lips`, the
            correlation over a clip of the lip codes of edited frames with the wanted
            ones; `leak`, the same with those of the unedited frames.
        """
        count = batch["frame"].shape[1]
        frames, target, reference, mouths = (
            rearrange(batch[key], "b t ... -> (b t) ...")
            for key in ("frame", "target", "reference", "mouth")
        )
        codes = self.encode(params, mouths)
        edited, _ = self.edit(params, frames, reference, codes)
        shown, unedited = (
            self.encode(params, crop_mouths(images)[..., 0])
            for images in (edited, frames)
        )
        codes, shown, unedited = (
            rearrange(values, "(b t) d -> b t d", t=count)
            for values in (codes, shown, unedited)
        )
        exists = jnp.ones(codes.shape[:2])
        values = {
            "l1": rearrange(mouth_l1(edited, target), "(b t) -> b t", t=count),
            "unedited_l1": rearrange(mouth_l1(frames, target), "(b t) -> b t", t=count),
            "lips": clip_correlation(shown, codes, exists),
            "leak": clip_correlation(shown, unedited, exists),
        }
        return {
            name: Mean.from_values(value, batch["weight"])
            for name, value in values.items()
        }

    def visualize(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Array]:
        """Show a clip: unedited, edited and true frames. See `Task.visualize`."""
        frames, target, reference, mouths = (
            batch[key][0] for key in ("frame", "target", "reference", "mouth")
        )
        codes = self.encode(params, mouths)
        edited, _ = self.edit(params, frames, reference, codes)
        images = jnp.concatenate([frames, edited, target], axis=2)
        return {"edited": jnp.round(255 * jnp.clip(images, 0, 1)).astype(jnp.uint8)}

    def export(self, params: Params, stats: Params) -> ReleasedWeights:
        """Release both parts; `AudioToCodeTask` adds the third. See `Task.export`."""
        return ReleasedWeights(
            self.model.system, {part: params[part] for part in PARTS}, {}, self.model
        )
