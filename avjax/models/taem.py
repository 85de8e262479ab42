"""TAEM: text, as sounds that last so long, makes a talker believe that it heard them.

Paper       Choi et al., ICASSP 2024, "Text-driven Talking Face Synthesis by
            Reprogramming Audio-driven Models"

Symbols     s_i    a sound, its number        h_i    what is made of it [b l d]
            d_i    seconds that it lasts      v      who speaks [b d]
            z_t    what the talker hears      z^_t   what it is to hear [b t d]

Equations   (the numbers are ours: the paper's own were not at hand)
    (1)  h, sounds in their context           nn/transformer.py        NearEncoder
    (2)  v, from one picture of the face      here                     Portrait
    (3)  log(1 + r d), no gradient into h     nn/duration.py           Durations
    (4)  h at r steps a second, by d          nn/duration.py           laid_out
    (5)  25 frames a second, refined          here                     Taem
    (6)  z^ on the scale of z                 here                     Scale, heard_by
    (7)  L_latent                             losses/reconstruction.py latent_error
    (8)  L_duration                           losses/reconstruction.py duration_error

Departures  Known of the paper are its modules (a phoneme encoder, a duration predictor,
            a speech refine module, a speaker embedding from one picture), that the
            talker is frozen and that comparisons are made at given durations.  The rest
            is ours: encoder and refine module are the transformer of CALS; the
            predictor is FastSpeech 2's (Ren et al., 2021), its gradient stopped as in
            ParaLip (Liu et al., 2022), but errs by a deviance whose best answer is the
            mean: by squares of logarithms sentences were 13 % too short; the picture is
            read by a small network of our own that learns along, without a face
            recogniser; v is added before the encoder, the predictor or the refine
            module, whichever are named, and begins as nothing; steps are 100 a second,
            know how far their sound is, and four make a frame by one linear layer;
            marks are told as the pauses that espeak makes of them, and else not;
            latents are predicted as deviations from the mean, in units of what they
            deviate by over the training clips, and err by squares in small recipes.
"""

import dataclasses
from typing import ClassVar, Literal, NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange

from avjax.models.cals import CalsConfig
from avjax.models.synctalkface import WAV2LIP, SyncTalkFaceConfig, from_pixels
from avjax.nn.duration import FPS, Durations, laid_out, seconds_of
from avjax.nn.local_attention import NearEncoder
from avjax.nn.memory import unit
from avjax.nn.wav2lip import Row, Tower, half
from avjax.typing import Array

Organ = Literal["encoder", "predictor", "refiner"]


@dataclasses.dataclass(frozen=True)
class TaemConfig:
    system: ClassVar[str] = "taem"
    talker: SyncTalkFaceConfig | CalsConfig = WAV2LIP  # which one, frozen
    sounds: int = 50  # that there are, text.phonemes.SOUNDS
    dim: int = 256
    heads: int = 2
    encoder: int = 4  # layers
    refiner: int = 4  # layers; 0: no refine module
    reach: int = 16  # sounds to either side that tell of a sound
    window: int = 15  # frames to either side that tell of a frame
    rate: int = 100  # r, steps a second, a multiple of 25
    # Who is told who speaks; (): nobody.
    speaker: tuple[Organ, ...] = ("encoder", "predictor", "refiner")
    dropout: float = 0.1

    @property
    def size(self) -> int:
        """Sides of a face crop."""
        return self.talker.size


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """Ours: the paper's are not known."""

    latents: float = 1.0  # L_latent
    durations: float = 0.3  # L_duration


class Told(NamedTuple):
    latents: Array  # [b t d], in units of their deviation
    durations: Array  # [b l], as durations_of gives them


class Portrait(nn.Module):
    """Who may be speaking, from one picture of the face.  u8 [b h w c=3] -> [b d]."""

    dim: int

    @nn.compact
    def __call__(self, picture: Array, train: bool) -> Array:
        rows = (Row(16, 5, 2, 2), half(32), half(64), half(128))
        maps = Tower(rows, name="tower")(from_pixels(picture, True), train)
        # taem (2)
        return nn.Dense(self.dim, name="who")(jnp.mean(maps, axis=(1, 2)))


class Scale(nn.Module):
    """What latents are on the mean, and how far they deviate, over all that was seen.

    size  d
    """

    size: int

    def setup(self):
        shape = (self.size,)
        self.mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        self.square = self.variable("batch_stats", "square", jnp.zeros, shape)
        self.seen = self.variable("batch_stats", "seen", jnp.zeros, ())  # frames

    def learn(self, latents: Array, weight: Array) -> None:
        """Sees some more.  latents [b t d], weight [b t]."""
        count = jnp.sum(weight)
        seen = self.seen.value + count
        for kept, values in ((self.mean, latents), (self.square, jnp.square(latents))):
            rest = jnp.sum(
                (values - kept.value[None, None]) * weight[..., None], (0, 1)
            )
            kept.value = kept.value + rest / jnp.maximum(seen, 1)
        self.seen.value = seen

    def of(self, latents: Array) -> Array:
        """Latents [b t d] in units of their deviation."""
        return (latents - self.mean.value[None, None]) / self.deviation()

    def back(self, told: Array) -> Array:
        """The other way round."""
        return self.mean.value[None, None] + self.deviation() * told  # taem (6)

    def deviation(self) -> Array:
        """[1 1 d]; of a channel that says hardly anything, some of what others do."""
        variance = jnp.maximum(self.square.value - jnp.square(self.mean.value), 0)
        return jnp.sqrt(variance + 1e-3 * jnp.mean(variance) + 1e-12)[None, None]


class Taem(nn.Module):
    """Sounds and their times -> what a talker would hear, t frames of b clips.

    Sounds are i32 [b l], numbers as of text.phonemes, 0 where there are no more.
    Edges are f32 [b l + 1], seconds from the first frame on, at which one sound gives
    way to the next; of sounds that are none they repeat the last.
    """

    config: TaemConfig

    def setup(self):
        config = self.config
        self.names = nn.Embed(config.sounds, config.dim)
        self.encoder = self.transformer(config.reach, config.encoder)
        self.predictor = Durations()
        self.place = nn.Dense(config.dim)
        self.pool = nn.Dense(config.dim)
        self.refiner = self.transformer(config.window, config.refiner)
        self.head = nn.Dense(config.talker.latent)
        self.scale = Scale(config.talker.latent)
        if config.speaker:
            self.portrait = Portrait(config.dim)
            # From nothing on: faces that nobody can read yet would only be noise.
            told = {"features": config.dim, "kernel_init": nn.initializers.zeros}
            self.who = {organ: nn.Dense(**told) for organ in config.speaker}

    def transformer(self, reach: int, layers: int) -> NearEncoder:
        return NearEncoder(reach, layers, self.config.heads, self.config.dropout)

    def __call__(
        self,
        sounds: Array,
        edges: Array,
        portrait: Array,
        frames: int,
        train: bool = False,
    ) -> Told:
        """sounds [b l], edges [b l + 1], portrait u8 [b h w c=3] -> latents, durations.

        The given edges place the sounds; durations are what would have been predicted.
        """
        chex.assert_shape(edges, (None, sounds.shape[1] + 1))
        speaker = self.look(portrait, train)
        codes, durations = self.read(sounds, speaker, train)
        return Told(self.refine(codes, edges, speaker, frames, train), durations)

    def rehearse(
        self, sounds: Array, edges: Array, portrait: Array, heard: Array, weight: Array
    ) -> tuple[Told, Array]:
        """In training: what is told, and heard [b t d] in the same units, [b t d].

        The scale has seen what is heard, where weight [b t] is not 0.
        """
        self.scale.learn(heard, weight)
        frames = heard.shape[1]
        told = self(sounds, edges, portrait, frames, train=True)
        return told, self.scale.of(heard)

    def times(self, sounds: Array, portrait: Array) -> Array:
        """When each sound gives way to the next, as predicted -> edges [b l + 1]."""
        _, durations = self.read(sounds, self.look(portrait, False), False)
        seconds = seconds_of(durations, self.config.rate) * (sounds > 0)
        return jnp.pad(jnp.cumsum(seconds, axis=1), ((0, 0), (1, 0)))

    def hear(self, sounds: Array, edges: Array, portrait: Array, frames: int) -> Array:
        """What the talker is to hear, [b t d], on its own scale."""
        told = self(sounds, edges, portrait, frames)
        return heard_by(self.config.talker, self.scale.back(told.latents))

    def of_scale(self, latents: Array) -> Array:
        """What a talker hears, [b t d], in units of its deviation."""
        return self.scale.of(latents)

    def look(self, portrait: Array, train: bool) -> dict[str, Array]:
        """{organ: what it is told of who speaks, [b d]}."""
        if not self.config.speaker:
            return {}
        who = self.portrait(portrait, train)
        return {organ: layer(who) for organ, layer in self.who.items()}

    def read(
        self, sounds: Array, speaker: dict[str, Array], train: bool
    ) -> tuple[Array, Array]:
        """Codes of sounds [b l d], and how long they last [b l]."""
        exists = (sounds > 0).astype(jnp.float32)
        codes = added(self.names(sounds), speaker.get("encoder"))
        every = jnp.full(sounds.shape[0], self.config.reach)
        codes = self.encoder(codes, exists, every, train)  # taem (1)
        known = added(jax.lax.stop_gradient(codes), speaker.get("predictor"))
        return codes, self.predictor(known, exists, train)  # taem (3)

    def refine(
        self,
        codes: Array,
        edges: Array,
        speaker: dict[str, Array],
        frames: int,
        train: bool,
    ) -> Array:
        """Codes [b l d] at their edges -> latents [b t d], in units of deviation."""
        steps = laid_out(codes, edges, frames, self.config.rate)
        steps = steps.codes + self.place(steps.places)  # taem (4)
        each = self.config.rate // FPS
        rows = self.pool(rearrange(steps, "b (t r) d -> b t (r d)", r=each))
        rows = added(rows, speaker.get("refiner"))
        middle = (jnp.arange(frames)[None] + 0.5) / FPS
        exists = (edges[:, :1] <= middle) & (middle < edges[:, -1:])
        every = jnp.full(codes.shape[0], self.config.window)
        # taem (5)
        return self.head(self.refiner(rows, exists.astype(jnp.float32), every, train))


def heard_by(talker: SyncTalkFaceConfig | CalsConfig, latents: Array) -> Array:
    """Latents [... d] as the talker's own are: of length one, or not negative."""
    known = isinstance(talker, CalsConfig)
    return unit(latents) if known else nn.relu(latents)  # taem (6)


def added(codes: Array, who: Array | None) -> Array:
    """Codes [b l d], each with something of the speaker [b d]; with nothing of none."""
    return codes if who is None else codes + who[:, None]
