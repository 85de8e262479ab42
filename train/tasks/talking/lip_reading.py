"""The lip-reading loss: generated mouths must look to a lip reader like the real ones.

A frozen lip reader encodes the mouths of generated and of real frames. The loss is the
fraction of the variance of the real features that the generated ones do not explain.

Sources   a loss in the features of a lip reader: Filntisis et al., CVPR Workshops 2023,
          "SPECTRE"; for talking faces: Wang et al., CVPR 2023, "Seeing What You Said"
          (TalkLip)
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from einops import einsum

from avjax.constants import SYNC_FRAMES
from avjax.faces.crop import MOUTH_SIZE, mouth_box
from avjax.faces.editing import GREY_WEIGHTS
from avjax.faces.mouth_crop import CROP_MARGIN
from avjax.losses.base import masked_mean
from avjax.nn.apply import apply_network
from avjax.nn.pixels import normalize_mouth
from avjax.nn.resnet import LipFrontend
from avjax.train.tasks.parts import variables_of
from avjax.typing import Array, Key, Params

PART = "lip_reader"
CONTEXT = 2  # frames on either side that a feature depends on
MIN_VARIANCE = 1e-4  # of a feature that hardly changes


@dataclasses.dataclass(frozen=True)
class LipReaderConfig:
    """Config of the frozen lip reader; it must be that of its weights.

    Attributes:
        size: Side of a mouth crop in pixels.
        width: Factor of all channel counts.
    """

    size: int = 112
    width: float = 1.0


class LipFeatures(nn.Module):
    """The first network of a lip reader, [b t h w c=1] -> [b t d].

    Its variables are those of `models.bridging.Bridging` of the same name.
    """

    config: LipReaderConfig

    def setup(self):
        self.visual = LipFrontend(self.config.width)

    def __call__(self, mouths: Array) -> Array:
        """Encode mouths, of `nn.pixels.normalize_mouth`."""
        return self.visual(mouths, False)


def init_lip_reader(config: LipReaderConfig, key: Key) -> Params:
    """Initialise the lip reader.

    Args:
        config: Its config.
        key: PRNG key.

    Returns:
        Its variables.
    """
    mouths = jnp.zeros((1, SYNC_FRAMES, config.size, config.size, 1))
    return LipFeatures(config).init(key, mouths)


def reading_loss(
    config: LipReaderConfig,
    params: Params,
    stats: Params,
    generated: Array,
    real: Array,
    weight: Array,
) -> Array:
    """Compute the lip-reading loss.

    Generated frames stand between real ones, as the lip reader looks at five frames.

    Args:
        config: Config of the lip reader.
        params: Parameters, `{part: tree}`.
        stats: Running statistics, `{part: tree}`.
        generated: Frames in [0, 1], [b t h w c=3].
        real: Frames in [0, 1], with two more on either side, [b t+4 h w c=3].
        weight: Weights of the examples, [b].

    Returns:
        The loss, a scalar: 0 if the features are equal, 1 if each generated feature is
        as far from the real one as the mean of all real features is.
    """
    reader = variables_of(params, stats, PART)
    inner = slice(CONTEXT, -CONTEXT)

    def encode(frames: Array) -> Array:
        mouths = crop_mouths(frames, config.size)
        return apply_network(LipFeatures(config), reader, mouths)[:, inner]

    target = jax.lax.stop_gradient(encode(real))
    pred = encode(real.at[:, inner].set(generated))
    variance = jnp.maximum(jnp.var(target, axis=(0, 1)), MIN_VARIANCE)
    error = jnp.square(pred - target) / variance[None, None]
    return masked_mean(jnp.mean(error, axis=(1, 2)), weight)


def crop_mouths(faces: Array, size: int) -> Array:
    """Crop the mouths of face crops, as lip readers see them.

    Args:
        faces: Frames in [0, 1], [b t h w c=3].
        size: Side of a mouth crop in pixels.

    Returns:
        Standardised grey mouth crops, [b t size size c=1].
    """
    rows, columns = map(jnp.asarray, _mouth_weights(faces.shape[-2], size))
    grey = einsum(faces, jnp.asarray(GREY_WEIGHTS), "b t h w c, c -> b t h w")
    mouths = einsum(grey, rows, columns, "b t h w, y h, x w -> b t y x")
    return normalize_mouth(255 * mouths[..., None])


def _mouth_weights(side: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute the weights of bilinear interpolation of rows and columns, [size side].

    Pixels outside of the face have the values of its border.
    """
    left, top, right, bottom = mouth_box(np.array([0, 0, side, side], np.float32))
    weights = []
    for first, last in ((top, bottom), (left, right)):
        margin = CROP_MARGIN * (last - first) / MOUTH_SIZE
        edges = np.linspace(first + margin, last - margin, size + 1)
        centres = (edges[:-1] + edges[1:] - 1) / 2
        distance = np.abs(np.clip(centres, 0, side - 1)[:, None] - np.arange(side))
        weights.append(np.maximum(1 - distance, 0).astype(np.float32))
    return weights[0], weights[1]
