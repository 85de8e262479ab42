"""The aligner: which phoneme is spoken in each mel frame, for forced alignment.

Paper       None: the network is our own, an encoder with local attention (see
            nn/local_attention.py) that is trained to make the phonemes of a text
            likely, summed over all alignments.

Symbols     x      log-mel [b f k=80]
            p      probability of each phoneme in each mel frame [b f v]

Equations   (numbered by us)
    (1)  log p from x and its neighbourhood       here                Aligner
    (2)  -log P(phonemes of the text | x)         losses/sequence.py  alignment_nll

Departures  None, because there is no paper.  Convolutions and attention see only a
            short neighbourhood of a mel frame: a network that sees a whole recording
            may name a phoneme anywhere in it.
"""

import dataclasses
from typing import ClassVar

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp

from avjax.constants import NEG_INF, NUM_MELS
from avjax.models.registry import register_system
from avjax.nn.layers import Conv
from avjax.nn.local_attention import LocalTransformer
from avjax.typing import Array, Key, Params

KERNEL = 5  # mel frames that a convolution sees
NUM_CONVS = 2


@dataclasses.dataclass(frozen=True)
class AlignerConfig:
    """Config of the aligner.

    Attributes:
        phonemes: Names of the phonemes, v; number 0 is padding and never predicted.
        dim: Length of an embedding.
        layers: Layers of the transformer.
        heads: Its attention heads.
        context_mels: Mel frames on either side that all layers of attention see
            together.
        dropout: Dropout rate of the transformer.
    """

    system: ClassVar[str] = "aligner"
    phonemes: tuple[str, ...]
    dim: int = 64
    layers: int = 2
    heads: int = 2
    context_mels: int = 16
    dropout: float = 0.1


def receptive_context(config: AlignerConfig) -> int:
    """Return the mel frames on either side on which an output depends.

    Args:
        config: The config.

    Returns:
        A number of mel frames.
    """
    return config.context_mels + NUM_CONVS * (KERNEL // 2)


class Aligner(nn.Module):
    """Log-mel -> log-probabilities of phonemes in each mel frame.

    Attributes:
        config: The config.
    """

    config: AlignerConfig

    @nn.compact
    def __call__(self, mel: Array, mel_mask: Array, train: bool = False) -> Array:
        """Classify mel frames.

        Args:
            mel: `avjax.audio.mel.standardized_log_mel`, f32 [b f k=80].
            mel_mask: 1 where a mel frame exists, f32 [b f].
            train: Apply dropout, which needs a PRNG key `dropout`.

        Returns:
            Log-probabilities [b f v]; that of phoneme 0 is NEG_INF.
        """
        chex.assert_shape(mel, (*mel_mask.shape, NUM_MELS))
        config = self.config
        codes, mask = mel[:, None], mel_mask[:, None, :, None]
        for layer in range(NUM_CONVS):
            conv = Conv(
                config.dim,
                (1, KERNEL),
                padding=(0, KERNEL // 2),
                name=f"conv_{layer}",
            )
            norm = nn.LayerNorm(name=f"norm_{layer}")
            codes = nn.gelu(norm(conv(codes * mask)))
        lookahead = jnp.full(mel.shape[0], config.context_mels, jnp.int32)
        transformer = LocalTransformer(
            config.context_mels,
            config.layers,
            config.heads,
            config.dropout,
            name="transformer",
        )
        codes = transformer(codes[:, 0], mel_mask, lookahead, train)
        logits = nn.Dense(len(config.phonemes) - 1, name="out")(codes)
        padding = jnp.full((*mel_mask.shape, 1), NEG_INF)
        log_probs = jax.nn.log_softmax(logits)
        # aligner (1)
        return jnp.concatenate([padding, log_probs], axis=-1)


@register_system(AlignerConfig)
def init_variables(config: AlignerConfig, key: Key) -> dict[str, Params]:
    """Initialise the variables of an untrained aligner.

    Args:
        config: The config.
        key: A PRNG key.

    Returns:
        {part: variables}, of the part "aligner".
    """
    variables = Aligner(config).init(
        key, mel=jnp.zeros((1, 1, NUM_MELS)), mel_mask=jnp.ones((1, 1))
    )
    return {"aligner": variables}
