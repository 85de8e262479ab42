"""A denoiser that adapts to each photograph at test time.

Paper       Gunawan et al., 2022, "Test-time Adaptation for Real Image Denoising via
            Meta-transfer Learning" (arXiv:2207.02066)

Symbols     y       noisy image [b h w c=3] in [0, 1]   θ      the part restorer
            r       residual, about -noise              φ      the part mask_net
            x, x̂    target, clean image                 α      the part inner_lrs
            ŷ       noisy image, reconstructed          K      adaptation steps
            M       mask [b h w 1] in (0, 1)            n      noise of y
            g       log gains of r: luma and chroma     b      noise like n, simulated
            s       log levels of n: luma and chroma

Equations   (numbered by us: the paper's own numbers were not available)
    (1)  x̂ = y + r                          here                   restore
    (2)  ŷ from x̂ and r, by a second head   here                   reconstruct
    (3)  M from y                           here                   MaskNet
    (4)  L_aux = mean(|y - ŷ| M)            losses/restoration.py  masked_l1
    (5)  L_clean = mean|x̂ - x|              losses/restoration.py  restoration_l1
    (6)  θ⁺ = θ - α ∇L_aux(θ), K times      algorithms/meta_sgd.py adapt
    (7)  M has edges where y has edges      losses/restoration.py  mask_edge_loss
    (8)  L_clean(θ⁺), for θ, φ and α        train/tasks/denoiser.py
    (9)  L_sure = mean(n² + (eᵍr)² + 2 eᵍ b ∂r/∂y b)   algorithms/noise_model.py
    (10) s⁺ = s + h(r, s), h fitted         algorithms/noise_level.py correct_levels

Departures  The paper's auxiliary task is solved by any x̂ with y = x̂ - r: its gradient
            points away from the true one (docs/results). `REFERENCE_CONFIG` keeps it.
            By default every second pixel is restored towards its neighbours, as if
            noise were white.  With "sure", two gains of r minimise an estimated error.
            With "level", the network is another one: s is an input, as in FFDNet (Zhang
            et al., 2018), and each step estimates s anew.
            Steps are consecutive, with learned rates.  The authors' code has five steps
            of one rate, but each starts from θ, so that only one counts; their settings
            are REFERENCE_TRAINING and REFERENCE_TEST in algorithms/adaptation_plan.py.
            The image is restored after the last step, and clipped.
            Steps of θ and φ alternate; in their code, epochs.  The mean over a batch
            replaces ten times its sum; Adam is invariant to this factor.
            As in their code, not as in the paper, the body is trained in the second
            stage too.
"""

import dataclasses
import math
from typing import ClassVar, Literal, NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp

from avjax.models.registry import register_system
from avjax.nn.apply import to_log_lrs
from avjax.nn.layers import ConvNoBias
from avjax.nn.pixels import scale_luma_chroma
from avjax.nn.precision import to_full_precision
from avjax.nn.remat import rematerialise
from avjax.nn.warp import (
    ResidualBlocks,
    depth_to_space,
    double,
    halve,
    space_to_depth,
)
from avjax.typing import Array, Dtype, Key, Params

INITIAL_INNER_LR = 1e-2  # initial value of each learned inner learning rate
INITIAL_LEVEL = 5.0  # initial level of the noise, in pixel values of 8 bits
NUM_LEVEL_STATISTICS = 9  # see algorithms/noise_level.py
LEVEL_UNIT = 25.0  # pixel values of 8 bits; the network gets levels in this unit


@dataclasses.dataclass(frozen=True)
class DenoiserConfig:
    """Config of the denoiser.

    Attributes:
        auxiliary: The task by which the restorer adapts to an image.  "reconstruction":
            a second head reconstructs the noisy image; "renoising" and "neighbours"
            need no head, see algorithms/denoiser_adaptation.py; "sure": gains of the
            residual minimise the estimated error; "level": the level of the noise, an
            input, is estimated; 2 x 2 pixels become channels first, as in FFDNet.
        base_channels: Channels at the largest size.
        channel_step: Channels added each time that the sides are halved.
        mask_channels: Channels of the mask network.
        dtype: Type of the products, see `nn.precision`.
        remat: Modules whose activations are not kept, see `nn.remat`.
    """

    system: ClassVar[str] = "denoiser"
    auxiliary: Literal["reconstruction", "renoising", "neighbours", "sure", "level"] = (
        "neighbours"
    )
    base_channels: int = 32
    channel_step: int = 16
    mask_channels: int = 32
    dtype: Dtype = "float32"
    remat: tuple[Literal["body"], ...] = ()

    @property
    def adapted_heads(self) -> tuple[str, ...]:
        """Modules of the restorer that adapt to an image by default."""
        if self.auxiliary == "sure":
            return ("gains",)
        if self.auxiliary == "level":
            return ("levels",)
        if self.auxiliary == "reconstruction":
            return ("primary", "auxiliary")
        return ("primary",)

    @property
    def needs_noise_model(self) -> bool:
        """Whether the adaptation has a model of the noise instead of a mask."""
        return self.auxiliary in ("sure", "level")

    @property
    def size_multiple(self) -> int:
        """Divisor of image sides: the body halves them twice."""
        return 8 if self.auxiliary == "level" else 4


REFERENCE_CONFIG = DenoiserConfig(auxiliary="reconstruction")


class RestorationOutputs(NamedTuple):
    """Outputs of the first head.

    Attributes:
        clean: The restored image, not clipped, [b h w c=3].
        residual: Difference to the noisy image, [b h w c=3].
    """

    clean: Array
    residual: Array


class RestorationNet(nn.Module):
    """A small U-Net with a head that restores, and optionally one that reconstructs.

    Arguments of the methods:
        noisy: Noisy images, [b h w c=3] in [0, 1], sides multiples of `size_multiple`.
        features: Features of the body, [b h w d].
        levels: Only with the auxiliary task "level": logarithms of the standard
            deviation of the noise of each image, of luma and of chroma, in pixel values
            of 8 bits, [b 2].  None: the parameter `levels`.
    """

    config: DenoiserConfig = DenoiserConfig()

    def setup(self):
        config = self.config
        self.body = rematerialise(Body, "body" in config.remat)(config)
        channels = 12 if config.auxiliary == "level" else 3
        self.primary = Head(2, channels, config.dtype)
        if config.auxiliary == "reconstruction":
            self.auxiliary = ReconstructionHead(config.base_channels, config.dtype)
        if config.auxiliary == "sure":
            self.gains = self.param("gains", nn.initializers.zeros, (2,))
        if config.auxiliary == "level":
            initial = nn.initializers.constant(math.log(INITIAL_LEVEL))
            self.levels = self.param("levels", initial, (2,))

    def __call__(self, noisy: Array, levels: Array | None = None) -> RestorationOutputs:
        """Restore noisy images."""
        outputs = self.restore(self.features(noisy, levels), noisy, levels)
        if self.is_initializing() and self.config.auxiliary == "reconstruction":
            self.reconstruct(outputs)
        return outputs

    def features(self, noisy: Array, levels: Array | None = None) -> Array:
        """Compute features of the body: noisy -> [b h w d]; see `RestorationNet`."""
        chex.assert_shape(noisy, (None, None, None, 3))
        for side in noisy.shape[1:3]:
            chex.assert_is_divisible(side, self.config.size_multiple)
        if self.config.auxiliary != "level":
            return self.body(noisy)
        x = space_to_depth(noisy)
        scales = jnp.exp(self.relative_levels(levels))[:, None, None]
        scales = jnp.broadcast_to(scales, (*x.shape[:3], 2))
        return self.body(jnp.concatenate([x, scales], axis=-1))

    def restore(
        self, features: Array, noisy: Array, levels: Array | None = None
    ) -> RestorationOutputs:
        """Return images restored from features; see `RestorationNet` for arguments."""
        residual = self.primary(features)
        if self.config.auxiliary == "sure":
            residual = scale_luma_chroma(residual, self.gains)
        if self.config.auxiliary == "level":  # as large as the noise
            residual = depth_to_space(residual)
            scales = jnp.broadcast_to(self.relative_levels(levels), (len(noisy), 2))
            residual = jax.vmap(scale_luma_chroma)(residual, scales)
        return RestorationOutputs(noisy + residual, residual)  # denoiser (1)

    def relative_levels(self, levels: Array | None) -> Array:
        """Return logarithms of the levels in units of `LEVEL_UNIT`, [b 2] or [1 2]."""
        levels = self.levels[None] if levels is None else levels
        return levels - math.log(LEVEL_UNIT)

    def reconstruct(self, outputs: RestorationOutputs) -> Array:
        """Return the noisy image from `outputs`; see `RestorationNet.restore`."""
        return self.auxiliary(jnp.concatenate(outputs, axis=-1))  # denoiser (2)


class Body(nn.Module):
    """U-Net of three resolutions with additive skip connections."""

    config: DenoiserConfig

    @nn.compact
    def __call__(self, noisy: Array) -> Array:
        config, dtype = self.config, self.config.dtype
        widths = [
            config.base_channels + level * config.channel_step for level in range(3)
        ]
        x = ConvNoBias(widths[0], 3, dtype=dtype, name="first")(noisy)
        skips = []
        for level, width in enumerate(widths):
            if level:
                conv = ConvNoBias(width, 1, dtype=dtype, name=f"down_{level}")
                x = conv(halve(x))
            x = ResidualBlocks(2, dtype, name=f"encode_{level}")(x)
            skips.append(x)
        x = ResidualBlocks(2, dtype, name="decode_2")(x)
        for level in (1, 0):
            conv = ConvNoBias(widths[level], 1, dtype=dtype, name=f"up_{level}")
            x = conv(double(x)) + skips[level]
            x = ResidualBlocks(2, dtype, name=f"decode_{level}")(x)
        return x


class Head(nn.Module):
    """Features -> image, or blocks of its pixels.  [b h w d] -> [b h w channels]."""

    blocks: int
    channels: int = 3
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = ResidualBlocks(self.blocks, self.dtype, name="blocks")(x)
        image = ConvNoBias(self.channels, 3, dtype=self.dtype, name="last")(x)
        return to_full_precision(image)


class ReconstructionHead(nn.Module):
    """Clean image and residual -> noisy image.  [b h w 6] -> [b h w c=3]."""

    channels: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, parts: Array) -> Array:
        x = ConvNoBias(self.channels, 3, dtype=self.dtype, name="first")(parts)
        return Head(1, dtype=self.dtype, name="head")(x)


class MaskNet(nn.Module):
    """Weight of each pixel in the auxiliary loss.  [b h w c=3] -> (0, 1) [b h w 1]."""

    config: DenoiserConfig = DenoiserConfig()

    @nn.compact
    def __call__(self, noisy: Array) -> Array:
        channels, dtype = self.config.mask_channels, self.config.dtype
        slope = self.param("slope", nn.initializers.constant(0.25), (1,))
        slope = slope.astype(dtype)[None, None, None]  # shared by all blocks
        x = ConvNoBias(channels, 3, dtype=dtype, name="first")(noisy)
        for block in range(3):
            y = ConvNoBias(channels, 3, dtype=dtype, name=f"conv_{block}_0")(x)
            y = jnp.where(y >= 0, y, slope * y)
            x = x + ConvNoBias(channels, 3, dtype=dtype, name=f"conv_{block}_1")(y)
        x = ConvNoBias(1, 3, dtype=dtype, name="last")(x)
        return nn.sigmoid(to_full_precision(x))  # denoiser (3)


@register_system(DenoiserConfig, optional_parts=("inner_lrs",))
def init_variables(config: DenoiserConfig, key: Key) -> dict[str, Params]:
    """Return variables of all parts; see `avjax.models.registry.System`.

    "inner_lrs" has a learning rate for each tensor that adapts.
    """
    image = jnp.zeros((1, config.size_multiple, config.size_multiple, 3))
    restorer = RestorationNet(config).init(key, image)
    heads = {name: restorer["params"][name] for name in config.adapted_heads}
    lrs = jax.tree.map(lambda p: jnp.full((), INITIAL_INNER_LR, p.dtype), heads)
    loss: dict[str, Params] = {"noise_model": {"params": init_noise_model(config)}}
    if not config.needs_noise_model:
        loss = {"mask_net": MaskNet(config).init(key, image)}
    return {"restorer": restorer, **loss, "inner_lrs": {"params": to_log_lrs(lrs)}}


def init_noise_model(config: DenoiserConfig) -> Params:
    """Return the part noise_model before it is fitted; see `fit_noise_model`.

    With the auxiliary task "level", see `correct_levels`.
    """
    if config.auxiliary == "level":
        return {"coefficients": jnp.zeros((NUM_LEVEL_STATISTICS, 2))}
    limits = {"low": jnp.full((2, 3), -9.0), "high": jnp.full((2, 3), 9.0)}
    return {"coefficients": jnp.zeros((2, 4)).at[:, 0].set(1.5), **limits}
