"""The policy of number types: what is computed in `dtype`, and what is not.

`dtype` of a config or of a module is the type of the products: convolutions, dense
layers, attention and recurrences. Between convolutions, activations have it too.
float32 are always the parameters, the running statistics, normalisations, softmax, the
similarities of a memory, the residual stream of a transformer, the states of a
recurrence, what a network returns, losses, and the states of optimizers.

Source   Micikevicius et al., ICLR 2018, "Mixed Precision Training"; bfloat16 has the
         range of float32, so that losses are not scaled
"""

import jax.numpy as jnp

from avjax.typing import Array


def at_least_float32(dtype: jnp.dtype) -> jnp.dtype:
    """Return the type in which statistics and outputs of a layer are computed.

    Args:
        dtype: Type of the products.

    Returns:
        float32, or `dtype` if it is more precise.
    """
    return jnp.promote_types(dtype, jnp.float32)


def to_full_precision(array: Array) -> Array:
    """Convert an array to float32, unless it is more precise.

    Args:
        array: Result of a layer, of any shape.

    Returns:
        The same numbers.
    """
    return array.astype(at_least_float32(array.dtype))


def dense_type(dtype: str) -> str | None:
    """Return the argument `dtype` of Flax's dense layers.

    Args:
        dtype: Type of the products.

    Returns:
        The type; None for float32, with which Flax takes the type of the inputs.
    """
    return None if dtype == "float32" else dtype


def as_factors(dtype: str, *arrays: Array) -> tuple[Array, ...]:
    """Convert the factors of a product.

    Args:
        dtype: Type of the products.
        *arrays: Arrays of any shapes.

    Returns:
        The arrays in this type; unchanged for float32.
    """
    if dtype == "float32":
        return arrays
    return tuple(array.astype(dtype) for array in arrays)
