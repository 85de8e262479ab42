"""The lip-sync expert: scores how well five mouth frames and 0.2 s of audio match.

Paper       Prajwal et al., ACM Multimedia 2020, "A Lip Sync Expert Is All You Need for
            Speech to Lip Generation In the Wild" (96 pixels); 128 pixels as by Park et
            al., AAAI 2022

Symbols     s      audio embedding [b d]
            v      visual embedding of five frames [b d]

Equations   (numbered by us)
    (1)  s and v of length one, not negative      here            SyncExpert
    (2)  P_sync = s . v, in [0, 1]                losses/sync.py  sync_loss

Departures  As in the authors' code: s and v leave a ReLU, and only the lower half of a
            face is used.
            Our own: `width` scales all channels; batches are renormalised
            (nn/batch_renorm.py).  At 128 pixels the visual encoder has two more
            residual blocks before its last map, of 4 x 4 pixels.
"""

import dataclasses
from typing import ClassVar

import chex
import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange

from avjax.constants import MEL_WINDOW, NUM_MELS, SYNC_FRAMES
from avjax.models.registry import register_system
from avjax.nn.memory import l2_normalize
from avjax.nn.wav2lip import AudioEncoder, ConvSpec, ConvStack, downsample, residual
from avjax.typing import Array, Dtype, Key, Params


@dataclasses.dataclass(frozen=True)
class SyncExpertConfig:
    """Config of the sync expert.

    Attributes:
        size: Side of a face crop in pixels.
        width: Factor of all channel counts; 1 is the published size.
        dtype: Of the convolutions; parameters are float32.
    """

    system: ClassVar[str] = "sync_expert"
    size: int = 96
    width: float = 1.0
    dtype: Dtype = "float32"


class SyncExpert(nn.Module):
    """Two encoders into one space, in which matching audio and mouths are close.

    Both embeddings are not negative and of length one, so their cosine is in [0, 1].

    Attributes:
        size: Side of a face crop in pixels.
        width: Factor of all channel counts.
        dtype: Of the convolutions; parameters are float32.
    """

    size: int
    width: float = 1.0
    dtype: str = "float32"

    def setup(self):
        extra_blocks = 2 if self.size >= 128 else 0
        rows = (
            *(ConvSpec(32, 7, 1, 3), ConvSpec(64, 5, (1, 2), 1)),
            *(residual(64), residual(64)),
            *(downsample(128), residual(128), residual(128), residual(128)),
            *(downsample(256), residual(256), residual(256)),
            *(downsample(512), residual(512), residual(512)),
            *(downsample(512), *extra_blocks * (residual(512),)),
            *(ConvSpec(512, self.size // 32), ConvSpec(512, 1)),
        )
        self.visual = ConvStack(rows, self.width, self.dtype)
        self.audio = AudioEncoder(self.width, repeats=2, dtype=self.dtype)

    def __call__(self, mel: Array, faces: Array, train: bool) -> tuple[Array, Array]:
        """Embed audio and faces.

        Args:
            mel: Log-mel windows, f32 [b f=16 k=80].
            faces: Five consecutive face crops in [0, 1], f32 [b t=5 h w c=3].
            train: Use and update batch statistics.

        Returns:
            Audio embeddings and visual embeddings, [b d] each.
        """
        return self.encode_audio(mel, train), self.encode_frames(faces, train)

    def encode_audio(self, mel: Array, train: bool = False) -> Array:
        """Embed audio.

        Args:
            mel: Log-mel windows, f32 [b f=16 k=80].
            train: Use and update batch statistics.

        Returns:
            Embeddings of length one, f32 [b d].
        """
        codes = self.audio(mel, train).astype(jnp.float32)
        return l2_normalize(codes)  # sync_expert (1)

    def encode_frames(self, faces: Array, train: bool = False) -> Array:
        """Embed five consecutive face crops, of which the lower halves are used.

        Args:
            faces: In [0, 1], f32 [b t=5 h w c=3].
            train: Use and update batch statistics.

        Returns:
            Embeddings of length one, f32 [b d].
        """
        chex.assert_shape(faces, (None, SYNC_FRAMES, self.size, self.size, 3))
        mouths = faces[:, :, self.size // 2 :]
        stacked = rearrange(mouths, "b t h w c -> b h w (t c)")
        codes = self.visual(stacked, train)[:, 0, 0].astype(jnp.float32)
        return l2_normalize(codes)  # sync_expert (1)


@register_system(SyncExpertConfig)
def init_variables(config: SyncExpertConfig, key: Key) -> dict[str, Params]:
    """Initialise the variables of an untrained sync expert.

    Args:
        config: The config.
        key: A PRNG key.

    Returns:
        {part: variables}, of the part "sync_expert".
    """
    network = SyncExpert(**dataclasses.asdict(config))
    variables = network.init(
        key,
        mel=jnp.zeros((1, MEL_WINDOW, NUM_MELS)),
        faces=jnp.zeros((1, SYNC_FRAMES, config.size, config.size, 3)),
        train=False,
    )
    return {"sync_expert": variables}
