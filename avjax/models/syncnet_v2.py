"""The network of the published sync figures, LSE-D and LSE-C; its file is syncnet_v2.

Source   Chung and Zisserman, 2016, "Out of Time: Automated Lip Sync in the Wild";
         Prajwal et al., ACM Multimedia 2020, who measure by it
"""

import dataclasses
from typing import ClassVar

import chex
import flax.linen as nn
from einops import rearrange

from avjax.nn.conv import conv3d
from avjax.nn.layers import ConvBlock, Norm, fan_in_uniform
from avjax.nn.wav2lip import scaled
from avjax.typing import Array


@dataclasses.dataclass(frozen=True)
class SyncNetConfig:
    system: ClassVar[str] = "syncnet_v2"
    size: int = 224  # sides of a face crop
    width: float = 1.0  # scales all channels; 1 is published
    dtype: str = "float32"  # of the convolutions; parameters stay float32


class SyncNet(nn.Module):
    """Two towers into one space, in which what belongs together is near.

    Pictures are in 0 to 255, red first.  (The published program has blue first: of its
    file, the colours of the first kernel of the lips are to be turned.)
    """

    config: SyncNetConfig

    def setup(self):
        shape = self.config.width, self.config.dtype
        self.audio = SoundTower(*shape)
        self.lips = LipTower(*shape)
        self.audio_code = Code(*shape)
        self.lip_code = Code(*shape)

    def __call__(self, mfcc: Array, faces: Array, train: bool) -> tuple[Array, Array]:
        """mfcc [b f=20 k=13], faces [b t=5 h w c=3] -> two codes [b d]."""
        return self.hear(mfcc, train), self.watch(faces, train)

    def hear(self, mfcc: Array, train: bool = False) -> Array:
        """0.2 s of sound, by audio.mfcc.mfcc: [b f=20 k=13] -> [b d]."""
        chex.assert_shape(mfcc, (None, 20, 13))
        return self.audio_code(self.audio(mfcc, train), train)

    def watch(self, faces: Array, train: bool = False) -> Array:
        """Five face crops [b t=5 h w c=3] -> [b d]."""
        chex.assert_shape(faces, (None, 5, self.config.size, self.config.size, 3))
        return self.lip_code(self.lips(faces, train), train)


class SoundTower(nn.Module):
    """[b f=20 k=13] -> [b d]."""

    width: float
    dtype: str

    @nn.compact
    def __call__(self, mfcc: Array, train: bool) -> Array:
        def block(index: int, x: Array, channels: int, kernel, padding: int = 1):
            shape = scaled(channels, self.width), kernel, 1, padding
            return ConvBlock(*shape, dtype=self.dtype, name=f"block_{index}")(x, train)

        x = block(0, rearrange(mfcc, "b f k -> b k f 1"), 64, 3)
        x = nn.max_pool(block(1, x, 192, 3), (3, 3), (1, 2))
        x = block(3, block(2, x, 384, 3), 256, 3)
        x = nn.max_pool(block(4, x, 256, 3), (3, 3), (2, 2))
        return block(5, x, 512, x.shape[1:3], 0)[:, 0, 0]


class LipTower(nn.Module):
    """[b t=5 h w c=3] -> [b d]: the first block looks at all five frames at once."""

    width: float
    dtype: str

    @nn.compact
    def __call__(self, faces: Array, train: bool) -> Array:
        def block(index: int, x: Array, channels: int, *shape):
            name, channels = f"block_{index}", scaled(channels, self.width)
            return FilmBlock(channels, *shape, dtype=self.dtype, name=name)(x, train)

        x = pool(block(0, faces, 96, (5, 7, 7), 2))
        x = pool(block(1, x, 256, (1, 5, 5), 2, 1), 1)
        for index in (2, 3, 4):
            x = block(index, x, 256, (1, 3, 3), 1, 1)
        x = pool(x)
        return block(5, x, 512, (1, *x.shape[2:4]))[:, 0, 0, 0]


def pool(x: Array, padding: int = 0) -> Array:
    """The largest of 3 x 3 pixels, at every second.  [b t h w c]."""
    around = (0, 0), (padding, padding), (padding, padding)
    return nn.max_pool(x, (1, 3, 3), (1, 2, 2), around)


class FilmBlock(nn.Module):
    """Convolution over time too, batch normalisation, ReLU.

    [b t h w c] -> [b t h w d].  stride and padding are those of rows and columns.
    """

    features: int
    kernel: tuple[int, int, int]
    stride: int = 1
    padding: int = 0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        shape = (*self.kernel, x.shape[-1], self.features)
        kernel = self.param("kernel", fan_in_uniform, shape).astype(self.dtype)
        bias = self.param("bias", nn.initializers.zeros, shape[-1:])
        stride, around = self.stride, self.padding
        y = conv3d(
            x.astype(kernel.dtype),
            kernel,
            strides=(1, stride, stride),
            padding=(0, around, around),
        )
        y = y + bias.astype(kernel.dtype)[None, None, None, None]
        return nn.relu(Norm(dtype=self.dtype, name="norm")(y, train))


class Code(nn.Module):
    """Where something lies in the common space.  [b d] -> [b d=1024 width]."""

    width: float
    dtype: str

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        inner = nn.Dense(scaled(512, self.width), name="inner")(x)
        inner = nn.relu(Norm(name="norm")(inner, train))
        return nn.Dense(scaled(1024, self.width), name="outer")(inner)
