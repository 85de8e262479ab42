"""Encoders, decoder and discriminator of talking faces: the layer tables of Wav2Lip.

At width 1 the channels are the published ones. The sides of images are divisible by
32; the smallest feature map has sides of size // 32 before the last two layers.

Source   Prajwal et al., ACM Multimedia 2020; Park et al., AAAI 2022 (the lip encoder)
"""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange

from avjax.constants import MEL_WINDOW, NUM_MELS
from avjax.nn.inference.folding import is_folded
from avjax.nn.layers import (
    Conv,
    ConvLeakyReLU,
    ConvSpec,
    ConvStack,
    DeconvBlock,
    downsample,
    fan_in_uniform,
    residual,
    scale_width,
)
from avjax.nn.pixels import PixelRange
from avjax.nn.precision import to_full_precision
from avjax.nn.temporal_conv import conv3d
from avjax.typing import Array

# Channels of the finest published feature maps; fewer cannot copy two images.
MIN_DECODER_CHANNELS = 16
DECODER_STAGES = (512, 1), (512, 2), (384, 2), (256, 2), (128, 2), (64, 2)
# For inference, the stages from here on decode this number of images at a time, so that
# their feature maps fit into the caches of a processor (chosen by measurement).
FIRST_FINE_STAGE, FINE_GROUP = 4, 2


class AudioEncoder(nn.Module):
    """Encode 0.2 s windows of log-mel, [b f=16 k=80] -> [b d].

    Attributes:
        width: Factor of all channels; d = 512 width.
        repeats: Residual blocks at 3 x 3 pixels: one; two in the sync expert.
        dtype: Type of the products.
    """

    width: float = 1.0
    repeats: int = 1
    dtype: str = "float32"

    @nn.compact
    def __call__(self, mel: Array, train: bool) -> Array:
        """Encode windows of log-mel [b f=16 k=80]."""
        chex.assert_shape(mel, (None, MEL_WINDOW, NUM_MELS))
        specs = (
            *(ConvSpec(32, 3, 1, 1), residual(32), residual(32)),
            *(ConvSpec(64, 3, (3, 1), 1), residual(64), residual(64)),
            *(ConvSpec(128, 3, 3, 1), residual(128), residual(128)),
            *(ConvSpec(256, 3, (3, 2), 1), *self.repeats * (residual(256),)),
            *(ConvSpec(512, 3), ConvSpec(512, 1)),
        )
        image = rearrange(mel, "b f k -> b k f 1")
        stack = ConvStack(specs, self.width, self.dtype, name="tower")
        return stack(image, train)[:, 0, 0]


class IdentityEncoder(nn.Module):
    """Encode a face without its mouth, and a reference of the same person.

    [b h w c=6] -> feature maps of 7 sizes, finest first: ([b h w d], ..., [b 1 1 d]).

    Attributes:
        size: Sides of the face crop in pixels.
        width: Factor of all channels.
        dtype: Type of the products.
    """

    size: int
    width: float = 1.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, faces: Array, train: bool) -> tuple[Array, ...]:
        """Encode faces [b h w c=6] from `avjax.nn.pixels.mask_lower_face`."""
        chex.assert_shape(faces, (None, self.size, self.size, 6))
        stages = (
            (ConvSpec(16, 7, 1, 3),),
            (downsample(32), residual(32), residual(32)),
            (downsample(64), residual(64), residual(64), residual(64)),
            (downsample(128), residual(128), residual(128)),
            (downsample(256), residual(256), residual(256)),
            (downsample(512), residual(512)),
            (ConvSpec(512, self.size // 32), ConvSpec(512, 1)),
        )
        x, maps = faces, []
        for index, specs in enumerate(stages):
            x = ConvStack(
                specs,
                self.width,
                self.dtype,
                MIN_DECODER_CHANNELS,
                name=f"stage_{index}",
            )(x, train)
            maps.append(x)
        return tuple(maps)


class FaceDecoder(nn.Module):
    """Decode a latent and the feature maps of an identity to a face.

    Latent [b d] and maps -> frames [b h w c=3].

    Attributes:
        size: Sides of the face crop in pixels.
        width: Factor of all channels.
        pixel_range: Range of the pixels.
        dtype: Type of the products.
    """

    size: int
    width: float = 1.0
    pixel_range: PixelRange = "[-1,1]"
    dtype: str = "float32"

    @nn.compact
    def __call__(self, latent: Array, maps: tuple[Array, ...], train: bool) -> Array:
        """Decode latents [b d] with the maps of `IdentityEncoder`."""
        x = latent[:, None, None]
        x = self._stack(0, (ConvSpec(512, 1),))(x, train)
        for index in range(1, FIRST_FINE_STAGE):
            x = self._upscale(index, x, maps, train)
        maps = maps[: len(DECODER_STAGES) + 2 - FIRST_FINE_STAGE]
        if not is_folded(self) or len(x) % FINE_GROUP:
            return self._decode_fine(x, maps, train)
        is_still = len(maps[0]) < len(x)  # one image for all latents
        arrays = jax.tree.map(
            lambda array: rearrange(array, "(n g) ... -> n g ...", g=FINE_GROUP),
            (x, () if is_still else maps),
        )

        def decode_group(decoder, _, arrays):
            x, group_maps = arrays
            return None, decoder._decode_fine(x, group_maps or maps, train)

        scan = nn.scan(decode_group, variable_broadcast=True, split_rngs={})
        _, frames = scan(self, None, arrays)
        return rearrange(frames, "n g h w c -> (n g) h w c")

    def _decode_fine(self, x: Array, maps: tuple[Array, ...], train: bool) -> Array:
        """Decode by the finer stages, with the finer maps."""
        for index in range(FIRST_FINE_STAGE, len(DECODER_STAGES) + 1):
            x = self._upscale(index, x, maps, train)
        x = self._stack(7, (ConvSpec(32, 3, 1, 1),))(x, train, maps[0])
        x = Conv(3, 1, dtype=self.dtype, name="to_rgb")(x)
        x = to_full_precision(x)
        return jnp.tanh(x) if self.pixel_range == "[-1,1]" else jax.nn.sigmoid(x)

    def _upscale(
        self, index: int, x: Array, maps: tuple[Array, ...], train: bool
    ) -> Array:
        """Apply a stage that makes feature maps larger."""
        channels, repeats = DECODER_STAGES[index - 1]
        skip = maps[len(DECODER_STAGES) + 1 - index]
        x = self._upsample(index, channels)(x, train, skip)
        return self._stack(index, repeats * (residual(channels),))(x, train)

    def _stack(self, index: int, specs: tuple[ConvSpec, ...]) -> ConvStack:
        """Create the convolutions of a stage."""
        return ConvStack(
            specs, self.width, self.dtype, MIN_DECODER_CHANNELS, name=f"stage_{index}"
        )

    def _upsample(self, index: int, channels: int) -> DeconvBlock:
        """Create the upsampling of a stage: first to size // 32, then by two."""
        channels = scale_width(channels, self.width, MIN_DECODER_CHANNELS)
        name = f"upsample_{index}"
        if index == 1:
            return DeconvBlock(
                ConvSpec(channels, self.size // 32), dtype=self.dtype, name=name
            )
        spec = ConvSpec(channels, 3, 2, 1)
        return DeconvBlock(spec, output_padding=1, dtype=self.dtype, name=name)


class LipEncoder(nn.Module):
    """Encode the lip motion of every five consecutive frames.

    [b t h w c=3] -> [b t-4 d]: a clip of five frames gives one embedding.

    Attributes:
        size: Sides of the face crop in pixels.
        width: Factor of all channels; d = 512 width.
        dtype: Type of the products.
    """

    size: int
    width: float = 1.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, frames: Array, train: bool) -> Array:
        """Encode frames [b t h w c=3]."""
        chex.assert_shape(frames, (None, None, self.size, self.size, 3))
        features = scale_width(64, self.width)
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
        specs = (
            *(downsample(64), residual(64), residual(64), residual(64)),
            *(downsample(128), residual(128), residual(128)),
            *(downsample(256), residual(256), residual(256)),
            *(downsample(512), residual(512)),
            *(ConvSpec(512, self.size // 32), ConvSpec(512, 1)),
        )
        stack = ConvStack(specs, self.width, self.dtype, name="tower")
        x = stack(rearrange(motion, "b t h w d -> (b t) h w d"), train)
        return rearrange(x[:, 0, 0], "(b t) d -> b t d", t=motion.shape[1])


class Discriminator(nn.Module):
    """Tell real from generated faces by their lower half, [b h w c=3] -> logits [b].

    Attributes:
        size: Sides of the face crop in pixels.
        width: Factor of all channels.
        dtype: Type of the products.
    """

    size: int
    width: float = 1.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, faces: Array) -> Array:
        """Compute logits of faces [b h w c=3]; positive for real faces."""
        chex.assert_shape(faces, (None, self.size, self.size, 3))
        specs = (
            ConvSpec(32, 7, 1, 3),
            *(ConvSpec(64, 5, (1, 2), 2), ConvSpec(64, 5, 1, 2)),
            *(ConvSpec(128, 5, 2, 2), ConvSpec(128, 5, 1, 2)),
            *(ConvSpec(256, 5, 2, 2), ConvSpec(256, 5, 1, 2)),
            *(ConvSpec(512, 3, 2, 1), ConvSpec(512, 3, 1, 1)),
            *(ConvSpec(512, 3, 2, 1), ConvSpec(512, 3, 1, 1)),
            *(ConvSpec(512, self.size // 32), ConvSpec(512, 1)),
        )
        x = faces[:, self.size // 2 :]
        for index, spec in enumerate(specs):
            spec = spec._replace(channels=scale_width(spec.channels, self.width))
            x = ConvLeakyReLU(spec, self.dtype, name=f"block_{index}")(x)
        logits = Conv(1, 1, dtype=self.dtype, name="logits")(x)
        return logits[:, 0, 0, 0].astype(jnp.float32)
