"""The sync model for people never seen: do lips and audio match, and at which offset?

Paper       None: the system is our own.  Lips are seen through the lip codes of LipWarp
            (models/lipwarp.py), which encode the shape of a mouth, not whose it is.

Symbols     z   lip codes [b t c]              v   embeddings of lips [b t d]
            h   features of audio [b t e]      a   embeddings of audio [b t d]
            o   offset in frames               S   evidence in a stretch of frames

Equations   (numbered by us)
    (1)  v = embedding of z around each frame    nn/motion_embedding.py   SyncEmbeddings
    (2)  a = embedding of h around each frame    nn/motion_embedding.py   SyncEmbeddings
    (3)  S(o) = sum of v(t) . a(t - o) / sqrt d  metrics/sync_evidence.py
    (4)  p(o) ~ exp S(o), p(none) ~ number of o  metrics/sync_evidence.py
    (5)  loss = -log p of the true offset, or of none for audio of another clip: task

Departures  None, because there is no paper.  Mouth encoder and audio network are those
            of LipWarp and stay as they are; only the two embeddings are trained.
"""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from einops import rearrange

from avjax.models import lipwarp
from avjax.models.lipwarp import AudioToCode, LipWarpConfig
from avjax.models.registry import register_system
from avjax.models.talker import Variables, latent_space
from avjax.nn.apply import apply_network
from avjax.nn.motion_embedding import SyncEmbeddings
from avjax.typing import Array, Key, Params

FROZEN_PARTS = "mouth_encoder", "audio_to_code"  # of LipWarp


@dataclasses.dataclass(frozen=True)
class SyncPeopleConfig:
    """Config of the sync model.

    Attributes:
        lipwarp: Config of the LipWarp whose mouth encoder and audio network are used.
        embedding_dim: Length of the embeddings.
        width: Channels of the networks that compute them.
        dropout: Dropout rate of these networks.
    """

    system: ClassVar[str] = "sync_people"
    lipwarp: LipWarpConfig = LipWarpConfig()
    embedding_dim: int = 64
    width: int = 96
    dropout: float = 0.2

    def embeddings(self) -> SyncEmbeddings:
        """Return the network of the part `embeddings`."""
        sizes = self.embedding_dim, self.width, self.dropout
        return SyncEmbeddings(*sizes, self.lipwarp.dtype)


def encode_mouths(config: SyncPeopleConfig, parts: Variables, mouths: Array) -> Array:
    """Compute lip codes [b t c] of grey mouths in [0, 1], f32 [b t h=40 w=56]."""
    images = rearrange(mouths, "b t h w -> (b t) h w 1")
    codes = latent_space(config.lipwarp).encode_mouths(parts, images)
    return rearrange(codes, "(b t) c -> b t c", b=mouths.shape[0])


def encode_audio(
    config: SyncPeopleConfig, parts: Variables, mels: Array, frame_mask: Array
) -> Array:
    """Compute features f32 [b t e] of the audio around each frame.

    Args:
        config: The config.
        parts: {part: variables}.
        mels: Log-mel windows, f32 [b t f=16 k=80].
        frame_mask: 1 where a frame exists, f32 [b t].
    """

    def encode(network: AudioToCode) -> Array:
        lookahead = jnp.full(mels.shape[0], config.lipwarp.context_frames)
        return network.context(network.encode_audio(mels), frame_mask, lookahead)

    network = AudioToCode(config.lipwarp)
    return apply_network(network, parts["audio_to_code"], method=encode)


@register_system(SyncPeopleConfig)
def init_variables(config: SyncPeopleConfig, key: Key) -> dict[str, Params]:
    """Initialise variables {part: variables}; see `avjax.models.registry.System`."""
    parts = lipwarp.init_variables(config.lipwarp, key)
    codes = jnp.zeros((1, 1, config.lipwarp.code_dim))
    features = jnp.zeros((1, 1, config.lipwarp.audio_dim))
    mask = jnp.ones((1, 1))
    embeddings = config.embeddings().init(key, codes, features, mask, mask)
    return {**{part: parts[part] for part in FROZEN_PARTS}, "embeddings": embeddings}
