"""Which sound is heard at each moment: the small network that texts are aligned by.

An organ and no system: no verb answers with it, and several learn from what it tells.
"""

import dataclasses
from typing import ClassVar

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp

from avjax.nn.layers import Conv
from avjax.nn.local_attention import NEVER, NearEncoder
from avjax.typing import Array

BANDS = 80  # k
KERNEL = 5  # columns that a convolution sees
CONVS = 2


@dataclasses.dataclass(frozen=True)
class AlignerConfig:
    """What the network can tell apart, and how large it is.

    sounds  v, their names; number 0 is never heard
    reach   columns to either side that all layers of attention see together
    """

    system: ClassVar[str] = "aligner"
    sounds: tuple[str, ...]
    dim: int = 64
    layers: int = 2
    heads: int = 2
    reach: int = 16
    dropout: float = 0.1


def margin(config: AlignerConfig) -> int:
    """Columns to either side on which an answer depends."""
    return config.reach + CONVS * (KERNEL // 2)


class Aligner(nn.Module):
    """Sound in columns -> how likely each sound is in each column.

    It sees little of what is around a column: a network that sees a whole clip may name
    a sound anywhere in it.
    """

    config: AlignerConfig

    @nn.compact
    def __call__(self, mel: Array, exists: Array, train: bool = False) -> Array:
        """mel [b f k], exists [b f] -> logarithms [b f v], of number 0 that of never.

        Needs a `dropout` key where train is true.
        """
        chex.assert_shape(mel, (*exists.shape, BANDS))
        config = self.config
        codes, there = mel[:, None], exists[:, None, :, None]
        for _ in range(CONVS):
            near = Conv(config.dim, (1, KERNEL), padding=(0, KERNEL // 2))
            codes = nn.gelu(nn.LayerNorm()(near(codes * there)))
        ahead = jnp.full(mel.shape[0], config.reach, jnp.int32)
        shape = config.reach, config.layers, config.heads, config.dropout
        codes = NearEncoder(*shape)(codes[:, 0], exists, ahead, train)
        logits = nn.Dense(len(config.sounds) - 1, name="sounds")(codes)
        nothing = jnp.full((*exists.shape, 1), NEVER)
        return jnp.concatenate([nothing, jax.nn.log_softmax(logits)], axis=-1)
