"""A small lip landmark detector for face crops, used to measure talking faces.

Paper       None: the network is our own.  The layout of the points is that of the
            68-point scheme (points 48 to 67).

Symbols     w      weights of the pixels of the lower half, one map per point [b p h w]
            p      a lip point, x and y as fractions of the sides [b p 2]

Equations   (numbered by us)
    (1)  w = softmax of a heatmap                 here                     LipLandmarks
    (2)  p = mean position under w                here                     soft_argmax
    (3)  L1 loss of points                        losses/reconstruction.py landmark_l1

Departures  None, because there is no paper.  A point is the mean of a map over the
            lower half of the crop, so that the detector also finds a mouth that is not
            in the middle; it has no confidence and always returns a mouth.
"""

import dataclasses
from typing import ClassVar

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import einsum, rearrange, repeat

from avjax.constants import NUM_LIP_POINTS
from avjax.models.registry import register_system
from avjax.nn.layers import Conv
from avjax.nn.wav2lip import ConvSpec, ConvStack, downsample, residual
from avjax.typing import Array, Key, Params


@dataclasses.dataclass(frozen=True)
class LipLandmarksConfig:
    """Config of the lip landmark detector.

    Attributes:
        size: Side of a face crop in pixels.
        width: Factor of all channel counts.
    """

    system: ClassVar[str] = "lip_landmarks"
    SIZE_MULTIPLE: ClassVar[int] = 32
    size: int = 96
    width: float = 1.0


class LipLandmarks(nn.Module):
    """Detect twenty lip points in a face crop.

    Attributes:
        size: Side of a face crop in pixels.
        width: Factor of all channel counts.
        points: Number of points, p.
    """

    size: int
    width: float = 1.0
    points: int = NUM_LIP_POINTS

    @nn.compact
    def __call__(self, faces: Array, train: bool = False) -> Array:
        """Detect lip points.

        Args:
            faces: Face crops in [0, 1], f32 [b h w c=3].
            train: Use and update batch statistics.

        Returns:
            x and y of each point as fractions of the sides, f32 [b p 2].
        """
        chex.assert_shape(faces, (None, self.size, self.size, 3))
        lower = 2 * faces[:, self.size // 2 :] - 1
        rows = (ConvSpec(16, 5, 2, 2), downsample(32), residual(32))
        fine = ConvStack(rows, self.width, name="fine")(lower, train)
        rows = (downsample(64), downsample(64), residual(64), residual(64))
        rows = (*rows, ConvSpec(32, 1))
        coarse = ConvStack(rows, self.width, name="coarse")(fine, train)
        coarse = repeat(coarse, "b h w d -> b (h r) (w s) d", r=4, s=4)
        features = jnp.concatenate([fine, coarse], axis=-1)
        rows = (ConvSpec(64, 3, 1, 1),)
        features = ConvStack(rows, self.width, name="merge")(features, train)
        return soft_argmax(Conv(self.points, 1, name="heatmaps")(features))


def soft_argmax(heatmaps: Array) -> Array:
    """Compute the mean position under the softmax of each map.

    Args:
        heatmaps: Logits over the lower half of the crop, [b h w p].

    Returns:
        x and y as fractions of the sides of the whole crop, [b p 2].
    """
    height, width = heatmaps.shape[1:3]
    weights = jax.nn.softmax(rearrange(heatmaps, "b h w p -> b p (h w)"))
    weights = weights.reshape(*weights.shape[:2], height, width)  # lip_landmarks (1)
    columns = (jnp.arange(width) + 0.5) / width
    rows = 0.5 + 0.5 * (jnp.arange(height) + 0.5) / height
    x = einsum(weights, columns, "b p h w, w -> b p")
    y = einsum(weights, rows, "b p h w, h -> b p")
    return jnp.stack([x, y], axis=-1)  # lip_landmarks (2)


@register_system(LipLandmarksConfig)
def init_variables(config: LipLandmarksConfig, key: Key) -> dict[str, Params]:
    """Initialise the variables of an untrained landmark detector.

    Args:
        config: The config.
        key: A PRNG key.

    Returns:
        {part: variables}, of the part "lip_landmarks".
    """
    faces = jnp.zeros((1, config.size, config.size, 3))
    variables = LipLandmarks(config.size, config.width).init(key, faces)
    return {"lip_landmarks": variables}
