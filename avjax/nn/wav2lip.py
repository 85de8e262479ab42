"""Encoders, decoder and critic of talking faces: the tables of Wav2Lip, in any size.

Every table row is one block.  At width 1 the channels are the published ones; sides of
pictures are divisible by 32, and the deepest map has sides of size // 32.

Source   Prajwal et al., ACM Multimedia 2020; Park et al., AAAI 2022 (the lip encoder)
"""

from typing import NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange

from avjax.nn.conv import Pair, conv3d
from avjax.nn.layers import (
    Conv,
    ConvBlock,
    DeconvBlock,
    NoNormBlock,
    at_least_float32,
    fan_in_uniform,
)
from avjax.typing import Array


class Row(NamedTuple):
    """One block of a table: channels out, kernel, stride, zeros around, residual."""

    channels: int
    kernel: int
    stride: int | Pair = 1
    padding: int = 0
    residual: bool = False


def same(channels: int) -> Row:
    return Row(channels, 3, 1, 1, True)


def half(channels: int) -> Row:
    return Row(channels, 3, 2, 1)


DRAWN = 16  # channels of the finest published maps: fewer cannot copy two pictures


def scaled(channels: int, width: float, least: int = 8) -> int:
    """Channels times width, as a multiple of eight, and at least so many."""
    return max(least, 8 * round(channels * width / 8))


class Tower(nn.Module):
    """Rows of ConvBlocks, one after the other.  [b h w c] -> [b h w d]."""

    rows: tuple[Row, ...]
    width: float = 1.0
    dtype: str = "float32"
    least: int = 8

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        for index, row in enumerate(self.rows):
            row = row._replace(channels=scaled(row.channels, self.width, self.least))
            x = ConvBlock(*row, dtype=self.dtype, name=f"block_{index}")(x, train)
        return x


class AudioEncoder(nn.Module):
    """0.2 s of log-mel -> what the mouth may be doing.  [b f=16 k=80] -> [b d].

    repeats  residual blocks at 3 x 3 (one; the sync expert has two)
    """

    width: float = 1.0
    repeats: int = 1
    dtype: str = "float32"

    @nn.compact
    def __call__(self, mel: Array, train: bool) -> Array:
        chex.assert_shape(mel, (None, 16, 80))
        rows = (
            *(Row(32, 3, 1, 1), same(32), same(32)),
            *(Row(64, 3, (3, 1), 1), same(64), same(64)),
            *(Row(128, 3, 3, 1), same(128), same(128)),
            *(Row(256, 3, (3, 2), 1), *self.repeats * (same(256),)),
            *(Row(512, 3), Row(512, 1)),
        )
        picture = rearrange(mel, "b f k -> b k f 1")
        tower = Tower(rows, self.width, self.dtype, name="tower")
        return tower(picture, train)[:, 0, 0]


class IdentityEncoder(nn.Module):
    """A face without its mouth, and a reference -> maps of 7 sizes, finest first.

    [b h w c=6] -> ([b h w d], ..., [b 1 1 d]).
    """

    size: int
    width: float = 1.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, face: Array, train: bool) -> tuple[Array, ...]:
        chex.assert_shape(face, (None, self.size, self.size, 6))
        stages = (
            (Row(16, 7, 1, 3),),
            (half(32), same(32), same(32)),
            (half(64), same(64), same(64), same(64)),
            (half(128), same(128), same(128)),
            (half(256), same(256), same(256)),
            (half(512), same(512)),
            (Row(512, self.size // 32), Row(512, 1)),
        )
        maps = []
        for index, rows in enumerate(stages):
            stage = Tower(rows, self.width, self.dtype, DRAWN, name=f"stage_{index}")
            face = stage(face, train)
            maps.append(face)
        return tuple(maps)


class FaceDecoder(nn.Module):
    """A code and the maps of an identity -> a face.  [b d], maps -> [b h w c=3].

    signed  pixels lie in [-1, 1], else in [0, 1]
    """

    size: int
    width: float = 1.0
    signed: bool = True
    dtype: str = "float32"

    @nn.compact
    def __call__(self, code: Array, maps: tuple[Array, ...], train: bool) -> Array:
        x = code[:, None, None]
        first = (Row(512, 1),)
        how = self.width, self.dtype, DRAWN
        x = Tower(first, *how, name="stage_0")(x, train)
        stages = ((512, 1), (512, 2), (384, 2), (256, 2), (128, 2), (64, 2))
        for index, (channels, repeats) in enumerate(stages, start=1):
            x = jnp.concatenate([x, maps[-index]], axis=-1)
            x = self.grow(index, channels)(x, train)
            rows = repeats * (same(channels),)
            x = Tower(rows, *how, name=f"stage_{index}")(x, train)
        x = jnp.concatenate([x, maps[0]], axis=-1)
        last = (Row(32, 3, 1, 1),)
        x = Tower(last, *how, name="stage_7")(x, train)
        x = Conv(3, 1, dtype=self.dtype, name="pixels")(x)
        x = x.astype(at_least_float32(x.dtype))
        return jnp.tanh(x) if self.signed else jax.nn.sigmoid(x)

    def grow(self, index: int, channels: int) -> nn.Module:
        """From one pixel to the deepest map; then twice the sides, each time."""
        channels = scaled(channels, self.width, DRAWN)
        shape = (self.size // 32, 1, 0, 0) if index == 1 else (3, 2, 1, 1)
        return DeconvBlock(channels, *shape, dtype=self.dtype, name=f"grow_{index}")


class LipEncoder(nn.Module):
    """Five frames of a mouth -> how it moves, for every five frames on end.

    [b t h w c=3] -> [b t-4 d]: a clip of five frames gives one code.
    """

    size: int
    width: float = 1.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, frames: Array, train: bool) -> Array:
        chex.assert_shape(frames, (None, None, self.size, self.size, 3))
        features = scaled(64, self.width)
        kernel = self.param("kernel", fan_in_uniform, (5, 7, 7, 3, features))
        bias = self.param("bias", nn.initializers.zeros, (features,))
        dtype = jnp.dtype(self.dtype)
        motion = conv3d(
            frames.astype(dtype),
            kernel.astype(dtype),
            strides=(1, 2, 2),
            padding=(0, 3, 3),
        )
        motion = motion + bias.astype(dtype)[None, None, None, None]
        rows = (
            *(half(64), same(64), same(64), same(64)),
            *(half(128), same(128), same(128)),
            *(half(256), same(256), same(256)),
            *(half(512), same(512)),
            *(Row(512, self.size // 32), Row(512, 1)),
        )
        tower = Tower(rows, self.width, self.dtype, name="tower")
        codes = tower(rearrange(motion, "b t h w d -> (b t) h w d"), train)
        return rearrange(codes[:, 0, 0], "(b t) d -> b t d", t=motion.shape[1])


class Discriminator(nn.Module):
    """Whether the lower half of a face is a photograph.  [b h w c=3] -> logits [b]."""

    size: int
    width: float = 1.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, faces: Array) -> Array:
        chex.assert_shape(faces, (None, self.size, self.size, 3))
        rows = (
            Row(32, 7, 1, 3),
            *(Row(64, 5, (1, 2), 2), Row(64, 5, 1, 2)),
            *(Row(128, 5, 2, 2), Row(128, 5, 1, 2)),
            *(Row(256, 5, 2, 2), Row(256, 5, 1, 2)),
            *(Row(512, 3, 2, 1), Row(512, 3, 1, 1)),
            *(Row(512, 3, 2, 1), Row(512, 3, 1, 1)),
            *(Row(512, self.size // 32), Row(512, 1)),
        )
        x = faces[:, self.size // 2 :]
        for index, (channels, kernel, stride, padding, _) in enumerate(rows):
            shape = (scaled(channels, self.width), kernel, stride, padding)
            x = NoNormBlock(*shape, dtype=self.dtype, name=f"block_{index}")(x)
        logits = Conv(1, 1, dtype=self.dtype, name="verdict")(x)
        return logits[:, 0, 0, 0].astype(jnp.float32)
