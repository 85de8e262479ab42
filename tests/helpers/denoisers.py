"""Denoisers that nobody trained, and pictures for them."""

import jax
import numpy as np
from random_variables import untrained

from avjax import weights
from avjax.algorithms import denoiser_adaptation as restore
from avjax.models.denoiser import DenoiserConfig
from avjax.pipelines.denoise import blank

SMALL = DenoiserConfig(base=2, more=1, mask_base=2)
PARTS = "restorer", "masker", "rates"
SIZE = 53, 75


def save(folder, config=SMALL, names=PARTS, system="denoiser"):
    """Writes a folder of weights, whose rates are learnt and which do little."""
    parts = untrained(jax.eval_shape(lambda: blank(config)))
    params = {part: of["params"] for part, of in parts.items()}
    params["restorer"] = jax.tree.map(lambda x: 0.4 * x, params["restorer"])
    params["rates"] = jax.tree.map(
        lambda _: np.float32(np.log(1e-3) / restore.PACE), params["rates"]
    )
    params = {name: params[name] for name in names}
    weights.save(folder, params, {}, config, system=system, card="")


def noisy(size=SIZE, channels=3, seed=0, dtype=np.uint8) -> np.ndarray:
    """A ramp with noise, as levels [h w c]."""
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(np.arange(size[0]), np.arange(size[1]))[..., None]
    shares = 0.2 + 0.5 * ramp / ramp.max() + rng.normal(0, 0.05, (*size, channels))
    return np.rint(np.clip(shares, 0, 1) * np.iinfo(dtype).max).astype(dtype)
