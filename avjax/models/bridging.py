"""Associative bridging: lips recall the audio that belongs to them.

Paper       Kim et al., ICCV 2021, "Multi-modality Associative Bridging through Memory:
            Speech Sound Recollected from Face Video"; several heads: Kim et al., AAAI
            2022, "Distinguishing Homophenes Using Multi-head Visual-audio Memory"

Symbols     f_src, f_tgt   visual embeddings, audio embeddings [b t d]
            M_src, M_tgt   memory.keys, memory.values [m d]
            A_src, A_tgt   visual_address, audio_address [b t m]
            v_tgt          recalled [b t d]
            h_te, h_tr     joined embeddings of use, of training [b t d]
            N = m, r       num_slots, inverse_temperature

Equations   (numbered by us: the paper's own numbers were not available)
    (1)  A_src by cosine distance              nn/memory.py        address
    (2)  v_tgt, recalled                       nn/memory.py        recall
    (3)  L_save                         losses/memory.py    memory_reconstruction_loss
    (4)  L_bridge = KL(A_tgt || A_src)         losses/memory.py    address_kl
    (5)  h_te, h_tr: visual with recalled,     here                forward_train
         with audio embeddings
    (6)  L_task of lip reading                 losses/sequence.py  word_cross_entropy
    (7)  L_task of lip-to-speech               losses/reconstruction.py mel_l1
    (8)  total                                 losses/weights.py

Departures  As in the authors' code, not in the paper's figure: visual and recalled
            embeddings are joined by dropout and one linear layer, not added.
            Our own: the last map of the ResNet is averaged over its whole area, the
            statistics of MsTcn exclude the border around a clip, and audio embeddings
            are standardised (`reference_compat` follows the authors in all three);
            batches are renormalised (nn/batch_renorm.py); kernels start within
            1 / sqrt(fan in) everywhere; sentences are read with CTC, which the paper
            does not do; where the times of words are known, CTC admits a word only in
            its own frames; the speech decoder is our own, since the paper's is not
            known: the back-end of lip reading, four mel frames per video frame, and
            three convolutions over time. With several heads, L_bridge compares the
            means of the heads' addresses, and audio is stored as with one head.
            Without slots a dense layer of the same size replaces the memory.
"""

import dataclasses
from typing import ClassVar, Literal, NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange

from avjax.audio.speech_mel import SPEECH_MELS_PER_FRAME
from avjax.constants import NUM_MELS
from avjax.models.registry import register_system
from avjax.nn.memory import Fusion, KeyValueMemory, standardize
from avjax.nn.precision import dense_type, to_full_precision
from avjax.nn.remat import rematerialise
from avjax.nn.resnet import AudioFrontend, LipFrontend
from avjax.nn.temporal import BiGru, MelHead, MsTcn
from avjax.nn.wav2lip import scale_width
from avjax.typing import Array, Dtype, Key, Params

MEL_HEAD_CHANNELS = 256  # channels of the convolutions over the generated mel frames


@dataclasses.dataclass(frozen=True)
class BridgingConfig:
    """Config of associative bridging.

    Attributes:
        task: "words": one of `symbols` per clip; "sentences": CTC over `symbols`, of
            which the first is the blank; "speech": log-mel, four mel frames per video
            frame, without symbols.
        symbols: Words, or an alphabet.
        size: Side of a mouth crop in pixels.
        width: Factor of all channel counts; 1 is the published size.
        num_slots: Slots of the memory, m; 0: no memory.
        inverse_temperature: Inverse temperature of the softmax over slots, r.
        heads: Heads of the memory; the follow-up paper has 8, and 112 slots.
        backend: The network over time.
        outputs_per_frame: CTC outputs per video frame, for fast speech.
        reference_compat: Follow the authors' code also where it differs from the paper,
            for converted weights.
        dtype: Type of the products, see `nn.precision`.
        remat: Modules whose activations are not kept, see `nn.remat`.
    """

    system: ClassVar[str] = "bridging"
    task: Literal["words", "sentences", "speech"] = "words"
    symbols: tuple[str, ...] = ()
    size: int = 112
    width: float = 1.0
    num_slots: int = 88
    inverse_temperature: float = 16.0
    heads: int = 1
    backend: Literal["gru", "tcn"] = "gru"
    outputs_per_frame: int = 1
    reference_compat: bool = False
    dtype: Dtype = "float32"
    remat: tuple[Literal["visual", "audio"], ...] = ()

    @property
    def output_dim(self) -> int:
        """Size of the output layer per video frame."""
        if self.task == "speech":
            return SPEECH_MELS_PER_FRAME * scale_width(MEL_HEAD_CHANNELS, self.width)
        return self.outputs_per_frame * len(self.symbols)


class BridgingTrainOutputs(NamedTuple):
    """Outputs that the training losses need.

    Attributes:
        recalled_output: Outputs from the lips alone: logits [b r*t v] or log-mel
            [b f k].
        audio_output: Outputs from the lips and the real audio, of the same shape.
        visual_address: Memory address of the lips, [b t m].
        audio_address: Memory address of the audio, [b t m].
        recalled: Audio embeddings that the lips recall, [b t d].
        stored: Audio embeddings as the memory returns them, [b t d].
        audio: Audio embeddings that were stored, [b t d].
    """

    recalled_output: Array
    audio_output: Array
    visual_address: Array
    audio_address: Array
    recalled: Array
    stored: Array
    audio: Array


class Bridging(nn.Module):
    """Lip reading or lip-to-speech, t frames of b clips at a time.

    Arguments of the methods:
        mouths: Grey mouth crops, `nn.pixels.normalize_mouth`, f32 [b t h w c=1].
        mel: Log-mel, `audio.speech_mel.encoder_mel`, f32 [b f=4t k=80].
        frame_mask: 1 where a frame exists, f32 [b t].
        visual: Visual embeddings, [b t d].
        audio: Audio embeddings, recalled or real, [b t d].
        train: Update batch statistics, and apply dropout.

    Outputs are logits [b r*t v] with r outputs per frame, or for speech log-mel
    [b f=4t k=80].
    """

    config: BridgingConfig

    def setup(self):
        config = self.config
        dim = scale_width(512, config.width)
        dtype, compat = config.dtype, config.reference_compat
        visual = rematerialise(LipFrontend, "visual" in config.remat, 2)
        self.visual = visual(config.width, compat, dtype)
        self.fusion = Fusion(dim, dtype=dtype)
        if config.num_slots:
            audio = rematerialise(AudioFrontend, "audio" in config.remat, 2)
            self.audio = audio(config.width, dtype)
            self.memory = KeyValueMemory(
                config.num_slots, dim, config.inverse_temperature, config.heads, dtype
            )
        else:
            self.baseline = MemorylessBaseline(dim, dtype)
        if config.backend == "gru":
            self.backend = BiGru(dim, dtype=dtype)
        else:
            self.backend = MsTcn(config.width, reference_compat=compat, dtype=dtype)
        self.out = nn.Dense(config.output_dim, dtype=dense_type(dtype))
        if config.task == "speech":
            self.mel_head = MelHead(scale_width(MEL_HEAD_CHANNELS, config.width), dtype)

    def __call__(self, mouths: Array, mel: Array, frame_mask: Array) -> Array:
        """Return outputs. `init` calls this method; it uses every parameter."""
        if self.config.num_slots:
            return self.forward_train(mouths, mel, frame_mask).recalled_output
        return self.predict(mouths, frame_mask)

    def encode_video(self, mouths: Array, train: bool = False) -> Array:
        """Embed mouth crops: mouths -> [b t d]; see `Bridging` for arguments."""
        side = self.config.size
        chex.assert_shape(mouths, (None, None, side, side, 1))
        return self.visual(mouths, train)

    def encode_audio(self, mel: Array, train: bool = False) -> Array:
        """Embed audio: mel -> [b t d]; see `Bridging` for arguments.

        Embeddings have mean 0 and standard deviation 1; slots can represent them.
        """
        codes = self.audio(mel, train)
        return codes if self.config.reference_compat else standardize(codes)

    def recall(self, visual: Array) -> tuple[Array, Array]:
        """Recall audio embeddings from visual ones; see `Bridging` for arguments.

        Returns:
            Recalled audio embeddings [b t d], and the memory address [b t m], which is
            empty (m = 0) without a memory.
        """
        if self.config.num_slots:
            return self.memory.recall(visual)
        return self.baseline(visual), jnp.zeros((*visual.shape[:2], 0))

    def decode(
        self, visual: Array, audio: Array, frame_mask: Array, train: bool = False
    ) -> Array:
        """Return the outputs for embeddings; see `Bridging` for arguments."""
        # bridging (5)
        codes = self.fusion(visual, audio, train)
        outputs = to_full_precision(self.out(self.backend(codes, frame_mask, train)))
        if self.config.task == "speech":
            outputs = outputs * frame_mask[..., None]
            frames = rearrange(
                outputs, "b t (r d) -> b (t r) d", r=SPEECH_MELS_PER_FRAME
            )
            return self.mel_head(frames, train)
        rate = self.config.outputs_per_frame
        return rearrange(outputs, "b t (r v) -> b (t r) v", r=rate)

    def predict(self, mouths: Array, frame_mask: Array, train: bool = False) -> Array:
        """Return the outputs for silent lips; see `Bridging` for arguments."""
        visual = self.encode_video(mouths, train)
        return self.decode(visual, self.recall(visual)[0], frame_mask, train)

    def forward_train(
        self, mouths: Array, mel: Array, frame_mask: Array, train: bool = False
    ) -> BridgingTrainOutputs:
        """Return outputs with recalled and with real audio; see `Bridging`."""
        visual = self.encode_video(mouths, train)
        audio = self.encode_audio(mel, train)
        recalled, visual_address = self.recall(visual)
        stored, audio_address, _ = self.memory.store(jax.lax.stop_gradient(audio))
        # Two calls: in one batch, both would share the batch statistics.
        recalled_output = self.decode(visual, recalled, frame_mask, train)
        audio_output = self.decode(visual, audio, frame_mask, train)
        return BridgingTrainOutputs(
            recalled_output=recalled_output,
            audio_output=audio_output,
            visual_address=visual_address,
            audio_address=audio_address,
            recalled=recalled,
            stored=stored,
            audio=audio,
        )


class MemorylessBaseline(nn.Module):
    """Two dense layers in place of a memory.  [... d] -> [... d]."""

    dim: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, visual: Array) -> Array:
        dtype = dense_type(self.dtype)
        inner = nn.relu(nn.Dense(self.dim, dtype=dtype, name="fc1")(visual))
        return nn.Dense(self.dim, dtype=dtype, name="fc2")(inner)


def word_logits(logits: Array, frame_mask: Array) -> Array:
    """Average the logits of the frames of a clip.

    Args:
        logits: [b t v].
        frame_mask: 1 where a frame exists, f32 [b t].

    Returns:
        Logits of the word of each clip, [b v].
    """
    count = jnp.maximum(jnp.sum(frame_mask, axis=1, keepdims=True), 1)
    return jnp.sum(logits * (frame_mask / count)[..., None], axis=1)


@register_system(BridgingConfig)
def init_variables(config: BridgingConfig, key: Key) -> dict[str, Params]:
    """Initialise variables; see `avjax.models.registry.System`.

    Args:
        config: The config.
        key: A PRNG key.

    Returns:
        {part: variables}, of the part "reader".
    """
    side, frames = config.size, 5
    variables = Bridging(config).init(
        {"params": key, "dropout": key},
        mouths=jnp.zeros((1, frames, side, side, 1)),
        mel=jnp.zeros((1, SPEECH_MELS_PER_FRAME * frames, NUM_MELS)),
        frame_mask=jnp.zeros((1, frames)),
    )
    return {"reader": variables}
