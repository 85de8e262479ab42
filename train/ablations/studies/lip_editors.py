"""Variants of LipWarp's editor: other ways to make pixels, and other training data.

Each class of configs is a talker of its own. All of them have the mouth encoder, the
losses and the training of LipWarp.
"""

import dataclasses
from typing import Any, ClassVar

import cv2
import jax.numpy as jnp
import numpy as np

from avjax.data.examples.base import Example, Record, known_lower_face
from avjax.data.examples.lip_editing import LipEditExample, make_edit_example
from avjax.faces.editing import LOWER_FACE_SIZE, crop_encoder_mouth
from avjax.faces.wrong_mouths import (
    MIDDLE,
    paste_mask,
    paste_mouth,
    rotation,
    sample_frames,
    warp,
)
from avjax.models.cals import CalsConfig, LipToFace
from avjax.models.lipwarp import LipWarpConfig, LipWarpLatents
from avjax.models.lipwarp import init_variables as init_lipwarp
from avjax.models.talker import Variables, register_talker
from avjax.nn.apply import apply_network
from avjax.nn.lip_editor import EditMaps, mouth_mask
from avjax.typing import Array, Key, Params

DECODER_WIDTH = 0.1625  # of the papers' decoder: as many parameters as the editor
# How a crop without alignment misses the face: shift in sides, turn, logarithmic zoom.
SHIFT, TURN, ZOOM = 0.04, 0.09, 0.06


def source_weights(reference: Array | float = 0.0, paint: Array | float = 0.0) -> Array:
    """Join the weights of the frame, which has the rest, the reference and paint.

    Args:
        reference: Weight of the warped reference, f32 [b s s 1].
        paint: Weight of the painted pixels, f32 [b s s 1].

    Returns:
        Weights that sum to 1, f32 [b s s 3].
    """
    frame = 1 - reference - paint
    weights = jnp.broadcast_arrays(frame, reference, paint)
    return jnp.concatenate(weights, axis=-1)


@dataclasses.dataclass(frozen=True)
class PaintConfig(LipWarpConfig):
    """Config of an editor that moves no pixels: it only paints."""

    system: ClassVar[str] = "lipwarp_paint"


class PaintLatents(LipWarpLatents):
    """Edits without flow and without the reference's pixels."""

    def predict_edit(
        self, variables: Variables, frames: Array, references: Array, latents: Array
    ) -> EditMaps:
        """Return maps that blend the frame and paint."""
        maps = super().predict_edit(variables, frames, references, latents)
        new = maps.weights[..., 1:].sum(-1, keepdims=True)
        still = jnp.zeros_like(maps.frame_flow)
        return EditMaps(still, still, maps.paint, source_weights(paint=new))


@dataclasses.dataclass(frozen=True)
class WarpConfig(LipWarpConfig):
    """Config of an editor that paints nothing: it only moves pixels."""

    system: ClassVar[str] = "lipwarp_warp"


class WarpLatents(LipWarpLatents):
    """Edits of the pixels of the frame and the reference alone."""

    def predict_edit(
        self, variables: Variables, frames: Array, references: Array, latents: Array
    ) -> EditMaps:
        """Return maps without paint."""
        maps = super().predict_edit(variables, frames, references, latents)
        new = maps.weights[..., 1:].sum(-1, keepdims=True)
        return maps._replace(weights=source_weights(reference=new))


@dataclasses.dataclass(frozen=True)
class PaperConfig(LipWarpConfig):
    """Config of the decoder that Wav2Lip, SyncTalkFace and CALS have in common."""

    system: ClassVar[str] = "lipwarp_paper"

    @property
    def decoder(self) -> CalsConfig:
        """Config of the decoder, which is guided by lip codes."""
        return CalsConfig(
            self.size, DECODER_WIDTH, self.pixel_range, unit_dim=self.code_dim
        )


class PaperLatents(LipWarpLatents):
    """Mouths painted without sight of the frame's own mouth.

    Batches are normalised by their own statistics, in evaluation also.
    """

    config: PaperConfig

    def predict_edit(
        self, variables: Variables, frames: Array, references: Array, latents: Array
    ) -> EditMaps:
        """Return maps that replace the mouth by what the decoder paints."""
        mouth = mouth_mask(frames.shape[1])[None]
        faces = jnp.concatenate([frames * (1 - mouth), references], axis=-1)
        network, params = LipToFace(self.config.decoder), variables["editor"]
        inputs = latents[:, None], faces[:, None]
        painted, _ = apply_network(
            network, params, *inputs, True, mutable=["batch_stats"]
        )
        still = jnp.zeros((*frames.shape[:3], 2))
        mouth = jnp.broadcast_to(mouth, (*frames.shape[:3], 1))
        return EditMaps(still, still, painted[:, 0], source_weights(paint=mouth))


register_talker(PaintConfig, PaintLatents)(init_lipwarp)
register_talker(WarpConfig, WarpLatents)(init_lipwarp)


@register_talker(PaperConfig, PaperLatents)
def init_variables(config: PaperConfig, key: Key) -> dict[str, Params]:
    """Initialise variables; see `avjax.models.registry.System`."""
    shapes = (
        jnp.zeros((1, 1, config.code_dim)),
        jnp.zeros((1, 1, *2 * [config.size], 6)),
    )
    variables = LipToFace(config.decoder).init(key, *shapes)
    return {**init_lipwarp(config, key), "editor": variables}


@dataclasses.dataclass(frozen=True)
class PlainExample(LipEditExample):
    """Examples without any augmentation of colour, light, place or sharpness."""

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Sample frames; the wrong mouth is pasted always in the same place."""
        face = known_lower_face(record)
        target, pasted, shown = (
            face[index].astype(np.float32) / 255
            for index in sample_frames(record["pose"], rng)
        )
        frame = paste_mouth(target, pasted, paste_mask())
        mouth = crop_encoder_mouth(target)
        images = [
            cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)
            for image in (target, frame, shown)
        ]
        return make_edit_example(images, mouth)


def scale_matrix(size: int) -> np.ndarray:
    """Make the map from the pixels of a crop [s s] to those of a lower face, [2 3]."""
    matrix = np.eye(2, 3) * LOWER_FACE_SIZE / size
    matrix[:, 2] = (LOWER_FACE_SIZE / size - 1) / 2
    return matrix


class DisplacedFaces:
    """Lower faces, moved as crops without alignment by landmarks would be.

    Attributes:
        matrices: Maps from their pixels to those of the aligned ones, f64 [t 2 3].
    """

    def __init__(self, faces: Any, rng: np.random.Generator):
        """Sample the matrices of aligned lower faces, u8 [t 128 128 3]."""
        self.faces, matrices = faces, []
        for _ in range(len(faces)):
            turn = rotation(rng.normal(0, TURN)) * np.exp(rng.normal(0, ZOOM))
            middle = MIDDLE + rng.normal(0, SHIFT * LOWER_FACE_SIZE, 2)
            matrices.append(np.column_stack([turn, middle - turn @ [MIDDLE, MIDDLE]]))
        self.matrices = np.stack(matrices)

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: int) -> np.ndarray:
        return warp(self.faces[index], self.matrices[index], LOWER_FACE_SIZE)
