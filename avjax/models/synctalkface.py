"""SyncTalkFace: sound recalls how lips move, and that guides the drawing of a face.

Paper       Park et al., AAAI 2022, "SyncTalkFace: Talking Face Generation with Precise
            Lip-Syncing via Audio-Lip Memory"; without a memory it is Wav2Lip
            (Prajwal et al., ACM Multimedia 2020).

Symbols     f_aud          heard [b t d]       M_aud, M_lip    memory.keys, .values
            f_lip          lips [b t d]        A_aud, A_lip    by_audio, by_lips [b t m]
            f_I            maps, of 7 sizes    kappa           config.sharpness
            I_g, I_G       spoken, taught      S = m           config.slots
            f^_lip;keyAdr  recalled [b t d]    f^_lip;valAdr   stored [b t d]

Equations   (the numbers are ours: the paper's own were not at hand)
    (1)  address by cosine distance           nn/memory.py             address
    (2)  recalled lip feature                 nn/memory.py             read
    (3)  L_store                              losses/memory.py         storage_error
    (4)  L_align = KL(A_lip || A_aud)         losses/memory.py      address_divergence
    (5)  I_g = G(f^_lip;keyAdr, f_aud, f_I)   here                     speak_codes
    (6)  I_G, the teacher's                   here                     rehearse
    (7)  L_recon                              losses/reconstruction.py pixel_error
    (8)  L_a-v                                losses/sync.py           synchrony_error
    (9)  L_v-v                                losses/sync.py           lip_distance
    (10) L_gan                                losses/adversarial.py    passed_as_real
    (11) weighted total                       here                     LossWeights

Departures  As in the authors' code, not in the paper's text: projections before both
            addresses; the teacher draws from f^_lip;valAdr, not from f_lip; L_store is
            a mean, and its goal the projected feature; what is heard and recalled is
            fused by dropout and one linear layer; one weight for store and align.
            Ours: both paths go through the decoder as one batch, so that in training
            they share the statistics of its normalisation, and L_v-v encodes the
            clips of both together; the critic gives logits; pictures are RGB; batches
            are renormalised (nn/block.py Norm); at a width below 1 whatever draws keeps
            16 channels or more; small recipes bound the slope of L_a-v (`doubt`), and
            begin where a face without memory was trained, first by absolute errors and
            then by squared ones, where judges count for little.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange, repeat

from avjax.nn.memory import Fusion, KeyValueMemory
from avjax.nn.wav2lip import (
    AudioEncoder,
    FaceDecoder,
    IdentityEncoder,
    LipEncoder,
    scaled,
)
from avjax.typing import Array


@dataclasses.dataclass(frozen=True)
class SyncTalkFaceConfig:
    system: ClassVar[str] = "synctalkface"
    size: int = 128  # sides of a face crop, divisible by 32
    width: float = 1.0  # scales all channels; 1 is published
    slots: int = 96  # m; 0 is no memory, which makes it Wav2Lip
    sharpness: float = 16.0  # kappa
    dropout: float = 0.5  # before the fusion
    signed: bool = True  # pixels in [-1, 1] (tanh), else in [0, 1] (sigmoid)
    published: bool = False  # is shown and told what the authors' programs give theirs
    dtype: str = "float32"  # of the convolutions; parameters stay float32

    @property
    def latent(self) -> int:
        """How many numbers are heard in a frame."""
        return scaled(512, self.width)


WAV2LIP = SyncTalkFaceConfig(size=96, slots=0, signed=False)


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """Weights of the authors' code; those of the paper are not known."""

    # synctalkface (11)
    pixels: float = 10.0  # L_recon, spoken + taught, on pixels in [0, 1]
    audio_visual: float = 0.2  # L_a-v, spoken + taught
    visual_visual: float = 0.2  # L_v-v, spoken + taught
    critic: float = 0.2  # L_gan, spoken + taught
    memory: float = 0.2  # L_store + L_align


class Spoken(NamedTuple):
    frames: Array  # [b t h w c], in the range of the model
    address: Array  # [b t m], m = 0 without a memory


class Rehearsed(NamedTuple):
    """All that training judges; each [b t ...]."""

    spoken: Array  # frames, from the sound alone
    taught: Array  # frames, from the sound and the true lips
    by_audio: Array  # address [b t m]
    by_lips: Array  # address [b t m]
    stored: Array  # [b t d] what the values give back
    goal: Array  # [b t d] what was stored
    lips: Array  # [b t d] how the true lips move, frame by frame


def from_pixels(pixels: Array, signed: bool) -> Array:
    """uint8 [...] -> float32 in the range of the model, [-1, 1] or [0, 1]."""
    unit = pixels.astype(jnp.float32) / 255
    return 2 * unit - 1 if signed else unit


def to_unit(frames: Array, signed: bool) -> Array:
    """Frames in the range of the model -> in [0, 1], as sync experts want them."""
    return (frames + 1) / 2 if signed else frames


def to_pixels(frames: Array, signed: bool) -> Array:
    """Frames in the range of the model -> uint8."""
    return jnp.round(255 * jnp.clip(to_unit(frames, signed), 0, 1)).astype(jnp.uint8)


def face_input(target: Array, reference: Array) -> Array:
    """The target without its lower half, beside a picture of the same person.

    [b t h w c=3] each, in the range of the model -> [b t h w c=6].
    """
    hidden = target.at[..., target.shape[-3] // 2 :, :, :].set(0)
    return jnp.concatenate([hidden, reference], axis=-1)


class SyncTalkFace(nn.Module):
    """A face speaks.  t frames of b clips at a time; one window of sound per frame."""

    config: SyncTalkFaceConfig

    def setup(self):
        config = self.config
        picture = {"size": config.size, "width": config.width, "dtype": config.dtype}
        self.audio = AudioEncoder(config.width, dtype=config.dtype)
        self.identity = IdentityEncoder(**picture)
        self.decoder = FaceDecoder(**picture, signed=config.signed)
        if config.slots:
            dim = config.latent
            self.lips = LipEncoder(**picture)
            self.memory = KeyValueMemory(config.slots, dim, config.sharpness)
            self.fusion = Fusion(dim, config.dropout)

    def __call__(self, mels: Array, faces: Array, window: Array) -> Array:
        """Frames; so that `init` sees every parameter.  Shapes as in rehearse."""
        if self.config.slots:
            return self.rehearse(mels, faces, window).spoken
        return self.speak(mels, faces).frames

    def speak(self, mels: Array, faces: Array, train: bool = False) -> Spoken:
        """mels [b t f=16 k=80], faces [b t h w c=6] from face_input -> frames, address.

        Only the sound decides on the mouth.
        """
        return self.speak_codes(self.hear(mels, train), faces, train)

    def hear(self, mels: Array, train: bool = False) -> Array:
        """One window of log-mel per frame.  [b t f=16 k=80] -> heard [b t d]."""
        chex.assert_shape(mels, (None, None, 16, 80))
        codes = self.audio(rearrange(mels, "b t f k -> (b t) f k"), train)
        return rearrange(codes, "(b t) d -> b t d", t=mels.shape[1])

    def speak_codes(self, heard: Array, faces: Array, train: bool = False) -> Spoken:
        """The same from what was heard, [b t d]: the latent space of the sound."""
        address = jnp.zeros((*heard.shape[:2], 0))
        if self.config.slots:
            address = self.memory.address(heard)  # synctalkface (1)
            recalled = self.memory.read(address)  # synctalkface (2)
            heard = self.fusion(heard, recalled, train)
        # synctalkface (5)
        return Spoken(self.draw(heard, self.look(faces, train), train), address)

    def look(self, faces: Array, train: bool = False) -> tuple[Array, ...]:
        """faces [b t h w c=6] -> 7 maps [(b t) h w d] of who it is."""
        return self.identity(rearrange(faces, "b t h w c -> (b t) h w c"), train)

    def draw(self, codes: Array, maps: tuple[Array, ...], train: bool) -> Array:
        """codes [b t d], maps [(b t) h w d] -> frames [b t h w c]."""
        frames = self.decoder(rearrange(codes, "b t d -> (b t) d"), maps, train)
        return rearrange(frames, "(b t) h w c -> b t h w c", t=codes.shape[1])

    def encode_lips(self, frames: Array, train: bool = False) -> Array:
        """How lips move: a code for every five frames on end, their upper half hidden.

        [b t h w c=3] in the range of the model -> [b t-4 d].
        """
        return self.lips(frames.at[:, :, : self.config.size // 2].set(0), train)

    def rehearse(
        self, mels: Array, faces: Array, window: Array, train: bool = False
    ) -> Rehearsed:
        """Both paths at once: by the sound alone, and as the true lips teach.

        mels [b t f=16 k=80], faces [b t h w c=6], window [b t+4 h w c=3]: the targets
        with two frames before and two behind them.
        """
        chex.assert_axis_dimension(window, 1, mels.shape[1] + 4)
        heard, lips = self.hear(mels, train), self.encode_lips(window, train)
        by_audio = self.memory.address(heard)
        stored, by_lips, goal = self.memory.store(lips)
        recalled = jnp.concatenate([self.memory.read(by_audio), stored])
        codes = self.fusion(jnp.concatenate([heard, heard]), recalled, train)
        maps = [
            repeat(each, "b ... -> (two b) ...", two=2)
            for each in self.look(faces, train)
        ]
        # synctalkface (6)
        spoken, taught = jnp.split(self.draw(codes, tuple(maps), train), 2)
        return Rehearsed(spoken, taught, by_audio, by_lips, stored, goal, lips)


def codes_of_generated(
    model: SyncTalkFace, variables: Mapping[str, Any], frames: Array
) -> Array:
    """Lip codes of generated clips, by today's lip encoder taken as given.

    frames [b t h w c=3] in the range of the model -> [b t-4 d].  Gradient reaches the
    frames alone, and what normalisation sees here is forgotten: the lip encoder must
    not learn to find generated lips good.
    """
    frozen = jax.lax.stop_gradient(variables)
    codes, _ = model.apply(
        frozen, frames, train=True, method="encode_lips", mutable=["batch_stats"]
    )
    return codes
