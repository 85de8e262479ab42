"""A denoiser that adapts to the photograph in front of it.

Paper       Gunawan et al., 2022, "Test-time Adaptation for Real Image Denoising via
            Meta-transfer Learning" (arXiv:2207.02066)

Symbols     y       noisy [b h w c=3], in [0, 1]     θ      the part restorer
            r       residual, about -noise           φ      the part masker
            x, x̂    truth, clean                     α      rates, one for each tensor
            ŷ       noisy again, rebuilt             K      steps of adaptation
            M       mask [b h w 1], in (0, 1)

Equations   (the numbers are ours: the paper's own were not at hand)
    (1)  x̂ = y + r                          here                   restore
    (2)  ŷ of x̂ and r, by a second head     here                   rebuild
    (3)  M of y                             here                   MaskNet
    (4)  L_aux = mean(|y - ŷ| M)            losses/restoration.py  masked_error
    (5)  L_clean = mean|x̂ - x|              losses/restoration.py  clean_error
    (6)  θ⁺ = θ - α ∇L_aux(θ), K times      inference/adapt.py     adapt
    (7)  M has edges where y has            losses/restoration.py  edge_error
    (8)  L_clean(θ⁺), for θ, φ and α        train/tasks/denoiser.py

Departures  A head adapts by cleaning every second pixel to what lies beside it
            (`neighbours`).  The published task has an answer for any x̂, y = x̂ - r: as
            learnt in the first stage, its gradient points away from the true one
            (docs/figures.md).  `PUBLISHED` keeps it.
            Steps go on from each other, by rates that are learnt.  The authors write
            five of one rate, but each begins anew, so that one counts; that, and how
            they test, is in inference/restore.py PUBLISHED_TRAINING, PUBLISHED_TEST.
            The picture is made after the last step, and clipped before and after alike.
            Steps of θ and φ take turns where theirs are epochs.  The mean over a batch
            takes the place of ten times its sum, which is the same to Adam.
            Sides are multiples of 4.  As in their code, and not as in the paper, the
            body moves in the second stage too.
"""

import dataclasses
from typing import ClassVar, Literal, NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import reduce

from avjax.nn.layers import PlainConv
from avjax.typing import Array

WHOLE = 4  # sides are multiples of it: the body halves them twice
DEPTHS = 14, 8, 8  # convolutions of 3 pixels in a row: at full size, half, a quarter


@dataclasses.dataclass(frozen=True)
class DenoiserConfig:
    """How large the networks are, and how the first one adapts to a picture.

    auxiliary  rebuilt               a second head makes the noisy picture again
               renoised, neighbours  there is none; inference/restore.py auxiliary_loss
    """

    system: ClassVar[str] = "denoiser"
    auxiliary: Literal["rebuilt", "renoised", "neighbours"] = "neighbours"
    base: int = 32  # channels at full size
    more: int = 16  # channels that are added where sides are halved
    mask_base: int = 32
    dtype: str = "float32"  # of the convolutions


PUBLISHED = DenoiserConfig(auxiliary="rebuilt")


class Restored(NamedTuple):
    """What the first head makes of a picture.  Both [b h w c=3]."""

    clean: Array
    residual: Array  # what was added to the noisy picture


class RestorationNet(nn.Module):
    """A small U-Net with a head that cleans, and maybe one that rebuilds the noise."""

    config: DenoiserConfig = DenoiserConfig()

    def setup(self):
        base, dtype = self.config.base, self.config.dtype
        self.body = Body(self.config)
        self.primary = Head(2, dtype)
        if self.config.auxiliary == "rebuilt":
            self.auxiliary = Rebuilder(base, dtype)

    def __call__(self, noisy: Array) -> Restored:
        """Both steps at once.  [b h w c=3], sides multiples of 4."""
        restored = self.restore(self.look(noisy), noisy)
        if self.is_initializing() and self.config.auxiliary == "rebuilt":
            self.rebuild(restored)
        return restored

    def look(self, noisy: Array) -> Array:
        """The body alone.  [b h w c=3], sides multiples of 4 -> features [b h w d]."""
        chex.assert_shape(noisy, (None, None, None, 3))
        chex.assert_is_divisible(noisy.shape[1], WHOLE)
        chex.assert_is_divisible(noisy.shape[2], WHOLE)
        return self.body(noisy)

    def restore(self, features: Array, noisy: Array) -> Restored:
        """What was looked at, without its noise; not clipped to [0, 1]."""
        residual = self.primary(features)
        return Restored(noisy + residual, residual)  # denoiser (1)

    def rebuild(self, restored: Restored) -> Array:
        """The noisy picture again, from its two parts.  -> [b h w c]."""
        return self.auxiliary(jnp.concatenate(restored, axis=-1))  # denoiser (2)


class Body(nn.Module):
    """Three sizes down and up again, with what was seen on the way down added."""

    config: DenoiserConfig

    @nn.compact
    def __call__(self, noisy: Array) -> Array:
        config, dtype = self.config, self.config.dtype
        widths = [config.base + level * config.more for level in range(3)]
        x = PlainConv(widths[0], 3, dtype=dtype, name="first")(noisy)
        seen = []
        for level, width in enumerate(widths):
            if level:
                x = PlainConv(width, 1, dtype=dtype, name=f"down_{level}")(halved(x))
            x = Blocks(2, dtype, name=f"encode_{level}")(x)
            seen.append(x)
        x = Blocks(2, dtype, name="decode_2")(x)
        for level in (1, 0):
            shape = widths[level], 1
            x = PlainConv(*shape, dtype=dtype, name=f"up_{level}")(doubled(x))
            x = Blocks(2, dtype, name=f"decode_{level}")(x + seen[level])
        return x


class Blocks(nn.Module):
    """Pairs of convolutions, each beside a shortcut.  [b h w d] -> [b h w d]."""

    count: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for block in range(self.count):
            first, second = (
                PlainConv(x.shape[-1], 3, dtype=self.dtype, name=f"conv_{block}_{half}")
                for half in range(2)
            )
            x = x + second(nn.relu(first(x)))
        return x


class Head(nn.Module):
    """From features to a picture.  [b h w d] -> [b h w c=3]."""

    blocks: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = Blocks(self.blocks, self.dtype, name="blocks")(x)
        return PlainConv(3, 3, dtype=self.dtype, name="last")(x)


class Rebuilder(nn.Module):
    """From a clean picture and its residual to a picture.  [b h w 6] -> [b h w c=3]."""

    width: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, parts: Array) -> Array:
        x = PlainConv(self.width, 3, dtype=self.dtype, name="first")(parts)
        return Head(1, self.dtype, name="head")(x)


class MaskNet(nn.Module):
    """Which pixels the second head is judged by.  [b h w c=3] -> (0, 1) [b h w 1]."""

    config: DenoiserConfig = DenoiserConfig()

    @nn.compact
    def __call__(self, noisy: Array) -> Array:
        width, dtype = self.config.mask_base, self.config.dtype
        slope = self.param("slope", nn.initializers.constant(0.25), (1,))
        slope = slope.astype(dtype)[None, None, None]  # one number for all blocks
        x = PlainConv(width, 3, dtype=dtype, name="first")(noisy)
        for block in range(3):
            y = PlainConv(width, 3, dtype=dtype, name=f"conv_{block}_0")(x)
            y = jnp.where(y >= 0, y, slope * y)
            x = x + PlainConv(width, 3, dtype=dtype, name=f"conv_{block}_1")(y)
        return nn.sigmoid(PlainConv(1, 3, dtype=dtype, name="last")(x))  # denoiser (3)


def reach() -> int:
    """How far a pixel may lie from another along a side, and still change it.

    A convolution reaches a pixel of its own size further, and so does each doubling;
    what was halved together is seen together.  A multiple of WHOLE.
    """
    further = sum(2**level * depth for level, depth in enumerate(DEPTHS))
    further += 2 + 4 + WHOLE - 1
    return -(-further // WHOLE) * WHOLE


def halved(x: Array) -> Array:
    """Means of 2 x 2 pixels: bilinear at half the size.  [b h w d]."""
    return reduce(x, "b (h r) (w s) d -> b h w d", "mean", r=2, s=2)


def doubled(x: Array) -> Array:
    """Bilinear at twice the size, edges continued.  [b h w d] -> [b 2h 2w d].

    Of each two new pixels one lies a quarter before the old one, one a quarter behind.
    """
    for axis in (1, 2):
        size = x.shape[axis]
        around = [(0, 0)] * 4
        around[axis] = (1, 1)
        wide = jnp.pad(x, around, "edge")
        before, behind = (
            0.75 * x + 0.25 * jax.lax.slice_in_dim(wide, first, first + size, axis=axis)
            for first in (0, 2)
        )
        x = jnp.stack([before, behind], axis=axis + 1)
        x = x.reshape(*x.shape[:axis], 2 * size, *x.shape[axis + 2 :])
    return x
