"""A mouth encoder, and an editor that gives the mouth of a frame another shape."""

import functools
from typing import NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange

from avjax.nn.precision import dense_type, to_full_precision
from avjax.nn.warp import (
    NUM_GROUPS,
    FilmBlock,
    depth_to_space,
    double_size,
    space_to_depth,
    warp_image,
)
from avjax.typing import Array

ENCODER_CHANNELS = 32, 48, 64, 96  # at 1/2 to 1/16 of the size
EDITOR_CHANNELS = 24, 48, 72, 96
MAX_FLOW = 1 / 16  # scale of the flow, in sides of the crop
# Pixels of the reference and paint are used near the mouth only: in a superellipse, in
# sides of the crop. Further away, the frame's own pixels are moved.
MOUTH_CENTER, MOUTH_RADIUS = (0.5, 0.53), (0.29, 0.26)
MOUTH_EXPONENT, MOUTH_FEATHER = 3, 0.35
# What `drop_small_edits` drops (chosen on clips of people that training did not see):
MIN_FLOW = 1 / 160  # displacements away from the mouth, in sides of the crop
MIN_WEIGHT = 0.1  # of the reference and of paint


class MouthEncoder(nn.Module):
    """Encode the shape of a mouth, whoever it belongs to.

    Attributes:
        code_dim: Length of a lip code, d.
        dtype: Type of the products.
    """

    code_dim: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, mouths: Array) -> Array:
        """Return codes between -1 and 1, f32 [b d], of mouths f32 [b h w 1]."""
        chex.assert_rank(mouths, 4)
        axes, dtype = (1, 2, 3), dense_type(self.dtype)
        mean, std = (f(mouths, axes, keepdims=True) for f in (jnp.mean, jnp.std))
        x = space_to_depth((mouths - mean) / (std + 0.05))
        for layer, channels in enumerate(ENCODER_CHANNELS):
            stride = 2 if layer else 1
            conv = nn.Conv(
                channels, (3, 3), strides=stride, dtype=dtype, name=f"conv{layer}"
            )
            x = conv(x)
            x = nn.swish(nn.GroupNorm(NUM_GROUPS, name=f"norm{layer}")(x))
        code = nn.Dense(self.code_dim, dtype=dtype, name="code")(
            rearrange(x, "b h w c -> b (h w c)")
        )
        return jnp.tanh(to_full_precision(code))  # lipwarp (1)


class EditMaps(NamedTuple):
    """How an edited frame is made of three sources.

    Attributes:
        frame_flow: Displacement x, y in the frame, in pixels of the crop, [b s s 2].
        reference_flow: Displacement x, y in the reference, [b s s 2].
        paint: Painted pixels in [0, 1], [b s s 3].
        weights: Weights of the warped frame, the warped reference and the painted
            pixels, which sum to 1, [b s s 3].
    """

    frame_flow: Array
    reference_flow: Array
    paint: Array
    weights: Array


class LipEditor(nn.Module):
    """U-Net that predicts how a lip code changes a frame.

    Attributes:
        dtype: Type of the products.
    """

    dtype: str = "float32"

    @nn.compact
    def __call__(self, frames: Array, references: Array, codes: Array) -> EditMaps:
        """Predict the maps of an edit.

        Args:
            frames: Aligned crops in [0, 1], f32 [b s s 3].
            references: Aligned crops of the same persons in [0, 1], f32 [b s s 3].
            codes: Lip codes that the edited frames shall have, f32 [b d].

        Returns:
            The maps, at the size of the crops.
        """
        size, half = frames.shape[1], frames.shape[1] // 2
        conv = functools.partial(nn.Conv, dtype=dense_type(self.dtype))
        block = functools.partial(FilmBlock, dtype=self.dtype)
        dense = nn.Dense(64, dtype=dense_type(self.dtype), name="code")
        code = nn.swish(dense(codes))
        images = space_to_depth(2 * jnp.concatenate([frames, references], -1) - 1)
        x = jnp.concatenate([images, _positions(frames.shape[0], half)], axis=-1)
        skips = []
        for level, channels in enumerate(EDITOR_CHANNELS):
            if level:
                skips.append(x)
                x = space_to_depth(x)
            kernel = (1, 1) if level else (3, 3)
            x = conv(channels, kernel, name=f"down{level}")(x)
            x = block(channels, name=f"encode{level}")(x, code)
        x = block(EDITOR_CHANNELS[-1], name="middle")(x, code)
        for level in reversed(range(len(skips))):
            channels = EDITOR_CHANNELS[level]
            x = double_size(conv(channels, (1, 1), name=f"up{level}")(x))
            x = block(channels, name=f"decode{level}")(x + skips[level], code)
        x = nn.swish(nn.GroupNorm(NUM_GROUPS, name="norm_out")(x))
        small = nn.initializers.normal(0.02)
        flow = to_full_precision(conv(4, (3, 3), kernel_init=small, name="flow")(x))
        flow = jax.image.resize(
            flow * (size * MAX_FLOW), (x.shape[0], size, size, 4), "linear"
        )
        pixels = conv(24, (3, 3), kernel_init=small, name="pixels")(x)
        pixels = depth_to_space(to_full_precision(pixels))
        paint, logits = jnp.split(pixels, 2, axis=-1)
        # At first, the frame is copied.
        weights = nn.softmax(logits + jnp.array([2.0, 0.0, 0.0])[None, None, None])
        new = weights[..., 1:] * mouth_mask(size)[None]
        weights = jnp.concatenate([1 - new.sum(-1, keepdims=True), new], axis=-1)
        return EditMaps(
            flow[..., :2], flow[..., 2:], nn.sigmoid(paint), weights
        )  # lipwarp (2)


def drop_small_edits(maps: EditMaps) -> EditMaps:
    """Leave out what hardly changes a frame, but blurs it.

    Away from the mouth, displacements become shorter by `MIN_FLOW`, and those that are
    shorter than that vanish. Weights of the reference and of paint become smaller by up
    to `MIN_WEIGHT` in the same manner.

    Args:
        maps: The maps of an edit.

    Returns:
        The maps with which a face is rendered.
    """
    size = maps.paint.shape[1]
    length = jnp.linalg.norm(maps.frame_flow, axis=-1, keepdims=True)
    smallest = MIN_FLOW * size * (1 - mouth_mask(size)[None])
    kept = jnp.maximum(0, 1 - smallest / jnp.maximum(length, 1e-6))
    new = jnp.maximum(0, maps.weights[..., 1:] - MIN_WEIGHT) / (1 - MIN_WEIGHT)
    weights = jnp.concatenate([1 - new.sum(-1, keepdims=True), new], axis=-1)
    return maps._replace(frame_flow=maps.frame_flow * kept, weights=weights)


def mouth_mask(size: int) -> Array:
    """Compute where the reference and paint may be used.

    Args:
        size: Side of the crop in pixels.

    Returns:
        1 at the mouth, f32 [size size 1].
    """
    axis = (jnp.arange(size) + 0.5) / size
    x = (jnp.abs(axis - MOUTH_CENTER[0]) / MOUTH_RADIUS[0]) ** MOUTH_EXPONENT
    y = (jnp.abs(axis - MOUTH_CENTER[1]) / MOUTH_RADIUS[1]) ** MOUTH_EXPONENT
    radius = (x[None, :] + y[:, None]) ** (1 / MOUTH_EXPONENT)
    fade = jnp.clip((1 - radius) / MOUTH_FEATHER, 0, 1)
    return (fade * fade * (3 - 2 * fade))[..., None]


def _positions(batch: int, size: int) -> Array:
    """Coordinates x, y of pixels, from -1 to 1, [b size size 2]."""
    axis = jnp.linspace(-1, 1, size)
    grid = jnp.stack(jnp.meshgrid(axis, axis), axis=-1)
    return jnp.broadcast_to(grid, (batch, size, size, 2))


def compose_edit(
    frames: Array, references: Array, maps: EditMaps, region: Array
) -> Array:
    """Make edited crops.

    Args:
        frames: Aligned crops in [0, 1], f32 [b s s 3].
        references: Aligned crops of the same persons in [0, 1], f32 [b s s 3].
        maps: The maps of the edit.
        region: How far an edit replaces each pixel, f32 [s s].

    Returns:
        Crops in [0, 1], f32 [b s s 3].
    """
    sources = (
        warp_image(frames, maps.frame_flow),
        warp_image(references, maps.reference_flow),
        maps.paint,
    )
    weights = jnp.split(maps.weights, 3, axis=-1)
    edit = sum(w * s for w, s in zip(weights, sources, strict=True))  # lipwarp (3)
    return frames + region[None, ..., None] * (edit - frames)  # lipwarp (4)
