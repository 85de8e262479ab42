"""SyncNet: the network by which papers measure lip-sync (LSE-D and LSE-C).

Paper       Chung and Zisserman, ACCV workshop 2016, "Out of Time: Automated Lip Sync in
            the Wild"; LSE-D and LSE-C: Prajwal et al., ACM Multimedia 2020

Symbols     a      audio embedding [b d]
            v      visual embedding of five frames [b d]

Equations   (numbered by us)
    (1)  a, of 20 frames of MFCC                  here             MfccEncoder
    (2)  v, of five frames                        here             LipMotionEncoder

Departures  The layers are those of the authors' released program (`syncnet_v2.model`),
            which differs from the paper.  Images are RGB where the program has BGR, so
            that the first kernel of a converted file is reversed along its channels.
            Our own: `width` scales all channels, and in training batches are
            renormalised (nn/batch_renorm.py).
"""

import dataclasses
from typing import Any, ClassVar

import chex
import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange

from avjax.audio.mfcc import MFCC_WINDOW, NUM_MFCC
from avjax.constants import SYNC_FRAMES
from avjax.models.registry import register_system
from avjax.nn.batch_renorm import BatchRenorm
from avjax.nn.layers import ConvBlock, ConvSpec
from avjax.nn.temporal_conv import Conv3dBlock
from avjax.nn.wav2lip import scale_width
from avjax.typing import Array, Dtype, Key, Params


@dataclasses.dataclass(frozen=True)
class SyncNetConfig:
    """Config of SyncNet.

    Attributes:
        size: Side of a face crop in pixels.
        width: Factor of all channel counts; 1 is the published size.
        dtype: Of the convolutions; parameters are float32.
    """

    system: ClassVar[str] = "syncnet_v2"
    size: int = 224
    width: float = 1.0
    dtype: Dtype = "float32"


class SyncNet(nn.Module):
    """Two encoders into one space, in which matching audio and faces are close.

    Pixels are RGB in 0 to 255.

    Attributes:
        config: The config.
    """

    config: SyncNetConfig

    def setup(self):
        width, dtype = self.config.width, self.config.dtype
        self.audio = MfccEncoder(width, dtype)
        self.lips = LipMotionEncoder(width, dtype)
        self.audio_head = EmbeddingHead(width)
        self.lip_head = EmbeddingHead(width)

    def __call__(
        self, mfcc: Array, faces: Array, train: bool = False
    ) -> tuple[Array, Array]:
        """Embed audio and faces.

        Args:
            mfcc: f32 [b f=20 k=13].
            faces: Five consecutive face crops, f32 [b t=5 h w c=3].
            train: Use and update batch statistics.

        Returns:
            Audio embeddings and visual embeddings, [b d] each.
        """
        return self.encode_audio(mfcc, train), self.encode_frames(faces, train)

    def encode_audio(self, mfcc: Array, train: bool = False) -> Array:
        """Embed 0.2 s of audio.

        Args:
            mfcc: `avjax.audio.mfcc.mfcc`, f32 [b f=20 k=13].
            train: Use and update batch statistics.

        Returns:
            Embeddings [b d].
        """
        chex.assert_shape(mfcc, (None, MFCC_WINDOW, NUM_MFCC))
        # syncnet_v2 (1)
        return self.audio_head(self.audio(mfcc, train), train)

    def encode_frames(self, faces: Array, train: bool = False) -> Array:
        """Embed five consecutive face crops.

        Args:
            faces: f32 [b t=5 h w c=3].
            train: Use and update batch statistics.

        Returns:
            Embeddings [b d].
        """
        side = self.config.size
        chex.assert_shape(faces, (None, SYNC_FRAMES, side, side, 3))
        # syncnet_v2 (2)
        return self.lip_head(self.lips(faces, train)[:, 0], train)

    def encode_clip(self, faces: Array) -> Array:
        """Embed every five consecutive face crops of a clip.

        Args:
            faces: f32 [t h w c=3].

        Returns:
            Embeddings [t-4 d].
        """
        return self.lip_head(self.lips(faces[None], False)[0], False)


class MfccEncoder(nn.Module):
    """Audio encoder.  [b f=20 k=13] -> [b d].

    Attributes:
        width: Factor of all channel counts.
        dtype: Of the convolutions.
    """

    width: float
    dtype: str

    @nn.compact
    def __call__(self, mfcc: Array, train: bool) -> Array:
        def block(index: int, x: Array, channels: int, kernel, padding: int = 1):
            channels = scale_width(channels, self.width)
            spec = ConvSpec(channels, kernel, padding=padding)
            conv = ConvBlock(spec, self.dtype, name=f"block_{index}")
            return conv(x, train)

        x = block(0, rearrange(mfcc, "b f k -> b k f 1"), 64, 3)
        x = nn.max_pool(block(1, x, 192, 3), (3, 3), (1, 2))
        x = block(3, block(2, x, 384, 3), 256, 3)
        x = nn.max_pool(block(4, x, 256, 3), (3, 3), (2, 2))
        return block(5, x, 512, x.shape[1:3], 0)[:, 0, 0]


class LipMotionEncoder(nn.Module):
    """Visual encoder; its first block convolves all five frames at once.

    [b t=5 h w c=3] -> [b d]

    Attributes:
        width: Factor of all channel counts.
        dtype: Of the convolutions.
    """

    width: float
    dtype: str

    @nn.compact
    def __call__(self, faces: Array, train: bool) -> Array:
        def block(index: int, x: Array, channels: int, kernel, stride=1, padding=0):
            conv = Conv3dBlock(
                features=scale_width(channels, self.width),
                kernel=kernel,
                stride=stride,
                padding=padding,
                dtype=self.dtype,
                name=f"block_{index}",
            )
            return conv(x, train)

        x = max_pool_frames(block(0, faces, 96, (5, 7, 7), 2))
        x = max_pool_frames(block(1, x, 256, (1, 5, 5), 2, 1), 1)
        for index in (2, 3, 4):
            x = block(index, x, 256, (1, 3, 3), 1, 1)
        x = max_pool_frames(x)
        x = block(5, x, 512, (1, *x.shape[2:4]))
        return x.reshape(*x.shape[:2], -1)


def max_pool_frames(x: Array, padding: int = 0) -> Array:
    """Pool 3 x 3 pixels of each frame with stride 2.

    Args:
        x: Feature maps, [b t h w c].
        padding: Padding on all sides in pixels.

    Returns:
        The maxima, [b t r s c] with r = (h + 2 padding - 1) // 2, and s likewise.
    """
    border: Any = (0, 0), (padding, padding), (padding, padding)
    return nn.max_pool(x, (1, 3, 3), (1, 2, 2), border)


class EmbeddingHead(nn.Module):
    """Two dense layers into the common space.  [b d] -> [b d=1024 width].

    Attributes:
        width: Factor of all channel counts.
    """

    width: float

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        x = nn.Dense(scale_width(512, self.width), name="fc1")(x)
        x = nn.relu(BatchRenorm(name="norm")(x, train))
        return nn.Dense(scale_width(1024, self.width), name="fc2")(x)


@register_system(SyncNetConfig)
def init_variables(config: SyncNetConfig, key: Key) -> dict[str, Params]:
    """Initialise the variables of an untrained SyncNet.

    Args:
        config: The config.
        key: A PRNG key.

    Returns:
        {part: variables}, of the part "sync_expert".
    """
    variables = SyncNet(config).init(
        key,
        mfcc=jnp.zeros((1, MFCC_WINDOW, NUM_MFCC)),
        faces=jnp.zeros((1, SYNC_FRAMES, config.size, config.size, 3)),
        train=False,
    )
    return {"sync_expert": variables}
