"""CALS: sound in its context becomes lip motion, and that drives a face.

Paper       Park et al., ICASSP 2024, "Exploring Phonetic Context-Aware Lip-Sync for
            Talking Face Generation"

Symbols     phone          what is heard in 0.2 s around a frame [b t d]
            unit           contextualised lip motion of a frame [b t d]
            W              config.window        d_av, d_vv     the two sync losses
            A2L            AudioToLip           L2F            LipToFace

Equations   (the numbers are ours: the paper's own were not at hand)
    (1)  phones                               here                     hear
    (2)  hidden phones                        here                     draw_spans
    (3)  units, from 2 W + 1 phones           nn/transformer.py        NearEncoder
    (4)  masked learning                      losses/sync.py           unit_error
    (5)  a face guided by units               here                     LipToFace
    (6)  L_recon                              losses/reconstruction.py pixel_error
    (7)  d_av                                 losses/sync.py           synchrony_error
    (8)  d_vv                                 losses/sync.py           lip_confusion
    (9)  L_gan                                losses/adversarial.py    passed_as_real
    (10) weighted total                       here                     LossWeights

Departures  Known of the paper are its two modules, that the first is taught by masked
            learning and the names of its two sync losses; that W was best at 15 frames
            on LRW and about 13 on LRS2; and 128 pixels.  The rest is ours: a phone is
            what Wav2Lip's audio encoder makes of a frame's sound; W is shared by the
            layers of one transformer; spans of phones are hidden, half of all, and the
            units of all frames are to be told.  A unit is the code that the sync
            expert gives to the five frames around a frame: it holds motion, and a lip
            encoder of its own had lost that (docs/figures.md).  d_vv is a contrast with
            other moments of the clip, by the same expert.  Units alone reach the face.
            Networks and weights of losses are SyncTalkFace's.  In half of the
            training the look ahead is shortened at random, so that a live session may.
            Small recipes first draw unjudged, by squared errors, told units that stay
            as they are; then all learn together, and judges count for little.
"""

import dataclasses
from typing import ClassVar

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange

from avjax.nn.local_attention import NearEncoder
from avjax.nn.memory import unit
from avjax.nn.wav2lip import AudioEncoder, FaceDecoder, IdentityEncoder, scaled
from avjax.typing import Array, Key


@dataclasses.dataclass(frozen=True)
class CalsConfig:
    system: ClassVar[str] = "cals"
    size: int = 128  # sides of a face crop, divisible by 32
    width: float = 1.0  # scales all channels
    units: int = 512  # numbers in a unit: those of the expert's code
    window: int = 15  # W, frames of context to either side, at 25 a second
    layers: int = 4
    heads: int = 8
    dropout: float = 0.1
    signed: bool = True  # pixels in [-1, 1] (tanh), else in [0, 1] (sigmoid)
    dtype: str = "float32"  # of the convolutions; parameters stay float32

    @property
    def latent(self) -> int:
        """How many numbers a frame is told."""
        return self.units


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """Those of SyncTalkFace's code: CALS's own are not known."""

    # cals (10)
    pixels: float = 10.0  # L_recon, on pixels in [0, 1]
    audio_visual: float = 0.2  # d_av
    visual_visual: float = 0.2  # d_vv
    critic: float = 0.2  # L_gan


class AudioToLip(nn.Module):
    """How the lips move, from the sound of some frames on end."""

    config: CalsConfig

    def setup(self):
        config = self.config
        dim = scaled(512, config.width)
        self.audio = AudioEncoder(config.width, dtype=config.dtype)
        self.blank = self.param("blank", nn.initializers.normal(1.0), (dim,))
        self.context = NearEncoder(
            config.window, config.layers, config.heads, config.dropout
        )
        self.to_unit = nn.Dense(config.units)

    def __call__(
        self,
        mels: Array,
        exists: Array,
        ahead: Array,
        hidden: Array | None = None,
        train: bool = False,
    ) -> Array:
        """mels [b t f=16 k=80], exists [b t], ahead i32 [b], hidden [b t] -> [b t d].

        Units of length one.  exists is 0 where there is no sound; ahead is how many
        frames are heard in advance, W at most; a phone that is hidden is not heard.
        """
        phones = self.hear(mels, train)
        if hidden is not None:
            blank = self.blank[None, None]
            phones = jnp.where(hidden[..., None] > 0, blank, phones)  # cals (2)
        return self.tell(phones, exists, ahead, train)

    def hear(self, mels: Array, train: bool = False) -> Array:
        """One phone a frame.  [b t f=16 k=80] -> [b t d]."""
        chex.assert_shape(mels, (None, None, 16, 80))
        phones = self.audio(rearrange(mels, "b t f k -> (b t) f k"), train)
        phones = rearrange(phones, "(b t) d -> b t d", t=mels.shape[1])
        return phones.astype(jnp.float32)  # cals (1)

    def tell(
        self, phones: Array, exists: Array, ahead: Array, train: bool = False
    ) -> Array:
        """Phones in their context -> units.  Shapes as those of __call__."""
        told = self.context(phones, exists, ahead, train)  # cals (3)
        return unit(self.to_unit(told))


class LipToFace(nn.Module):
    """A face whose lips move as the units say."""

    config: CalsConfig

    def setup(self):
        config = self.config
        picture = {"size": config.size, "width": config.width, "dtype": config.dtype}
        self.guide = nn.Dense(scaled(512, config.width))
        self.identity = IdentityEncoder(**picture)
        self.decoder = FaceDecoder(**picture, signed=config.signed)

    def __call__(self, units: Array, faces: Array, train: bool = False) -> Array:
        """units [b t d], faces [b t h w c=6] from face_input -> frames [b t h w c=3].

        Frames are in the range of the model.
        """
        maps = self.identity(rearrange(faces, "b t h w c -> (b t) h w c"), train)
        codes = rearrange(self.guide(units), "b t d -> (b t) d")
        frames = self.decoder(codes, maps, train)  # cals (5)
        return rearrange(frames, "(b t) h w c -> b t h w c", t=units.shape[1])


def draw_spans(key: Key, shape: tuple[int, int], share: float, span: int) -> Array:
    """Which phones are hidden: spans of so many frames on end -> bool [b t].

    share  of all frames, on the mean
    """
    begins = 1 - (1 - share) ** (1 / span)
    batch, frames = shape
    begun = jax.random.bernoulli(key, begins, (batch, frames + span - 1))
    return jnp.any(
        jnp.stack([begun[:, i : i + frames] for i in range(span)]), axis=0
    )  # cals (2)


def draw_ahead(key: Key, count: int, window: int, share: float) -> Array:
    """How many frames each of so many clips is heard in advance -> i32 [b].

    share  of the clips whose look ahead is any from 0 to the window; of others, all
    """
    which, how = jax.random.split(key)
    short = jax.random.randint(how, (count,), 0, window + 1)
    return jnp.where(jax.random.bernoulli(which, share, (count,)), short, window)
