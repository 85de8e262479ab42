"""Front-ends of lip reading: one feature vector per video frame, of mouth or audio.

Source   Kim et al., ICCV 2021; the network of the mouth: Stafylakis and Tzimiropoulos,
         Interspeech 2017, with the ResNet-18 of He et al., CVPR 2016
"""

from collections.abc import Callable

import chex
import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange, reduce

from avjax.constants import NUM_MELS
from avjax.nn.batch_renorm import BatchRenorm
from avjax.nn.conv import max_pool
from avjax.nn.inference import folding
from avjax.nn.layers import (
    Conv,
    ConvNoBias,
    ConvSpec,
    PReLU,
    fan_in_uniform,
    scale_width,
)
from avjax.nn.precision import dense_type, to_full_precision
from avjax.nn.temporal_conv import conv3d
from avjax.typing import Array

DROPOUT_RATE = 0.3  # after both front-ends


class BasicBlock(nn.Module):
    """Residual block of a ResNet: two 3 x 3 convolutions, [b h w c] -> [b h w d].

    Attributes:
        features: Output channels, d.
        stride: Stride of the first convolution and of the shortcut.
        learned_slope: Use PReLU instead of ReLU.
        dtype: Type of the products.
    """

    features: int
    stride: int = 1
    learned_slope: bool = True
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Apply the block to x [b h w c]."""
        y = self._conv_norm(3, self.stride, "1")(x, train)
        y = self._conv_norm(3, 1, "2")(self._activation("prelu_1")(y), train)
        if x.shape != y.shape:
            x = self._conv_norm(1, self.stride, "shortcut")(x, train)
        return self._activation("prelu_2")(y + x)

    def _conv_norm(
        self, kernel: int, stride: int, name: str
    ) -> Callable[[Array, bool], Array]:
        """Create a convolution with normalisation."""
        names = f"conv_{name}", f"norm_{name}"
        spec = ConvSpec(self.features, kernel, stride, kernel // 2)
        conv = ConvNoBias(self.features, kernel, stride, self.dtype, name=names[0])
        norm = BatchRenorm(dtype=self.dtype, name=names[1])

        def apply(x: Array, train: bool) -> Array:
            folded = self.variables.get(folding.FOLDED, {}).get(names[0])
            if folded is not None:
                y = folding.convolve_folded(x, folded["kernel"], spec)
                return y + folded["bias"][None, None, None]
            y = norm(conv(x), train)
            is_winograd = folding.suits_winograd(spec, x.shape)
            folding.store_folded(self, *names, name=names[0], is_winograd=is_winograd)
            return y

        return apply

    def _activation(self, name: str) -> Callable[[Array], Array]:
        """Create an activation; ReLU has no parameters."""
        return PReLU(name=name) if self.learned_slope else nn.relu


class LipFrontend(nn.Module):
    """Encode grey mouth crops; a frame sees two frames on both sides.

    [b t h w c=1] -> [b t d], d = 512 width.

    Attributes:
        width: Factor of all channels.
        reference_pooling: Average only the upper left 3 x 3 pixels of the last feature
            map, as the published code does at 112 pixels.
        dtype: Type of the products.
    """

    width: float = 1.0
    reference_pooling: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, mouths: Array, train: bool) -> Array:
        """Encode mouths [b t h w c=1]. Training needs a `dropout` key."""
        chex.assert_shape(mouths, (None, None, None, None, 1))
        stem = Stem(scale_width(64, self.width), self.dtype, name="stem")
        x = stem(mouths, train)
        for stage, channels in enumerate((64, 128, 256, 512)):
            for block in range(2):
                stride = 2 if stage and not block else 1
                x = BasicBlock(
                    scale_width(channels, self.width),
                    stride,
                    dtype=self.dtype,
                    name=f"block_{2 * stage + block}",
                )(x, train)
        x = x[:, :3, :3] if self.reference_pooling else x
        features = reduce(x.astype(jnp.float32), "b h w d -> b d", "mean")
        features = nn.Dropout(DROPOUT_RATE, deterministic=not train)(features)
        return rearrange(features, "(b t) d -> b t d", t=mouths.shape[1])


class Stem(nn.Module):
    """First layer over five frames, with a quarter of the sides.

    [b t h w c] -> [(b t) h/4 w/4 d].

    Attributes:
        features: Output channels, d.
        dtype: Type of the products.
    """

    features: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, clips: Array, train: bool) -> Array:
        """Apply the layer to clips [b t h w c]."""
        shape = (5, 7, 7, clips.shape[-1], self.features)
        kernel = self.param("kernel", fan_in_uniform, shape).astype(self.dtype)
        clips = clips.astype(kernel.dtype)
        x = conv3d(clips, kernel, strides=(1, 2, 2), padding=(2, 3, 3))
        x = rearrange(x, "b t h w d -> (b t) h w d")
        x = BatchRenorm(dtype=self.dtype, name="norm")(x, train)
        return max_pool(PReLU(name="prelu")(x))


class AudioFrontend(nn.Module):
    """Encode the log-mel spectrogram of a clip to one vector per video frame.

    [b f=4t k=80] -> [b t d], d = 512 width.

    Attributes:
        width: Factor of all channels.
        dtype: Type of the products.
    """

    width: float = 1.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, mel: Array, train: bool) -> Array:
        """Encode log-mel [b f=4t k=80]. Training needs a `dropout` key."""
        chex.assert_shape(mel, (None, None, NUM_MELS))
        x = rearrange(mel, "b f k -> b k f 1")
        for index, channels in enumerate((128, 256)):
            channels = scale_width(channels, self.width)
            conv = Conv(channels, 3, 2, 1, dtype=self.dtype, name=f"conv_{index}")
            x = conv(x, train_bias=not train)
            x = BatchRenorm(dtype=self.dtype, name=f"norm_{index}")(x, train)
            x = PReLU(name=f"prelu_{index}")(x)
        block = BasicBlock(
            x.shape[-1], learned_slope=False, dtype=self.dtype, name="block"
        )
        features = rearrange(block(x, train), "b k t c -> b t (c k)")
        features = features.astype(jnp.float32)
        features = nn.Dropout(DROPOUT_RATE, deterministic=not train)(features)
        dim = scale_width(512, self.width)
        out = nn.Dense(dim, dtype=dense_type(self.dtype), name="out")
        return to_full_precision(out(features))
