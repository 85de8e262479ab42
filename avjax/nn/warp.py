"""Image warping and resizing, and residual blocks."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange, reduce

from avjax.nn.layers import ConvNoBias
from avjax.nn.precision import dense_type
from avjax.typing import Array

NUM_GROUPS = 8  # of GroupNorm; channel counts are multiples of it


def warp_image(image: Array, flow: Array) -> Array:
    """Sample an image at displaced positions, bilinearly.

    Positions beyond the border are moved to it.

    Args:
        image: [b h w c].
        flow: Displacement x, y of each sample in pixels, f32 [b h w 2].

    Returns:
        Pixel (y, x) is `image` at (y + flow y, x + flow x), [b h w c].
    """
    batch, height, width, channels = image.shape
    x = jnp.clip(jnp.arange(width)[None, None] + flow[..., 0], 0, width - 1)
    y = jnp.clip(jnp.arange(height)[None, :, None] + flow[..., 1], 0, height - 1)
    x0 = jnp.clip(jnp.floor(x).astype(jnp.int32), 0, width - 2)
    y0 = jnp.clip(jnp.floor(y).astype(jnp.int32), 0, height - 2)
    right, down = (x - x0)[..., None], (y - y0)[..., None]
    pixels = rearrange(image, "b h w c -> b (h w) c")

    def pixel(row: Array, column: Array) -> Array:
        index = (row * width + column).reshape(batch, height * width, 1)
        return jnp.take_along_axis(pixels, index, axis=1).reshape(
            batch, height, width, channels
        )

    upper = (1 - right) * pixel(y0, x0) + right * pixel(y0, x0 + 1)
    lower = (1 - right) * pixel(y0 + 1, x0) + right * pixel(y0 + 1, x0 + 1)
    return (1 - down) * upper + down * lower


def space_to_depth(x: Array) -> Array:
    """Move every 2 x 2 pixels to channels: [b 2h 2w c] -> [b h w 4c]."""
    return rearrange(x, "b (h r) (w s) c -> b h w (r s c)", r=2, s=2)


def depth_to_space(x: Array) -> Array:
    """Invert `space_to_depth`: [b h w 4c] -> [b 2h 2w c]."""
    return rearrange(x, "b h w (r s c) -> b (h r) (w s) c", r=2, s=2)


def double_size(x: Array) -> Array:
    """Repeat every pixel 2 x 2 times: [b h w c] -> [b 2h 2w c]."""
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


class ResidualBlocks(nn.Module):
    """Pairs of convolutions with a shortcut.  [b h w d] -> [b h w d]."""

    count: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for block in range(self.count):
            first, second = (
                ConvNoBias(x.shape[-1], 3, dtype=self.dtype, name=f"conv_{block}_{i}")
                for i in range(2)
            )
            x = x + second(nn.relu(first(x)))
        return x


class FilmBlock(nn.Module):
    """Residual block whose features a code scales and shifts.

    It has no batch statistics: a frame never depends on the other frames of its batch.

    Attributes:
        features: Output channels, a multiple of 8.
        dtype: Type of the products.

    Source:
        Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI
        2018; Wu and He, "Group Normalization", ECCV 2018.
    """

    features: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, code: Array) -> Array:
        """Transform x [b h w c] by a code [b d] to [b h w features]."""
        skip, dtype = x, dense_type(self.dtype)
        if x.shape[-1] != self.features:
            skip = nn.Conv(self.features, (1, 1), dtype=dtype, name="skip")(x)
        y = nn.swish(nn.GroupNorm(NUM_GROUPS, name="norm1")(x))
        y = nn.Conv(self.features, (3, 3), dtype=dtype, name="conv1")(y)
        film = nn.Dense(
            2 * self.features,
            dtype=dtype,
            kernel_init=nn.initializers.normal(0.05),
            name="film",
        )
        scale, shift = jnp.split(film(code)[:, None, None], 2, axis=-1)
        y = nn.GroupNorm(NUM_GROUPS, name="norm2")(y) * (1 + scale) + shift
        small = nn.initializers.normal(0.01)
        conv2 = nn.Conv(
            self.features, (3, 3), dtype=dtype, kernel_init=small, name="conv2"
        )
        return skip + conv2(nn.swish(y))


def halve(x: Array) -> Array:
    """Average 2 x 2 pixels.

    Args:
        x: [b 2h 2w d].

    Returns:
        [b h w d].
    """
    return reduce(x, "b (h r) (w s) d -> b h w d", "mean", r=2, s=2)


def double(x: Array) -> Array:
    """Resize bilinearly to twice the size, with continued edges.

    Args:
        x: [b h w d]; new pixels lie a quarter of a pixel before and after old ones.

    Returns:
        [b 2h 2w d].
    """
    for axis in (1, 2):
        size = x.shape[axis]
        padding = [(0, 0)] * 4
        padding[axis] = (1, 1)
        padded = jnp.pad(x, padding, "edge")
        before, after = (
            0.75 * x
            + 0.25 * jax.lax.slice_in_dim(padded, first, first + size, axis=axis)
            for first in (0, 2)
        )
        x = jnp.stack([before, after], axis=axis + 1)
        x = x.reshape(*x.shape[:axis], 2 * size, *x.shape[axis + 2 :])
    return x
