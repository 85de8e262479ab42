"""CALS: audio in its context becomes lip motion units, which drive a face.

Paper       Park et al., ICASSP 2024, "Exploring Phonetic Context-Aware Lip-Sync for
            Talking Face Generation"

Symbols     phone    audio feature of the 0.2 s around a frame [b t d]
            unit     contextualised lip motion of a frame [b t d]
            W        context_frames      d_av, d_vv     the two sync losses
            A2L      AudioToLip          L2F            LipToFace

Equations   (numbered by us: the paper's own numbers were not available)
    (1)  phones                               here                     encode_audio
    (2)  masked phones                        nn/masking.py  sample_masked_spans
    (3)  units, from 2 W + 1 phones           nn/local_attention.py    LocalTransformer
    (4)  masked learning                      losses/sync.py           cosine_distance
    (5)  a face guided by units               here                     LipToFace
    (6)  L_recon                              losses/reconstruction.py pixel_loss
    (7)  d_av                                 losses/sync.py           sync_loss
    (8)  d_vv                                 losses/sync.py           lip_infonce
    (9)  L_gan                                losses/adversarial.py    bce_real
    (10) weighted total                       losses/weights.py

Departures  We know these details of the paper: its two modules; masked learning of the
            first one; the names of the two sync losses; the best W, 15 frames on LRW
            and about 13 on LRS2; and the size of 128 pixels.  The rest is our own: a
            phone is what the audio encoder of Wav2Lip returns for a frame's audio; the
            layers of one transformer share W; half of all phones are masked, in spans,
            and the units of all frames are predicted.  A unit is the embedding that the
            sync expert gives to the five frames around a frame: it encodes motion,
            which a separate lip encoder did not (docs/results). d_vv is an InfoNCE loss
            against other moments of the clip, with the same expert.  The face is guided
            by units alone, unless `phones_to_face` is set.  Networks and loss weights
            are those of SyncTalkFace.  In half of the training clips the lookahead is
            shortened at random, so that a live session may shorten it.
            Small experiments first train without auxiliary networks, with squared
            errors and frozen units; then all parts learn together, with low weights of
            the auxiliary networks. A lip-reading loss is our addition, of weight 0 by
            default (train/tasks/talking/lip_reading.py, docs/results/readability.md).
"""

import dataclasses
from typing import ClassVar, Literal

import chex
import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange

from avjax.constants import MEL_WINDOW, NUM_MELS
from avjax.models.context_latents import ContextLatents
from avjax.models.talker import TalkerConfig, Variables, register_talker
from avjax.nn.apply import apply_network
from avjax.nn.inference.folding import fold_decoder
from avjax.nn.local_attention import LocalTransformer
from avjax.nn.memory import l2_normalize
from avjax.nn.precision import dense_type, to_full_precision
from avjax.nn.remat import rematerialise
from avjax.nn.wav2lip import AudioEncoder, FaceDecoder, IdentityEncoder, scale_width
from avjax.typing import Array, Key, Params


@dataclasses.dataclass(frozen=True)
class CalsConfig(TalkerConfig):
    """Config of CALS.

    Attributes:
        size: Side of a face crop in pixels, divisible by 32.
        unit_dim: Length of a lip motion unit and of the sync expert's embedding.
        context_frames: Frames of context on either side at 25 per second, W.
        layers: Layers of the transformer.
        heads: Attention heads of the transformer.
        dropout: Dropout rate of the transformer.
        phones_to_face: The audio feature of a frame guides the face beside its unit.
        remat: Modules whose activations are not kept, see `nn.remat`.
    """

    system: ClassVar[str] = "cals"
    SIZE_MULTIPLE: ClassVar[int] = 32
    size: int = 128
    unit_dim: int = 512
    context_frames: int = 15
    layers: int = 4
    heads: int = 8
    dropout: float = 0.1
    phones_to_face: bool = False
    remat: tuple[Literal["audio", "context", "identity", "decoder"], ...] = ()

    @property
    def latent_dim(self) -> int:
        """Length of a unit, and of a phone where it guides the face as well."""
        return self.unit_dim + self.phones_to_face * scale_width(512, self.width)


class AudioToLip(nn.Module):
    """Encoder from audio to latents: a unit per frame, and its phone if that is used.

    Arguments of the methods:
        mels: Log-mel windows, f32 [b t f=16 k=80].
        features: Audio features ("phones"), f32 [b t d].
        frame_mask: 1 where a frame exists, f32 [b t].
        lookahead: Future frames that each clip may use, i32 [b]; W at most.
        masked: True where the mask token replaces the audio feature, bool [b t].
        train: Update batch statistics, and apply dropout.
    """

    config: CalsConfig

    def setup(self):
        config = self.config
        dim = scale_width(512, config.width)
        audio = rematerialise(AudioEncoder, "audio" in config.remat, 2)
        self.audio = audio(config.width, dtype=config.dtype)
        self.mask_token = self.param("mask_token", nn.initializers.normal(1.0), (dim,))
        context = rematerialise(LocalTransformer, "context" in config.remat, 4)
        self.context = context(
            config.context_frames,
            config.layers,
            config.heads,
            config.dropout,
            config.dtype,
        )
        self.unit_proj = nn.Dense(config.unit_dim, dtype=dense_type(config.dtype))

    def __call__(
        self,
        mels: Array,
        frame_mask: Array,
        lookahead: Array,
        masked: Array | None = None,
        train: bool = False,
    ) -> Array:
        """Return latent vectors, [b t d]; see `AudioToLip`."""
        features = self.encode_audio(mels, train)
        if masked is not None:
            token = self.mask_token[None, None]
            features = jnp.where(masked[..., None] > 0, token, features)  # cals (2)
        return self.contextualize(features, frame_mask, lookahead, train)

    def encode_audio(self, mels: Array, train: bool = False) -> Array:
        """Compute one audio feature per frame: mels -> [b t d]; see `AudioToLip`."""
        chex.assert_shape(mels, (None, None, MEL_WINDOW, NUM_MELS))
        features = self.audio(rearrange(mels, "b t f k -> (b t) f k"), train)
        features = rearrange(features, "(b t) d -> b t d", t=mels.shape[1])
        return features.astype(jnp.float32)  # cals (1)

    def contextualize(
        self, features: Array, frame_mask: Array, lookahead: Array, train: bool = False
    ) -> Array:
        """Return the latent vectors [b t d] of audio features; see `AudioToLip`."""
        codes = self.context(features, frame_mask, lookahead, train)  # cals (3)
        units = l2_normalize(to_full_precision(self.unit_proj(codes)))
        if not self.config.phones_to_face:
            return units
        return jnp.concatenate([units, features], axis=-1)


class LipToFace(nn.Module):
    """Face generator guided by lip motion units."""

    config: CalsConfig

    def setup(self):
        config = self.config
        shape = {"size": config.size, "width": config.width, "dtype": config.dtype}
        dim, remat = scale_width(512, config.width), config.remat
        self.guide = nn.Dense(dim, dtype=dense_type(config.dtype))
        if config.phones_to_face:
            zeros = nn.initializers.zeros  # phones have no influence at first
            self.phone_guide = nn.Dense(dim, False, self.guide.dtype, kernel_init=zeros)
        self.identity = rematerialise(IdentityEncoder, "identity" in remat, 2)(**shape)
        decoder = rematerialise(FaceDecoder, "decoder" in remat, 3)
        self.decoder = decoder(**shape, pixel_range=config.pixel_range)

    def __call__(self, latents: Array, faces: Array, train: bool = False) -> Array:
        """Generate frames.

        Args:
            latents: Latent vectors of `AudioToLip`, [b t d].
            faces: Masked target and reference, `mask_lower_face`, f32 [b t h w c=6].
            train: Use and update batch statistics.

        Returns:
            Frames in the pixel range of the model, [b t h w c=3].
        """
        maps = self.identity(rearrange(faces, "b t h w c -> (b t) h w c"), train)
        units, phones = jnp.split(latents, [self.config.unit_dim], axis=-1)
        codes = self.guide(units)
        if self.config.phones_to_face:
            codes = codes + self.phone_guide(phones)
        codes = rearrange(codes, "b t d -> (b t) d")
        frames = self.decoder(codes, maps, train)  # cals (5)
        return rearrange(frames, "(b t) h w c -> b t h w c", t=latents.shape[1])


class CalsLatents(ContextLatents):
    """Latent space of CALS: lip motion units of length one, and phones if used."""

    config: CalsConfig
    parts: ClassVar[tuple[str, ...]] = ("audio_to_lip", "lip_to_face")
    audio_part: ClassVar[str] = "audio_to_lip"

    def audio_network(self) -> AudioToLip:
        """Return the network from audio to latents."""
        return AudioToLip(self.config)

    def decode_frames(
        self, variables: Variables, latents: Array, faces: Array
    ) -> Array:
        """Return generated frames; see `LatentSpace.decode_frames`."""
        network = LipToFace(self.config)
        return apply_network(network, variables["lip_to_face"], latents, faces)

    def fold(self, variables: Variables) -> Variables:
        """Return variables for inference; see `LatentSpace.fold`."""
        return fold_decoder(LipToFace(self.config), variables, "lip_to_face")

    def constrain(self, latents: Array) -> Array:
        """Return vectors whose units have length one; see `LatentSpace.constrain`."""
        units, phones = jnp.split(latents, [self.config.unit_dim], axis=-1)
        return jnp.concatenate([l2_normalize(units), phones], axis=-1)


@register_talker(CalsConfig, CalsLatents)
def init_variables(config: CalsConfig, key: Key) -> dict[str, Params]:
    """Initialise variables; see `avjax.models.registry.System`.

    Args:
        config: The config.
        key: A PRNG key.

    Returns:
        {part: variables}, of both parts.
    """
    faces = jnp.zeros((1, 1, config.size, config.size, 6))
    latents = jnp.zeros((1, 1, config.latent_dim))
    return {
        "audio_to_lip": init_audio_to_lip(config, key),
        "lip_to_face": LipToFace(config).init(key, latents, faces),
    }


def init_audio_to_lip(config: CalsConfig, key: Key) -> Params:
    """Return variables of the part "audio_to_lip" alone; see `init_variables`."""
    return AudioToLip(config).init(
        key,
        mels=jnp.zeros((1, 1, MEL_WINDOW, NUM_MELS)),
        frame_mask=jnp.ones((1, 1)),
        lookahead=jnp.zeros(1, jnp.int32),
    )
