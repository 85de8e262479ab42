"""Key-value memory: features of one modality recall those of another."""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import einsum, rearrange

from avjax.nn.precision import as_factors, dense_type, to_full_precision
from avjax.typing import Array


def l2_normalize(vectors: Array) -> Array:
    """Scale vectors to unit length.

    Args:
        vectors: Vectors, [... d].

    Returns:
        Vectors of length one, [... d]; zero vectors stay zero.
    """
    square = jnp.sum(jnp.square(vectors), axis=-1, keepdims=True)
    return vectors * jax.lax.rsqrt(jnp.maximum(square, 1e-24))


def standardize(vectors: Array) -> Array:
    """Shift and scale each vector to mean 0 and standard deviation 1.

    Args:
        vectors: Vectors, [... d].

    Returns:
        Standardised vectors, [... d].
    """
    vectors = vectors - jnp.mean(vectors, axis=-1, keepdims=True)
    variance = jnp.var(vectors, axis=-1, keepdims=True)
    return vectors * jax.lax.rsqrt(variance + 1e-6)


def cosine_to_slots(query: Array, slots: Array) -> Array:
    """Compute the cosine similarity of each query with each slot, in float32.

    Args:
        query: Queries, [... d].
        slots: Keys or values of a memory, [m d].

    Returns:
        Similarities, [... m].
    """
    query, slots = query.astype(jnp.float32), slots.astype(jnp.float32)
    return einsum(l2_normalize(query), l2_normalize(slots), "... d, m d -> ... m")


class KeyValueMemory(nn.Module):
    """Slots of keys and values: addressed by a source, written by a target.

    With several heads, parts of a key are addressed independently. Each head recalls
    whole values, which are then merged (Kim et al., AAAI 2022).

    Attributes:
        num_slots: Number of slots, m.
        dim: Size of a key and of a value, d.
        inverse_temperature: Factor of the cosine similarities before the softmax.
        heads: Number of heads, a divisor of d.
        dtype: Type of the products with kernels and values.
    """

    num_slots: int
    dim: int
    inverse_temperature: float = 16.0
    heads: int = 1
    dtype: str = "float32"

    def setup(self):
        """Create the slots and the projections."""
        init = nn.initializers.normal(0.5)
        self.keys = self.param("keys", init, (self.num_slots, self.dim))
        self.values = self.param("values", init, (self.num_slots, self.dim))
        dtype = dense_type(self.dtype)
        self.to_key = nn.Dense(self.dim, dtype=dtype)
        self.to_value = nn.Dense(self.dim, dtype=dtype)
        if self.heads > 1:
            self.merge = nn.Dense(self.dim, dtype=dtype)
            self.norm = nn.LayerNorm()

    def __call__(self, source: Array, target: Array) -> tuple[Array, Array]:
        """Recall from the source and store the target; `init` calls this method.

        Args:
            source: Source features, [... d].
            target: Target features, [... e].

        Returns:
            - recalled: Recalled features, [... d].
            - address: Address of the target, [... m].
        """
        return self.recall(source)[0], self.store(target)[1]

    def address(self, source: Array) -> Array:
        """Compute the address of a source: the mean of its heads' addresses.

        Args:
            source: Source features, [... d].

        Returns:
            A distribution over slots, [... m].
        """
        return jnp.mean(self.head_addresses(source), axis=-2)

    def head_addresses(self, source: Array) -> Array:
        """Compute the address of each head.

        Args:
            source: Source features, [... d].

        Returns:
            Distributions over slots, [... a m].
        """
        chex.assert_axis_dimension(source, -1, self.dim)
        query, keys = self.to_key(source), self.keys
        query = rearrange(query, "... (a d) -> a ... d", a=self.heads)
        keys = rearrange(keys, "m (a d) -> a m d", a=self.heads)
        similarity = jax.vmap(cosine_to_slots, out_axes=-2)(query, keys)
        # bridging (1), synctalkface (1)
        return jax.nn.softmax(self.inverse_temperature * similarity)

    def read(self, address: Array) -> Array:
        """Read values by an address. The gradient reaches both.

        Args:
            address: A distribution over slots, [... m].

        Returns:
            Weighted sum of the values, [... d].
        """
        # bridging (2), synctalkface (2)
        address, values = as_factors(self.dtype, address, self.values)
        return to_full_precision(einsum(address, values, "... m, m d -> ... d"))

    def recall(self, source: Array) -> tuple[Array, Array]:
        """Recall the target of a source. No gradient reaches the values.

        Args:
            source: Source features, [... d].

        Returns:
            - recalled: Estimate of the target's features, [... d].
            - address: Address of the source, [... m].
        """
        addresses = self.head_addresses(source)
        values = jax.lax.stop_gradient(self.values)
        factors, values = as_factors(self.dtype, addresses, values)
        recalled = einsum(factors, values, "... a m, m d -> ... a d")
        recalled = rearrange(recalled, "... a d -> ... (a d)")
        if self.heads > 1:
            recalled = self.norm(self.merge(recalled))
        return to_full_precision(recalled), jnp.mean(addresses, axis=-2)

    def store(self, target: Array) -> tuple[Array, Array, Array]:
        """Store a target. The gradient reaches the values: it writes them.

        Args:
            target: Target features, [... e]; often e = d.

        Returns:
            - stored: The target as the values reproduce it, [... d].
            - address: Address of the target, [... m].
            - query: Projected target, [... d].
        """
        query = to_full_precision(self.to_value(target))
        similarity = cosine_to_slots(query, self.values)
        address = jax.nn.softmax(self.inverse_temperature * similarity)
        return self.read(address), address, query


class Fusion(nn.Module):
    """Fuse features with recalled ones: dropout and one dense layer.

    Attributes:
        dim: Size of the result, d.
        dropout: Dropout rate.
        dtype: Type of the products.
    """

    dim: int
    dropout: float = 0.5
    dtype: str = "float32"

    @nn.compact
    def __call__(self, features: Array, recalled: Array, train: bool) -> Array:
        """Fuse [... d] and [... d] to [... d]. Training needs a `dropout` key."""
        joined = jnp.concatenate([features, recalled], axis=-1)
        joined = nn.Dropout(self.dropout, deterministic=not train)(joined)
        return nn.Dense(self.dim, dtype=dense_type(self.dtype), name="proj")(joined)
