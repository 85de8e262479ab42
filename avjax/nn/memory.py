"""A memory of paired slots: what one sense perceives recalls what another did."""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import einsum, rearrange

from avjax.typing import Array


def cosine_to_slots(query: Array, slots: Array) -> Array:
    """Cosine of each query with each slot.  [... d], [m d] -> [... m], in float32."""
    query, slots = query.astype(jnp.float32), slots.astype(jnp.float32)
    return einsum(unit(query), unit(slots), "... d, m d -> ... m")


def unit(vectors: Array) -> Array:
    """Vectors [... d] scaled to length one; one of length zero stays zero."""
    square = jnp.sum(jnp.square(vectors), axis=-1, keepdims=True)
    return vectors * jax.lax.rsqrt(jnp.maximum(square, 1e-24))


class KeyValueMemory(nn.Module):
    """Slots of (key, value) pairs: addressed by the source, written by the target.

    slots      m, how many pairs the memory holds
    dim        d, how long a key and a value are
    sharpness  how strongly the nearest slots win the softmax
    heads      a, parts of a key that point independently; each recalls whole values,
               which are merged (Kim et al., AAAI 2022); d is divisible by it
    """

    slots: int
    dim: int
    sharpness: float = 16.0
    heads: int = 1

    def setup(self):
        bank = nn.initializers.normal(0.5)
        self.keys = self.param("keys", bank, (self.slots, self.dim))
        self.values = self.param("values", bank, (self.slots, self.dim))
        self.to_key = nn.Dense(self.dim)
        self.to_value = nn.Dense(self.dim)
        if self.heads > 1:
            self.merge = nn.Dense(self.dim)
            self.norm = nn.LayerNorm()

    def __call__(self, source: Array, target: Array) -> tuple[Array, Array]:
        """What is recalled [... d], the target's address [... m]; `init` sees all."""
        return self.recall(source)[0], self.store(target)[1]

    def address(self, source: Array) -> Array:
        """Where the source points.  [... d] -> weights of the slots [... m].

        With several heads it is the mean of where they point.
        """
        return jnp.mean(self.addresses(source), axis=-2)

    def addresses(self, source: Array) -> Array:
        """Where each head points.  [... d] -> [... a m]."""
        chex.assert_axis_dimension(source, -1, self.dim)
        query, keys = self.to_key(source), self.keys
        query = rearrange(query, "... (a d) -> a ... d", a=self.heads)
        keys = rearrange(keys, "m (a d) -> a m d", a=self.heads)
        similarity = jax.vmap(cosine_to_slots, out_axes=-2)(query, keys)
        # bridging (1), synctalkface (1)
        return jax.nn.softmax(self.sharpness * similarity)

    def read(self, address: Array) -> Array:
        """Values, weighted by an address [... m] -> [... d]; gradient reaches both."""
        # bridging (2), synctalkface (2)
        return einsum(address, self.values, "... m, m d -> ... d")

    def recall(self, source: Array) -> tuple[Array, Array]:
        """source [... d] -> what the target would have been [... d], address [... m].

        The values are read, not written: no gradient reaches them from here.
        """
        addresses = self.addresses(source)
        values = jax.lax.stop_gradient(self.values)
        found = einsum(addresses, values, "... a m, m d -> ... a d")
        found = rearrange(found, "... a d -> ... (a d)")
        if self.heads > 1:
            found = self.norm(self.merge(found))
        return found, jnp.mean(addresses, axis=-2)

    def store(self, target: Array) -> tuple[Array, Array, Array]:
        """target [... d] -> itself as the values give it back [... d], address [... m],
        and the query [... d] that was made from it.

        Gradient reaches the values: this is how they are written.
        """
        chex.assert_axis_dimension(target, -1, self.dim)
        query = self.to_value(target)
        similarity = cosine_to_slots(query, self.values)
        address = jax.nn.softmax(self.sharpness * similarity)
        return self.read(address), address, query


class Fusion(nn.Module):
    """What is perceived and what is recalled, made one code of the same length."""

    dim: int
    dropout: float = 0.5

    @nn.compact
    def __call__(self, perceived: Array, recalled: Array, train: bool) -> Array:
        """[... d], [... d] -> [... d].  Needs a `dropout` key where train is true."""
        both = jnp.concatenate([perceived, recalled], axis=-1)
        both = nn.Dropout(self.dropout, deterministic=not train)(both)
        return nn.Dense(self.dim, name="mix")(both)
