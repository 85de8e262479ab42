"""Variables of networks that nobody trained."""

import jax
import jax.numpy as jnp
import numpy as np


def untrained(shapes, seed: int = 0, gain: float = 2.0):
    """Arrays of such shapes; drawing them is quicker than compiling `init`.

    gain  of a layer: at 2 what comes out of a deep network is mostly at either end
    """
    rng = np.random.default_rng(seed)

    def leaf(path, like) -> jax.Array:
        if len(like.shape) > 1:
            scale = gain * np.prod(like.shape[:-1]) ** -0.5
            return jnp.asarray(rng.normal(scale=scale, size=like.shape), like.dtype)
        return jnp.full(like.shape, path[-1].key in ("scale", "var"), like.dtype)

    return jax.tree_util.tree_map_with_path(leaf, shapes)
