"""Transformer encoder with local (windowed) self-attention and relative position bias.

Each layer attends to a few frames on both sides. All layers together see exactly the
requested context. Only relative positions count.

Source   Vaswani et al., 2017; pre-normalisation: Xiong et al., 2020; one bias per head
         and distance: Shaw et al., 2018, simplified as in Raffel et al., 2020
"""

from typing import TypeVar

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import einsum, rearrange

from avjax.constants import NEG_INF
from avjax.nn.precision import as_factors, dense_type, to_full_precision
from avjax.typing import Array

IntOrArray = TypeVar("IntOrArray", int, Array)


class LocalTransformer(nn.Module):
    """Transformer encoder with a limited context, [b t d] -> [b t d].

    Attributes:
        context: Frames on both sides that an output depends on, over all layers.
        layers: Number of layers.
        heads: Number of heads, a divisor of d.
        dropout: Dropout rate of both branches of a layer.
        dtype: Type of the products.
    """

    context: int
    layers: int = 4
    heads: int = 8
    dropout: float = 0.1
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self, x: Array, mask: Array, lookahead: Array, train: bool = False
    ) -> Array:
        """Encode a sequence. Needs a `dropout` key if `train` is true.

        Args:
            x: Features, [b t d].
            mask: 1 for frames that exist; others are not attended to, [b t].
            lookahead: Later frames that an output may depend on, at most `context`,
                i32 [b].
            train: Whether dropout is active.

        Returns:
            Features, [b t d].
        """
        chex.assert_shape(mask, x.shape[:2])
        dropout = nn.Dropout(self.dropout, deterministic=not train)
        for layer in range(self.layers):
            past = layer_context(self.context, self.layers, layer)
            future = layer_context(
                jnp.minimum(lookahead, self.context), self.layers, layer
            )
            allowed = attention_mask(x.shape[1], past, future) & (mask[:, None] > 0)
            attention = LocalSelfAttention(
                past, self.heads, self.dtype, name=f"attn_{layer}"
            )
            normed = nn.LayerNorm(name=f"norm1_{layer}")(x)
            x = x + dropout(attention(normed, allowed))
            normed = nn.LayerNorm(name=f"norm2_{layer}")(x)
            x = x + dropout(Mlp(self.dtype, name=f"mlp_{layer}")(normed))
        return nn.LayerNorm(name="norm_out")(x)


class LocalSelfAttention(nn.Module):
    """Multi-head self-attention with a bias per head and distance.

    Attributes:
        max_distance: Largest distance between two frames that attend to each other.
        heads: Number of heads, a divisor of d.
        dtype: Type of the products.
    """

    max_distance: int
    heads: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, allowed: Array) -> Array:
        """Attend. x [b t d], allowed bool [b t s] -> [b t d]."""
        frames, dim = x.shape[1:]
        dtype = dense_type(self.dtype)
        parts = jnp.split(nn.Dense(3 * dim, dtype=dtype, name="qkv")(x), 3, axis=-1)
        query, key, value = (
            rearrange(part, "b t (a d) -> b a t d", a=self.heads) for part in parts
        )
        shape = self.heads, 2 * self.max_distance + 1
        rel_bias = self.param("rel_bias", nn.initializers.normal(1.0), shape)
        distance = _distances(frames)
        index = jnp.clip(distance, -self.max_distance, self.max_distance)
        index = index + self.max_distance
        logits = einsum(query, key, "b a t d, b a s d -> b a t s")
        logits = to_full_precision(logits)
        logits = logits * (dim // self.heads) ** -0.5 + rel_bias[:, index][None]
        weights = jax.nn.softmax(jnp.where(allowed[:, None], logits, NEG_INF))
        weights, value = as_factors(self.dtype, weights, value)
        values = einsum(weights, value, "b a t s, b a s d -> b a t d")
        values = rearrange(values, "b a t d -> b t (a d)")
        return nn.Dense(dim, dtype=dtype, name="out")(values)


class Mlp(nn.Module):
    """Feed-forward network of a transformer layer, [... d] -> [... d].

    Attributes:
        dtype: Type of the products.
    """

    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Apply two dense layers with a GELU between them."""
        dtype = dense_type(self.dtype)
        hidden = nn.gelu(nn.Dense(4 * x.shape[-1], dtype=dtype, name="fc1")(x))
        return nn.Dense(x.shape[-1], dtype=dtype, name="fc2")(hidden)


def layer_context(context: IntOrArray, layers: int, layer: int) -> IntOrArray:
    """Compute the context of one layer: 15 frames over 4 layers are 4, 4, 4 and 3.

    Args:
        context: Frames that all layers see together, on one side.
        layers: Number of layers.
        layer: Index of the layer.

    Returns:
        Frames that this layer sees.
    """
    return (context + layers - 1 - layer) // layers


def attention_mask(frames: int, past: int, future: Array) -> Array:
    """Compute which frames attend to which.

    Args:
        frames: Length of the sequence.
        past: Earlier frames that a frame attends to.
        future: Later frames that a frame attends to, i32 [b].

    Returns:
        True where frame t attends to frame s, bool [b t s].
    """
    distance = _distances(frames)
    return ((distance >= -past)[None]) & (distance[None] <= future[:, None, None])


def _distances(frames: int) -> Array:
    """Compute s - t for all pairs of frames, i32 [t s]."""
    return jnp.arange(frames)[None] - jnp.arange(frames)[:, None]
