"""Embeddings of lips and audio in which those of one moment are alike."""

import flax.linen as nn

from avjax.nn.precision import dense_type, to_full_precision
from avjax.typing import Array

KERNELS = 9, 5  # frames of the two convolutions
CONTEXT_FRAMES = sum(kernel // 2 for kernel in KERNELS)  # on either side


class MotionEmbedding(nn.Module):
    """Embed what changes around each frame, by a small temporal convolution.

    Frames that do not exist do not change the output of other frames.

    Attributes:
        embedding_dim: Length of an embedding, d.
        width: Channels.
        dropout: Dropout rate.
        dtype: Type of the products.
    """

    embedding_dim: int
    width: int
    dropout: float
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, frame_mask: Array, train: bool = False) -> Array:
        """Compute embeddings.

        Args:
            x: Features of consecutive frames, f32 [b t c].
            frame_mask: 1 where a frame exists, f32 [b t].
            train: Apply dropout. Needs a `dropout` key.

        Returns:
            f32 [b t d].
        """
        mask = frame_mask[..., None]
        dropout = nn.Dropout(self.dropout, deterministic=not train)
        dtype = dense_type(self.dtype)
        first, second = (nn.Conv(self.width, (k,), dtype=dtype) for k in KERNELS)
        dense = nn.Dense(self.width, dtype=dtype)
        x = x * mask
        x = dropout(nn.gelu(dense(x) + first(x)) * mask)
        x = x + nn.gelu(second(nn.LayerNorm()(x) * mask))
        embedding = nn.Dense(self.embedding_dim, dtype=dtype)(dropout(x))
        return to_full_precision(embedding)


class SyncEmbeddings(nn.Module):
    """Embeddings of lips and of audio, one per frame.

    Attributes:
        embedding_dim: Length of an embedding, d.
        width: Channels.
        dropout: Dropout rate.
        dtype: Type of the products.
    """

    embedding_dim: int
    width: int
    dropout: float
    dtype: str = "float32"

    def setup(self):
        sizes = self.embedding_dim, self.width, self.dropout, self.dtype
        self.lips = MotionEmbedding(*sizes)
        self.audio = MotionEmbedding(*sizes)

    def __call__(
        self,
        codes: Array,
        features: Array,
        lip_mask: Array,
        audio_mask: Array,
        train: bool = False,
    ) -> tuple[Array, Array]:
        """Embed frames.

        Args:
            codes: Lip codes, f32 [b t c].
            features: Features of the audio, f32 [b t e].
            lip_mask: 1 where lips exist, f32 [b t].
            audio_mask: 1 where audio exists, f32 [b t].
            train: Apply dropout.

        Returns:
            Embeddings of lips and of audio, f32 [b t d] each.
        """
        lips = self.embed_lips(codes, lip_mask, train)
        return lips, self.embed_audio(features, audio_mask, train)

    def embed_lips(self, codes: Array, mask: Array, train: bool = False) -> Array:
        """Embed lips; see `__call__`."""
        return self.lips(codes, mask, train)  # sync_people (1)

    def embed_audio(self, features: Array, mask: Array, train: bool = False) -> Array:
        """Embed audio; see `__call__`."""
        return self.audio(features, mask, train)  # sync_people (2)
