"""TAEM: text, as phonemes with durations, drives an audio-driven talker.

Paper       Choi et al., ICASSP 2024, "Text-driven Talking Face Synthesis by
            Reprogramming Audio-driven Models"

Symbols     s_i    a phoneme id              h_i    its embedding [b l d]
            d_i    its seconds               v      speaker embedding [b d]
            z_t    latent of the talker      z^_t   predicted latent [b t d]

Equations   (numbered by us: the paper's own numbers were not available)
    (1)  h, phonemes in their context         nn/local_attention.py    LocalTransformer
    (2)  v, from one picture of the face      nn/speaker.py            SpeakerEncoder
    (3)  log(1 + r d), no gradient into h     nn/duration.py           DurationPredictor
    (4)  h at r steps per second, by d        nn/duration.py           length_regulate
    (5)  25 frames per second, refined        here                     Taem
    (6)  z^ on the scale of z                 nn/latent_normalizer.py  LatentNormalizer
    (7)  L_latent                             losses/reconstruction.py latent_loss
    (8)  L_duration                           losses/reconstruction.py gamma_deviance

Departures  We know these details of the paper: its modules (a phoneme encoder, a
            duration predictor, a speech refine module, a speaker embedding from one
            picture), that the talker is frozen, and that comparisons are made with
            ground-truth durations.  The rest is our own: encoder and refine module are
            the transformer of CALS; the predictor is that of FastSpeech 2 (Ren et al.,
            2021), its gradient stopped as in ParaLip (Liu et al., 2022), but its loss
            is a deviance that the mean minimises: with squared errors of logarithms,
            sentences were 13 % too short; the picture is encoded by a small network
            that is trained along with the rest, without a face recogniser; v is added
            before the encoder, the predictor or the refine module, as configured,
            through a projection that starts at zero; there are 100 steps per second,
            each of which knows its position in its phoneme, and one linear layer turns
            four of them into a frame; punctuation counts only where eSpeak makes a
            pause; latents are predicted as deviations from their mean, in units of
            their standard deviation over the training clips, with squared errors in
            small experiments; for LipWarp, speech is synthetic and v is left out.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange

from avjax.constants import FPS
from avjax.models.registry import get_system, register_system
from avjax.models.synctalkface import WAV2LIP
from avjax.models.talker import TalkerConfig, latent_space
from avjax.nn.duration import DurationPredictor, length_regulate, to_seconds
from avjax.nn.latent_normalizer import LatentNormalizer
from avjax.nn.local_attention import LocalTransformer
from avjax.nn.precision import dense_type, to_full_precision
from avjax.nn.remat import rematerialise
from avjax.nn.speaker import SpeakerEncoder
from avjax.typing import Array, Dtype, Key, Params

TEXT_PART = "text_encoder"  # the part that does not belong to the talker

Module = Literal["encoder", "predictor", "refiner"]


@dataclasses.dataclass(frozen=True)
class TaemConfig:
    """Config of TAEM.

    Attributes:
        talker: Config of the frozen talker.
        num_phonemes: Size of the phoneme inventory, `avjax.text.phonemes.PHONEMES`.
        dim: Length of an embedding.
        heads: Attention heads.
        encoder_layers: Layers of the phoneme encoder.
        refiner_layers: Layers of the refine module; 0: none.
        context_phonemes: Phonemes of context on either side in the encoder.
        context_frames: Frames of context on either side in the refine module.
        steps_per_second: r, a multiple of 25.
        speaker_inputs: Modules that receive the speaker embedding.
        dropout: Dropout rate of the transformers.
        remat: Modules whose activations are not kept, see `nn.remat`.
    """

    system: ClassVar[str] = "taem"
    talker: TalkerConfig = WAV2LIP
    num_phonemes: int = 50
    dim: int = 256
    heads: int = 2
    encoder_layers: int = 4
    refiner_layers: int = 4
    context_phonemes: int = 16
    context_frames: int = 15
    steps_per_second: int = 100
    speaker_inputs: tuple[Module, ...] = ("encoder", "predictor", "refiner")
    dropout: float = 0.1
    remat: tuple[Literal["encoder", "refiner"], ...] = ()

    @property
    def size(self) -> int:
        """Side of a face crop in pixels."""
        return self.talker.size

    @property
    def dtype(self) -> Dtype:
        """Type of the products; that of the talker."""
        return self.talker.dtype


class TaemOutputs(NamedTuple):
    """Predicted latents and durations.

    Attributes:
        latents: Normalised latents [b t d].
        durations: log(1 + r d) of the phonemes [b l], `nn.duration.log_durations`.
    """

    latents: Array
    durations: Array


class Taem(nn.Module):
    """Phonemes and their times -> latents of a talker, t frames of b clips.

    Arguments of the methods:
        phoneme_ids: Indices into `avjax.text.phonemes.PHONEMES`, padded with 0,
            i32 [b l].
        phoneme_edges: Seconds from the first frame to the boundaries of the phonemes;
            padding repeats the last one, f32 [b l+1].
        portrait: Face crop of the speaker, u8 [b h w c=3], or None.
        speaker: Speaker embeddings by module, as `encode_speaker` returns them.
        codes: Codes of phonemes, [b l d].
        frames: Number of video frames, t.
        train: Update batch statistics, and apply dropout.
    """

    config: TaemConfig

    def setup(self):
        config = self.config
        self.phoneme_embed = nn.Embed(config.num_phonemes, config.dim)
        self.encoder = self._transformer(
            "encoder", config.context_phonemes, config.encoder_layers
        )
        dense = functools.partial(nn.Dense, dtype=dense_type(config.dtype))
        self.predictor = DurationPredictor(dtype=config.dtype)
        self.position_proj = dense(config.dim)
        self.downsample = dense(config.dim)
        self.refiner = self._transformer(
            "refiner", config.context_frames, config.refiner_layers
        )
        self.out = dense(config.talker.latent_dim)
        self.normalizer = LatentNormalizer(config.talker.latent_dim)
        if config.speaker_inputs:
            self.speaker_encoder = SpeakerEncoder(config.dim, config.dtype)
            # Initialised with zeros: random embeddings would only add noise.
            self.speaker_proj = {
                module: dense(config.dim, kernel_init=nn.initializers.zeros)
                for module in config.speaker_inputs
            }

    def _transformer(self, stage: str, context: int, layers: int) -> LocalTransformer:
        """Make the phoneme encoder or the refine module."""
        config = self.config
        network = rematerialise(LocalTransformer, stage in config.remat, 4)
        return network(context, layers, config.heads, config.dropout, config.dtype)

    def __call__(
        self,
        phoneme_ids: Array,
        phoneme_edges: Array,
        portrait: Array | None,
        frames: int,
        train: bool = False,
    ) -> TaemOutputs:
        """Predict normalised latents at known durations, and durations.

        The predicted durations have no effect on the latents.
        """
        chex.assert_shape(phoneme_edges, (None, phoneme_ids.shape[1] + 1))
        speaker = self.encode_speaker(portrait, train)
        codes, durations = self.encode_phonemes(phoneme_ids, speaker, train)
        latents = self.refine(codes, phoneme_edges, speaker, frames, train)
        return TaemOutputs(latents, durations)

    def forward_train(
        self,
        phoneme_ids: Array,
        phoneme_edges: Array,
        portrait: Array | None,
        latents: Array,
        weight: Array,
    ) -> tuple[TaemOutputs, Array]:
        """Predict latents in training, and update the statistics of latents.

        Args:
            phoneme_ids: i32 [b l].
            phoneme_edges: f32 [b l+1].
            portrait: u8 [b h w c=3].
            latents: Latents of the frozen talker for the real audio, [b t d].
            weight: Weight of each frame in the statistics, [b t].

        Returns:
            Predictions, and the normalised targets [b t d].
        """
        self.normalizer.update(latents, weight)
        frames = latents.shape[1]
        outputs = self(phoneme_ids, phoneme_edges, portrait, frames, train=True)
        return outputs, self.normalizer.normalize(latents)

    def predict_edges(self, phoneme_ids: Array, portrait: Array | None) -> Array:
        """Return predicted phoneme boundaries in seconds, f32 [b l+1]; see `Taem`."""
        speaker = self.encode_speaker(portrait, False)
        _, durations = self.encode_phonemes(phoneme_ids, speaker, False)
        seconds = to_seconds(durations, self.config.steps_per_second)
        seconds = seconds * (phoneme_ids > 0)
        return jnp.pad(jnp.cumsum(seconds, axis=1), ((0, 0), (1, 0)))

    def predict_latents(
        self,
        phoneme_ids: Array,
        phoneme_edges: Array,
        portrait: Array | None,
        frames: int,
    ) -> Array:
        """Return latents [b t d] on the talker's own scale; see `Taem`."""
        outputs = self(phoneme_ids, phoneme_edges, portrait, frames)
        latents = self.normalizer.denormalize(outputs.latents)
        return latent_space(self.config.talker).constrain(latents)  # taem (6)

    def normalize_latents(self, latents: Array) -> Array:
        """Return a talker's latents [b t d] in standard deviations; see `Taem`."""
        return self.normalizer.normalize(latents)

    def encode_speaker(self, portrait: Array | None, train: bool) -> dict[str, Array]:
        """Return {module: speaker embedding [b d]}; see `Taem` for arguments."""
        if portrait is None or not self.config.speaker_inputs:
            return {}
        embedding = self.speaker_encoder(portrait, train)
        return {module: proj(embedding) for module, proj in self.speaker_proj.items()}

    def encode_phonemes(
        self, phoneme_ids: Array, speaker: Mapping[str, Array], train: bool
    ) -> tuple[Array, Array]:
        """Return codes [b l d] and log(1 + r d) [b l]; see `Taem` for arguments."""
        mask = (phoneme_ids > 0).astype(jnp.float32)
        codes = add_speaker(self.phoneme_embed(phoneme_ids), speaker.get("encoder"))
        lookahead = jnp.full(phoneme_ids.shape[0], self.config.context_phonemes)
        codes = self.encoder(codes, mask, lookahead, train)  # taem (1)
        inputs = add_speaker(jax.lax.stop_gradient(codes), speaker.get("predictor"))
        return codes, self.predictor(inputs, mask, train)  # taem (3)

    def refine(
        self,
        codes: Array,
        phoneme_edges: Array,
        speaker: Mapping[str, Array],
        frames: int,
        train: bool,
    ) -> Array:
        """Return normalised latents of frames [b t d]; see `Taem` for arguments."""
        rate = self.config.steps_per_second
        steps = length_regulate(codes, phoneme_edges, frames, rate)
        steps = steps.features + self.position_proj(steps.positions)  # taem (4)
        features = rearrange(steps, "b (t r) d -> b t (r d)", r=rate // FPS)
        features = add_speaker(self.downsample(features), speaker.get("refiner"))
        middle = (jnp.arange(frames)[None] + 0.5) / FPS
        mask = (phoneme_edges[:, :1] <= middle) & (middle < phoneme_edges[:, -1:])
        lookahead = jnp.full(codes.shape[0], self.config.context_frames)
        # taem (5)
        features = self.refiner(features, mask.astype(jnp.float32), lookahead, train)
        return to_full_precision(self.out(features))


def add_speaker(codes: Array, speaker: Array | None) -> Array:
    """Return codes [b l d] plus a speaker embedding [b d], if any; see `Taem`."""
    return codes if speaker is None else codes + speaker[:, None]


@register_system(TaemConfig)
def init_variables(config: TaemConfig, key: Key) -> dict[str, Params]:
    """Return variables, also of the talker; see `avjax.models.registry.System`."""
    talker = get_system(config.talker.system)
    return {
        TEXT_PART: init_text_encoder(config, key),
        **talker.init_variables(config.talker, key),
    }


def init_text_encoder(config: TaemConfig, key: Key) -> Params:
    """Return variables of the part "text_encoder" alone; see `init_variables`."""
    return Taem(config).init(
        {"params": key, "dropout": key},
        phoneme_ids=jnp.ones((1, 1), jnp.int32),
        phoneme_edges=jnp.array([[0.0, 1 / FPS]]),
        portrait=jnp.zeros((1, config.size, config.size, 3), jnp.uint8),
        latents=jnp.zeros((1, 1, config.talker.latent_dim)),
        weight=jnp.zeros((1, 1)),
        method="forward_train",
    )
