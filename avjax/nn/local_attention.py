"""A transformer in which a frame is told of its neighbours, as far as is said, alone.

Each layer looks a few frames to either side, and all of them together as far as they
are to reach: not one frame further.  Places count only by how far they are apart.

Source   Vaswani et al., 2017; normalised first: Xiong et al., 2020; a number for every
         head and distance: Shaw et al., 2018, reduced as by Raffel et al., 2020
"""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import einsum, rearrange

from avjax.typing import Array

NEVER = -1e9  # logit of what is not to be seen


class NearEncoder(nn.Module):
    """Codes, each told of those near to it.  [b t d] -> [b t d].

    reach    frames to either side that an answer depends on, over all layers
    heads    a, of which d is a multiple
    dropout  of what each half of a layer adds
    """

    reach: int
    layers: int = 4
    heads: int = 8
    dropout: float = 0.1

    @nn.compact
    def __call__(
        self, codes: Array, exists: Array, ahead: Array, train: bool = False
    ) -> Array:
        """codes [b t d], exists [b t], ahead i32 [b] -> [b t d].

        Of the frames behind it one sees `ahead`, at most `reach`; of those that do not
        exist, nothing.  Needs a `dropout` key where train is true.
        """
        chex.assert_shape(exists, codes.shape[:2])
        forget = nn.Dropout(self.dropout, deterministic=not train)
        for layer in range(self.layers):
            back = share(self.reach, self.layers, layer)
            forth = share(jnp.minimum(ahead, self.reach), self.layers, layer)
            seen = within(codes.shape[1], back, forth) & (exists[:, None] > 0)
            rested = nn.LayerNorm(name=f"rest_{layer}")(codes)
            told = NearAttention(back, self.heads, name=f"look_{layer}")(rested, seen)
            codes = codes + forget(told)
            rested = nn.LayerNorm(name=f"settle_{layer}")(codes)
            codes = codes + forget(Thought(name=f"think_{layer}")(rested))
        return nn.LayerNorm(name="rest")(codes)


class NearAttention(nn.Module):
    """One look around.  codes [b t d], seen bool [b t s] -> [b t d].

    reach  the largest distance of anything that is seen
    """

    reach: int
    heads: int

    @nn.compact
    def __call__(self, codes: Array, seen: Array) -> Array:
        frames, dim = codes.shape[1:]
        parts = jnp.split(nn.Dense(3 * dim, name="ask")(codes), 3, axis=-1)
        query, key, value = (
            rearrange(part, "b t (a d) -> b a t d", a=self.heads) for part in parts
        )
        shape = self.heads, 2 * self.reach + 1
        places = self.param("places", nn.initializers.normal(1.0), shape)
        apart = jnp.arange(frames)[None] - jnp.arange(frames)[:, None]
        apart = jnp.clip(apart, -self.reach, self.reach) + self.reach
        logits = einsum(query, key, "b a t d, b a s d -> b a t s")
        logits = logits * (dim // self.heads) ** -0.5 + places[:, apart][None]
        weights = jax.nn.softmax(jnp.where(seen[:, None], logits, NEVER))
        told = einsum(weights, value, "b a t s, b a s d -> b a t d")
        return nn.Dense(dim, name="tell")(rearrange(told, "b a t d -> b t (a d)"))


class Thought(nn.Module):
    """What a frame makes of what it was told.  [... d] -> [... d]."""

    @nn.compact
    def __call__(self, codes: Array) -> Array:
        wide = nn.gelu(nn.Dense(4 * codes.shape[-1], name="wide")(codes))
        return nn.Dense(codes.shape[-1], name="narrow")(wide)


def share(reach, layers: int, layer: int):
    """How far one of the layers looks: 15 frames over 4 layers are 4, 4, 4 and 3.

    reach is an int or an array of them.
    """
    return (reach + layers - 1 - layer) // layers


def within(frames: int, back: int, forth: Array) -> Array:
    """Who sees whom: `back` frames before, `forth` [b] behind -> bool [b t s]."""
    apart = jnp.arange(frames)[None] - jnp.arange(frames)[:, None]
    return ((apart >= -back)[None]) & (apart[None] <= forth[:, None, None])
