"""Where the lips are, in a face crop: a small network, to measure by."""

import dataclasses
from typing import ClassVar

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import einsum, rearrange, repeat

from avjax.nn.layers import Conv
from avjax.nn.wav2lip import Row, Tower, half, same
from avjax.typing import Array


@dataclasses.dataclass(frozen=True)
class LandmarkConfig:
    system: ClassVar[str] = "landmarks"
    size: int = 96  # sides of a face crop
    width: float = 1.0  # scales all channels


class LipLandmarks(nn.Module):
    """Twenty points of the lips, as a share of the sides of the crop.

    Each point is the mean of its own map of weights over the lower half of the face, so
    that a mouth elsewhere in the picture is found as well.  Points are 48 to 67 of the
    68-point scheme.
    """

    size: int
    width: float = 1.0
    points: int = 20

    @nn.compact
    def __call__(self, faces: Array, train: bool = False) -> Array:
        """Face crops [b h w c=3] in [0, 1] -> [b p 2], x and y."""
        chex.assert_shape(faces, (None, self.size, self.size, 3))
        lower = 2 * faces[:, self.size // 2 :] - 1
        near = (Row(16, 5, 2, 2), half(32), same(32))
        near = Tower(near, self.width, name="near")(lower, train)
        far = (half(64), half(64), same(64), same(64), Row(32, 1))
        far = Tower(far, self.width, name="far")(near, train)
        far = repeat(far, "b h w d -> b (h r) (w s) d", r=4, s=4)
        both = jnp.concatenate([near, far], axis=-1)
        both = Tower((Row(64, 3, 1, 1),), self.width, name="both")(both, train)
        maps = Conv(self.points, 1, name="maps")(both)
        return centres(maps)


def centres(maps: Array) -> Array:
    """Mean place under softmax.  Maps of the lower half [b h w p] -> [b p 2]."""
    rows, columns = maps.shape[1:3]
    weights = jax.nn.softmax(rearrange(maps, "b h w p -> b p (h w)"))
    weights = weights.reshape(*weights.shape[:2], rows, columns)
    across = (jnp.arange(columns) + 0.5) / columns
    down = 0.5 + 0.5 * (jnp.arange(rows) + 0.5) / rows
    x = einsum(weights, across, "b p h w, w -> b p")
    y = einsum(weights, down, "b p h w, h -> b p")
    return jnp.stack([x, y], axis=-1)
