"""Small untrained denoisers, and noisy images for them."""

import jax
import numpy as np
from random_variables import untrained

from avjax import weights
from avjax.models.denoiser import DenoiserConfig, init_variables
from avjax.nn.apply import LOG_LR_SCALE

SMALL = DenoiserConfig(base_channels=2, channel_step=1, mask_channels=2)
LEVEL = DenoiserConfig("level", base_channels=2, channel_step=1)
PARTS = "restorer", "mask_net", "inner_lrs"
NOISE_MODEL_PARTS = "restorer", "noise_model", "inner_lrs"
SIZE = 53, 75


def save(folder, config=SMALL, names=PARTS, system="denoiser"):
    """Write a folder of weights of a network that changes images only a little."""
    key = jax.random.key(0)
    parts = untrained(jax.eval_shape(lambda: init_variables(config, key)))
    params = {part: variables["params"] for part, variables in parts.items()}
    params["restorer"] = jax.tree.map(lambda x: 0.4 * x, params["restorer"])
    params["inner_lrs"] = jax.tree.map(
        lambda _: np.float32(np.log(1e-3) / LOG_LR_SCALE), params["inner_lrs"]
    )
    params = {name: params[name] for name in names}
    weights.save(folder, params, {}, config, system=system, card="")


def noisy(size=SIZE, channels=3, seed=0, dtype=np.uint8) -> np.ndarray:
    """Make a ramp with noise, as pixel values [h w c]."""
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(np.arange(size[0]), np.arange(size[1]))[..., None]
    image = 0.2 + 0.5 * ramp / ramp.max() + rng.normal(0, 0.05, (*size, channels))
    return np.rint(np.clip(image, 0, 1) * np.iinfo(dtype).max).astype(dtype)
