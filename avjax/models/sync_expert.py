"""The lip-sync expert: do these five frames of a mouth and this sound go together?

Source   Prajwal et al., ACM Multimedia 2020 (96 pixels); Park et al., AAAI 2022 (128)
"""

import dataclasses
from typing import ClassVar

import chex
import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange

from avjax.nn.memory import unit
from avjax.nn.wav2lip import AudioEncoder, Row, Tower, half, same
from avjax.typing import Array


@dataclasses.dataclass(frozen=True)
class SyncConfig:
    system: ClassVar[str] = "sync"
    size: int = 96  # sides of a face crop
    width: float = 1.0  # scales all channels; 1 is published
    dtype: str = "float32"


class SyncExpert(nn.Module):
    """Two towers into one space, in which what belongs together is near.

    Both codes come out of a ReLU with length one, so that their cosine is in [0, 1].
    """

    size: int
    width: float = 1.0
    dtype: str = "float32"

    def setup(self):
        deep = 2 if self.size >= 128 else 0
        rows = (
            *(Row(32, 7, 1, 3), Row(64, 5, (1, 2), 1), same(64), same(64)),
            *(half(128), same(128), same(128), same(128)),
            *(half(256), same(256), same(256)),
            *(half(512), same(512), same(512)),
            *(half(512), *deep * (same(512),)),
            *(Row(512, self.size // 32), Row(512, 1)),
        )
        self.tower = Tower(rows, self.width, self.dtype)
        self.audio = AudioEncoder(self.width, repeats=2, dtype=self.dtype)

    def __call__(self, mel: Array, faces: Array, train: bool) -> tuple[Array, Array]:
        """mel [b f=16 k=80], faces [b t=5 h w c=3] in [0, 1] -> two codes [b d]."""
        return self.hear(mel, train), self.watch(faces, train)

    def hear(self, mel: Array, train: bool = False) -> Array:
        """0.2 s of log-mel [b f=16 k=80] -> [b d], of length one."""
        return unit(self.audio(mel, train).astype(jnp.float32))

    def watch(self, faces: Array, train: bool = False) -> Array:
        """Five whole face crops [b t=5 h w c=3] in [0, 1] -> [b d], of length one."""
        chex.assert_shape(faces, (None, 5, self.size, self.size, 3))
        mouths = faces[:, :, self.size // 2 :]
        picture = rearrange(mouths, "b t h w c -> b h w (t c)")
        return unit(self.tower(picture, train)[:, 0, 0].astype(jnp.float32))
