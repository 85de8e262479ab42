"""Front-ends of lip reading: a mouth, and a sound, as one code for each video frame.

Source   Kim et al., ICCV 2021; the network of the mouth: Stafylakis and Tzimiropoulos,
         Interspeech 2017, over the ResNet-18 of He et al., CVPR 2016
"""

import chex
import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange, reduce

from avjax.nn.conv import conv3d, max_pool
from avjax.nn.layers import Conv, Norm, PlainConv, PRelu, fan_in_uniform
from avjax.nn.wav2lip import scaled
from avjax.typing import Array

SOUND_STEPS = 4  # columns of log-mel in a video frame
BANDS = 80  # of log-mel
FORGOTTEN = 0.3  # share of dropout behind both front-ends


class BasicBlock(nn.Module):
    """Two convolutions beside a shortcut.  [b h w c] -> [b h w d], h and w by stride.

    learnt  the slopes below zero are learnt (PReLU), else they are flat (ReLU)
    """

    features: int
    stride: int = 1
    learnt: bool = True
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = self.normed(3, self.stride, "1")(x, train)
        y = self.normed(3, 1, "2")(self.bend("bend_1")(y), train)
        if x.shape != y.shape:
            x = self.normed(1, self.stride, "shortcut")(x, train)
        return self.bend("bend_2")(y + x)

    def normed(self, kernel: int, stride: int, name: str):
        conv = PlainConv(self.features, kernel, stride, self.dtype, name=f"conv_{name}")
        norm = Norm(dtype=self.dtype, name=f"norm_{name}")
        return lambda x, train: norm(conv(x), train)

    def bend(self, name: str):
        return PRelu(name=name) if self.learnt else nn.relu


class LipFront(nn.Module):
    """A grey mouth, frame by frame, with two frames on either side.

    lips [b t h w c=1] -> [b t d], d = 512 width.  Needs a `dropout` key where train is
    true.

    corner  of the last map only the upper left 3 x 3 are averaged, as the published
            code does at 112 pixels
    """

    width: float = 1.0
    corner: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, lips: Array, train: bool) -> Array:
        chex.assert_shape(lips, (None, None, None, None, 1))
        x = Stem(scaled(64, self.width), self.dtype, name="stem")(lips, train)
        for stage, channels in enumerate((64, 128, 256, 512)):
            for block in range(2):
                stride = 2 if stage and not block else 1
                name = f"block_{2 * stage + block}"
                shape = scaled(channels, self.width), stride
                x = BasicBlock(*shape, dtype=self.dtype, name=name)(x, train)
        x = x[:, :3, :3] if self.corner else x
        codes = reduce(x.astype(jnp.float32), "b h w d -> b d", "mean")
        codes = nn.Dropout(FORGOTTEN, deterministic=not train)(codes)
        return rearrange(codes, "(b t) d -> b t d", t=lips.shape[1])


class Stem(nn.Module):
    """Five frames at a time, to a quarter of the sides.

    [b t h w c] -> [(b t) h/4 w/4 d].
    """

    features: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, clips: Array, train: bool) -> Array:
        shape = (5, 7, 7, clips.shape[-1], self.features)
        kernel = self.param("kernel", fan_in_uniform, shape).astype(self.dtype)
        given = clips.astype(kernel.dtype)
        x = conv3d(given, kernel, strides=(1, 2, 2), padding=(2, 3, 3))
        x = rearrange(x, "b t h w d -> (b t) h w d")
        x = PRelu(name="bend")(Norm(dtype=self.dtype, name="norm")(x, train))
        return max_pool(x)


class SoundFront(nn.Module):
    """Log-mel of a clip -> what is heard in each video frame.

    mel [b f=4t k=80] -> [b t d], d = 512 width.  Needs a `dropout` key where train is
    true.
    """

    width: float = 1.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, mel: Array, train: bool) -> Array:
        chex.assert_shape(mel, (None, None, BANDS))
        x = rearrange(mel, "b f k -> b k f 1")
        for index, channels in enumerate((128, 256)):
            shape = scaled(channels, self.width), 3, 2, 1
            x = Conv(*shape, dtype=self.dtype, name=f"conv_{index}")(x, not train)
            x = Norm(dtype=self.dtype, name=f"norm_{index}")(x, train)
            x = PRelu(name=f"bend_{index}")(x)
        last = BasicBlock(x.shape[-1], learnt=False, dtype=self.dtype, name="block")
        codes = rearrange(last(x, train), "b k t c -> b t (c k)").astype(jnp.float32)
        codes = nn.Dropout(FORGOTTEN, deterministic=not train)(codes)
        return nn.Dense(scaled(512, self.width), name="code")(codes)
