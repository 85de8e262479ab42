"""Variables of untrained networks, drawn without compiling their `init`."""

import jax
import jax.numpy as jnp
import numpy as np


def untrained(shapes, seed: int = 0, gain: float = 2.0):
    """Draw arrays of the given shapes.

    Args:
        shapes: Tree of shapes, such as `jax.eval_shape` returns it.
        seed: Of the random numbers.
        gain: Of a layer; with 2 the outputs of a deep network are mostly saturated.
    """
    rng = np.random.default_rng(seed)

    def leaf(path, like) -> jax.Array:
        if len(like.shape) > 1:
            scale = gain * np.prod(like.shape[:-1]) ** -0.5
            return jnp.asarray(rng.normal(scale=scale, size=like.shape), like.dtype)
        return jnp.full(like.shape, path[-1].key in ("scale", "var"), like.dtype)

    return jax.tree_util.tree_map_with_path(leaf, shapes)
