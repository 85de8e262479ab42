"""Variables of untrained networks, sampled without compiling their `init`."""

import jax
import jax.numpy as jnp
import numpy as np


def untrained(shapes, seed: int = 0, gain: float = 2.0):
    """Sample arrays of some shapes.

    Args:
        shapes: Tree of shapes, such as `jax.eval_shape` returns it.
        seed: Seed of the random numbers.
        gain: Gain of a layer; with 2, most outputs of a deep network are saturated.
    """
    rng = np.random.default_rng(seed)

    def leaf(path, spec) -> jax.Array:
        if len(spec.shape) > 1:
            scale = gain * np.prod(spec.shape[:-1]) ** -0.5
            return jnp.asarray(rng.normal(scale=scale, size=spec.shape), spec.dtype)
        return jnp.full(spec.shape, path[-1].key in ("scale", "var"), spec.dtype)

    return jax.tree_util.tree_map_with_path(leaf, shapes)
