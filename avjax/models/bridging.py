"""Associative bridging: lips recall the sound that goes with them.

Paper       Kim et al., ICCV 2021, "Multi-modality Associative Bridging through Memory:
            Speech Sound Recollected from Face Video"; several heads: Kim et al., AAAI
            2022, "Distinguishing Homophenes Using Multi-head Visual-audio Memory"

Symbols     f_src, f_tgt   seen, heard [b t d]    M_src, M_tgt   memory.keys, .values
            A_src, A_tgt   by_lips, by_sound      v_tgt          recalled [b t d]
                           [b t m]                r              config.sharpness
            N = m          config.slots

Equations   (the numbers are ours: the paper's own were not at hand)
    (1)  A_src by cosine distance              nn/memory.py        address
    (2)  v_tgt, recalled                       nn/memory.py        recall
    (3)  L_save                                losses/memory.py    storage_error
    (4)  L_bridge = KL(A_tgt || A_src)         losses/memory.py    address_divergence
    (5)  h_te, h_tr: seen with recalled, with  here                rehearse
         heard
    (6)  L_task of reading                     losses/sequence.py  word_error
    (7)  L_task of speaking                    losses/reconstruction.py mel_error
    (8)  total                                 here                LossWeights

Departures  As in the authors' code, not in the paper's figure: what is seen and what is
            recalled is joined by dropout and one linear layer, not added.
            Ours: the last map of the ResNet is averaged whole, the statistics of MsTcn
            do not see the border around a clip, and what is heard is standardised
            (`published` takes the authors' way in all three); batches are renormalised
            (nn/block.py Norm); kernels begin within 1 / sqrt(fan in) everywhere;
            sentences are read by CTC, which the paper does not do, and in which words
            count only where they are said, as far as that is known; the decoder of
            speech is ours, since the paper's is not known: the back-end of reading,
            four columns a frame, and three convolutions along them; with several heads
            the bridge aligns their mean, and the sound is stored as with one.
            Without slots a dense layer of the same size stands for the memory.
"""

import dataclasses
from typing import ClassVar, Literal, NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange

from avjax.nn.layers import Norm
from avjax.nn.memory import Fusion, KeyValueMemory
from avjax.nn.resnet import BANDS, SOUND_STEPS, LipFront, SoundFront
from avjax.nn.temporal import BiGru, MsTcn, conv1d
from avjax.nn.wav2lip import scaled
from avjax.typing import Array

MEAN, DEVIATION = 0.4136, 0.1700  # of grey levels of LRW's mouths, as published
REFINED = 256  # channels of the convolutions along the columns of made speech


@dataclasses.dataclass(frozen=True)
class BridgingConfig:
    """What is read or said, and how large the network is.

    task  words      one of `symbols` in a clip
          sentences  CTC over `symbols`, of which the first is the blank
          speech     log-mel, four columns a frame; there are no symbols
    """

    system: ClassVar[str] = "bridging"
    task: Literal["words", "sentences", "speech"] = "words"
    symbols: tuple[str, ...] = ()
    size: int = 112  # sides of the picture of a mouth
    width: float = 1.0  # scales all channels; 1 is published
    slots: int = 88  # m; 0 is no memory
    sharpness: float = 16.0  # r
    heads: int = 1  # a; the follow-up has 8, and 112 slots
    backend: Literal["gru", "tcn"] = "gru"
    steps: int = 1  # answers a frame, for sentences that are spoken fast
    published: bool = False  # also where the authors' code is odd
    dtype: str = "float32"  # of the convolutions over pictures

    @property
    def answers(self) -> int:
        """How many numbers a frame is answered by."""
        speech = SOUND_STEPS * scaled(REFINED, self.width)
        return speech if self.task == "speech" else self.steps * len(self.symbols)


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """All one, as in the authors' code."""

    # bridging (8)
    recalled: float = 1.0  # L_task of h_te
    heard: float = 1.0  # L_task of h_tr
    save: float = 1.0
    bridge: float = 1.0


class Rehearsed(NamedTuple):
    """All that training judges."""

    recalled_answer: Array  # [b t v], or mel [b f k]: from the lips alone
    heard_answer: Array  # the same, from the lips and the real sound
    by_lips: Array  # address [b t m]
    by_sound: Array  # address [b t m]
    recalled: Array  # [b t d]
    stored: Array  # [b t d] what the values give back
    heard: Array  # [b t d] what was stored


def from_grey(lips: Array) -> Array:
    """uint8 [...] -> float32, about normal."""
    return (lips.astype(jnp.float32) / 255 - MEAN) / DEVIATION


class Bridging(nn.Module):
    """Reads lips, or gives them their voice.  t frames of b clips at a time."""

    config: BridgingConfig

    def setup(self):
        config = self.config
        dim = scaled(512, config.width)
        self.visual = LipFront(config.width, config.published, config.dtype)
        self.fusion = Fusion(dim)
        if config.slots:
            self.audio = SoundFront(config.width, config.dtype)
            shape = config.slots, dim, config.sharpness, config.heads
            self.memory = KeyValueMemory(*shape)
        else:
            self.substitute = Substitute(dim)
        if config.backend == "gru":
            self.backend = BiGru(dim)
        else:
            self.backend = MsTcn(config.width, published=config.published)
        self.answers = nn.Dense(config.answers)
        if config.task == "speech":
            self.columns = Columns(scaled(REFINED, config.width))

    def __call__(self, lips: Array, mel: Array, exists: Array) -> Array:
        """Answers; so that `init` sees every parameter.  Shapes as in rehearse."""
        if self.config.slots:
            return self.rehearse(lips, mel, exists).recalled_answer
        return self.read(lips, exists)

    def watch(self, lips: Array, train: bool = False) -> Array:
        """lips [b t h w c=1], by from_grey -> seen [b t d]."""
        side = self.config.size
        chex.assert_shape(lips, (None, None, side, side, 1))
        return self.visual(lips, train)

    def hear(self, mel: Array, train: bool = False) -> Array:
        """mel [b f=4t k=80], by audio.speech_mel.heard_mel -> heard [b t d].

        Each code has mean 0 and deviation 1, so that slots can reach it.
        """
        codes = self.audio(mel, train)
        return codes if self.config.published else standard(codes)

    def recall(self, seen: Array) -> tuple[Array, Array]:
        """seen [b t d] -> recalled [b t d], address [b t m], m = 0 without a memory."""
        if self.config.slots:
            return self.memory.recall(seen)
        return self.substitute(seen), jnp.zeros((*seen.shape[:2], 0))

    def answer(
        self, seen: Array, sound: Array, exists: Array, train: bool = False
    ) -> Array:
        """What is seen, with a sound recalled or heard: [b t d], exists [b t] -> logits
        [b steps*t v], or for speech log-mel [b f=4t k=80].
        """
        # bridging (5)
        codes = self.fusion(seen, sound, train)
        answers = self.answers(self.backend(codes, exists, train))
        if self.config.task == "speech":
            answers = answers * exists[..., None]
            columns = rearrange(answers, "b t (r d) -> b (t r) d", r=SOUND_STEPS)
            return self.columns(columns, train)
        return rearrange(answers, "b t (r v) -> b (t r) v", r=self.config.steps)

    def read(self, lips: Array, exists: Array, train: bool = False) -> Array:
        """The answer to silent lips [b t h w c=1], exists [b t], shaped as answer's."""
        seen = self.watch(lips, train)
        return self.answer(seen, self.recall(seen)[0], exists, train)

    def rehearse(
        self, lips: Array, mel: Array, exists: Array, train: bool = False
    ) -> Rehearsed:
        """Both paths at once: with the recalled sound, and with the real one.

        lips [b t h w c=1], mel [b f=4t k=80], exists [b t].
        """
        seen, heard = self.watch(lips, train), self.hear(mel, train)
        recalled, by_lips = self.recall(seen)
        stored, by_sound, _ = self.memory.store(jax.lax.stop_gradient(heard))
        # One after the other: a batch of both would tie them by its statistics.
        answers = [self.answer(seen, x, exists, train) for x in (recalled, heard)]
        return Rehearsed(*answers, by_lips, by_sound, recalled, stored, heard)


def standard(codes: Array) -> Array:
    """Codes [... d], each with mean 0 and deviation 1."""
    codes = codes - jnp.mean(codes, axis=-1, keepdims=True)
    return codes * jax.lax.rsqrt(jnp.var(codes, axis=-1, keepdims=True) + 1e-6)


class Substitute(nn.Module):
    """Two dense layers where a memory would be.  [... d] -> [... d]."""

    dim: int

    @nn.compact
    def __call__(self, seen: Array) -> Array:
        inner = nn.relu(nn.Dense(self.dim, name="inner")(seen))
        return nn.Dense(self.dim, name="outer")(inner)


class Columns(nn.Module):
    """Codes of columns, each seen with its neighbours -> log-mel.

    [b f d] -> [b f k=80] in [-1, 1] for the most part.
    """

    features: int

    @nn.compact
    def __call__(self, codes: Array, train: bool) -> Array:
        for layer in range(3):
            shape = (5, codes.shape[-1], self.features)
            init = nn.initializers.lecun_normal(in_axis=(0, 1))
            kernel = self.param(f"kernel_{layer}", init, shape)
            y = Norm(name=f"norm_{layer}")(conv1d(codes, kernel, 1, 2), train)
            codes = codes + nn.relu(y)
        return nn.Dense(BANDS, name="mel")(codes)


def word_logits(answers: Array, exists: Array) -> Array:
    """Answers of frames [b t v], exists [b t] -> their mean [b v]: one word a clip."""
    weight = exists / jnp.maximum(jnp.sum(exists, axis=1, keepdims=True), 1)
    return jnp.sum(answers * weight[..., None], axis=1)
