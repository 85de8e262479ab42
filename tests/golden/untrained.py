"""Variables of networks that nobody trained."""

import jax
import numpy as np


def untrained(shapes, seed: int = 0):
    """Arrays of such shapes; drawing them is quicker than compiling `init`."""
    rng = np.random.default_rng(seed)

    def leaf(path, like) -> np.ndarray:
        if len(like.shape) > 1:
            scale = 2 * np.prod(like.shape[:-1]) ** -0.5
            return rng.normal(scale=scale, size=like.shape).astype(np.float32)
        return np.full(like.shape, path[-1].key in ("scale", "var"), np.float32)

    return jax.tree_util.tree_map_with_path(leaf, shapes)
