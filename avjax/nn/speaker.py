"""Embedding of a speaker, from one picture of the face."""

import flax.linen as nn
import jax.numpy as jnp

from avjax.nn.layers import ConvSpec, ConvStack, downsample
from avjax.nn.pixels import normalize_pixels
from avjax.nn.precision import dense_type, to_full_precision
from avjax.typing import Array


class SpeakerEncoder(nn.Module):
    """Encode a picture of a face, u8 [b h w c=3] -> [b d].

    Attributes:
        dim: Length of the embedding, d.
        dtype: Type of the products.
    """

    dim: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, portrait: Array, train: bool) -> Array:
        """Encode portraits u8 [b h w c=3]."""
        specs = (ConvSpec(16, 5, 2, 2), downsample(32), downsample(64), downsample(128))
        pixels = normalize_pixels(portrait, "[-1,1]")
        maps = ConvStack(specs, dtype=self.dtype, name="convs")(pixels, train)
        features = jnp.mean(to_full_precision(maps), axis=(1, 2))
        proj = nn.Dense(self.dim, dtype=dense_type(self.dtype), name="proj")
        return proj(features)  # taem (2)
