"""SyncTalkFace: audio recalls lip features from a memory, which guide face generation.

Paper       Park et al., AAAI 2022, "SyncTalkFace: Talking Face Generation with Precise
            Lip-Syncing via Audio-Lip Memory"; without a memory it is Wav2Lip
            (Prajwal et al., ACM Multimedia 2020).

Symbols     f_aud, f_lip   audio embeddings, lips [b t d]
            f_I            identity maps, of 7 sizes
            M_aud, M_lip   memory.keys, memory.values [m d], m = S = num_slots
            A_aud, A_lip   audio_address, lip_address [b t m], with inverse_temperature
            f^_lip;keyAdr  recalled [b t d], by the audio
            f^_lip;valAdr  stored [b t d], by the lips
            I_g, I_G       audio_frames, teacher_frames

Equations   (numbered by us: the paper's own numbers were not available)
    (1)  address by cosine distance           nn/memory.py             address
    (2)  recalled lip feature                 nn/memory.py             read
    (3)  L_store                              losses/memory.py
                                              memory_reconstruction_loss
    (4)  L_align = KL(A_lip || A_aud)         losses/memory.py         address_kl
    (5)  I_g = G(f^_lip;keyAdr, f_aud, f_I)   here        generate_from_latents
    (6)  I_G, of the teacher                  here                     forward_train
    (7)  L_recon                              losses/reconstruction.py pixel_loss
    (8)  L_a-v                                losses/sync.py           sync_loss
    (9)  L_v-v                                losses/sync.py           lip_l1
    (10) L_gan                                losses/adversarial.py    bce_real
    (11) weighted total                       losses/weights.py

Departures  As in the authors' code, not in the paper's text: projections before both
            addresses; the teacher generates from f^_lip;valAdr, not from f_lip; L_store
            is a mean, and its target is the projected feature; dropout and one linear
            layer fuse audio and recalled lips; one weight for store and align.
            Our own: both paths go through the decoder as one batch, so that in training
            they share its batch statistics, and L_v-v encodes the clips of both
            together; the discriminator returns logits; images are RGB; batches are
            renormalised (nn/batch_renorm.py); at a width below 1 the identity
            encoder and the decoder keep 16 channels or more; small experiments bound
            the slope of L_a-v (`prob_floor`), start from a face trained without a
            memory, first with absolute errors, then with squared errors and low weights
            of the auxiliary networks, and have lip codes of the frozen sync expert
            (`lip_code_length`), so that L_v-v does not train the real side.
"""

import dataclasses
from typing import ClassVar, Literal, NamedTuple

import chex
import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange, repeat

from avjax.constants import MEL_WINDOW, NUM_MELS
from avjax.models.talker import LatentSpace, TalkerConfig, Variables, register_talker
from avjax.nn.apply import apply_network
from avjax.nn.inference.folding import fold_decoder
from avjax.nn.memory import Fusion, KeyValueMemory
from avjax.nn.precision import to_full_precision
from avjax.nn.remat import rematerialise
from avjax.nn.wav2lip import (
    AudioEncoder,
    FaceDecoder,
    IdentityEncoder,
    LipEncoder,
    scale_width,
)
from avjax.typing import Array, Key, Params


@dataclasses.dataclass(frozen=True)
class SyncTalkFaceConfig(TalkerConfig):
    """Config of SyncTalkFace and Wav2Lip.

    Attributes:
        size: Side of a face crop in pixels, divisible by 32.
        width: Factor of all channel counts; 1 is the published size.
        num_slots: Slots of the memory, m; 0: no memory, as in Wav2Lip.
        inverse_temperature: Inverse temperature of the softmax over slots, kappa.
        dropout: Dropout rate before the fusion.
        reference_compat: Prepare inputs as the authors' code does.
        lip_code_length: Length of the lip codes of a frozen network, which replace
            those of the lip encoder in training; 0: the lip encoder's.
        remat: Modules whose activations are not kept, see `nn.remat`.
    """

    system: ClassVar[str] = "synctalkface"
    SIZE_MULTIPLE: ClassVar[int] = 32
    size: int = 128
    num_slots: int = 96
    inverse_temperature: float = 16.0
    dropout: float = 0.5
    reference_compat: bool = False
    lip_code_length: int = 0
    remat: tuple[Literal["audio", "identity", "decoder", "lips"], ...] = ()

    @property
    def latent_dim(self) -> int:
        """Length of the audio embedding of a frame."""
        return scale_width(512, self.width)


WAV2LIP = SyncTalkFaceConfig(size=96, num_slots=0, pixel_range="[0,1]")


class TalkOutputs(NamedTuple):
    """Generated frames.

    Attributes:
        frames: Frames in the pixel range of the model, [b t h w c=3].
        address: Memory address [b t m]; m = 0 without a memory.
    """

    frames: Array
    address: Array


class TrainOutputs(NamedTuple):
    """Outputs that the training losses need.

    Attributes:
        audio_frames: Frames from the audio alone, [b t h w c=3].
        teacher_frames: Frames from the audio and the true lips, [b t h w c=3].
        audio_address: Memory address of the audio, [b t m].
        lip_address: Memory address of the true lips, [b t m].
        stored: Lip features as the memory returns them, [b t d].
        target: Lip features that were stored, [b t d].
        lips: Embeddings of the true lips, [b t d].
    """

    audio_frames: Array
    teacher_frames: Array
    audio_address: Array
    lip_address: Array
    stored: Array
    target: Array
    lips: Array


class SyncTalkFace(nn.Module):
    """Talking-face generator: t frames of b clips, one log-mel window per frame.

    Arguments of the methods:
        mels: Log-mel windows, f32 [b t f=16 k=80].
        faces: Masked target and reference, `nn.pixels.mask_lower_face`,
            f32 [b t h w c=6].
        latents: Audio embeddings, [b t d].
        window: The target frames with two more on either side, [b t+4 h w c=3].
        train: Update batch statistics, and apply dropout.

    Frames are in the pixel range of the model, [b t h w c=3].
    """

    config: SyncTalkFaceConfig

    def setup(self):
        config = self.config
        remat, shape = config.remat, {"width": config.width, "dtype": config.dtype}
        self.audio = rematerialise(AudioEncoder, "audio" in remat, 2)(**shape)
        shape["size"] = config.size
        self.identity = rematerialise(IdentityEncoder, "identity" in remat, 2)(**shape)
        decoder = rematerialise(FaceDecoder, "decoder" in remat, 3)
        self.decoder = decoder(**shape, pixel_range=config.pixel_range)
        if config.num_slots:
            dim, kappa = config.latent_dim, config.inverse_temperature
            if not config.lip_code_length:
                self.lips = rematerialise(LipEncoder, "lips" in remat, 2)(**shape)
            self.memory = KeyValueMemory(config.num_slots, dim, kappa, 1, config.dtype)
            self.fusion = Fusion(dim, config.dropout, config.dtype)

    def __call__(self, mels: Array, faces: Array, window: Array) -> Array:
        """Return frames. `init` calls this method; it uses every parameter."""
        if dim := self.config.num_slots and self.config.lip_code_length:
            lips = jnp.zeros((*mels.shape[:2], dim))
            return self.forward_with_lips(mels, faces, lips).audio_frames
        if self.config.num_slots:
            return self.forward_train(mels, faces, window).audio_frames
        return self.generate(mels, faces).frames

    def generate(self, mels: Array, faces: Array, train: bool = False) -> TalkOutputs:
        """Return frames generated from audio; see `SyncTalkFace` for arguments."""
        return self.generate_from_latents(self.encode_audio(mels, train), faces, train)

    def encode_audio(self, mels: Array, train: bool = False) -> Array:
        """Embed one log-mel window per frame: mels -> [b t d]; see `SyncTalkFace`."""
        chex.assert_shape(mels, (None, None, MEL_WINDOW, NUM_MELS))
        codes = self.audio(rearrange(mels, "b t f k -> (b t) f k"), train)
        return to_full_precision(rearrange(codes, "(b t) d -> b t d", t=mels.shape[1]))

    def generate_from_latents(
        self, latents: Array, faces: Array, train: bool = False
    ) -> TalkOutputs:
        """Return frames generated from audio embeddings; see `SyncTalkFace`."""
        address = jnp.zeros((*latents.shape[:2], 0))
        if self.config.num_slots:
            address = self.memory.address(latents)  # synctalkface (1)
            recalled = self.memory.read(address)  # synctalkface (2)
            latents = self.fusion(latents, recalled, train)
        maps = self.encode_identity(faces, train)
        # synctalkface (5)
        return TalkOutputs(self.decode_frames(latents, maps, train), address)

    def encode_identity(self, faces: Array, train: bool = False) -> tuple[Array, ...]:
        """Return seven maps [(b t) h w d], finest first; see `SyncTalkFace`."""
        return self.identity(rearrange(faces, "b t h w c -> (b t) h w c"), train)

    def decode_frames(
        self, codes: Array, maps: tuple[Array, ...], train: bool
    ) -> Array:
        """Return frames, from fused codes [b ... d] and maps; see `encode_identity`."""
        frames = self.decoder(codes.reshape(-1, codes.shape[-1]), maps, train)
        return frames.reshape(*codes.shape[:-1], *frames.shape[1:])

    def encode_lips(self, frames: Array, train: bool = False) -> Array:
        """Embed the lips of every five frames, [b t-4 d]; see `SyncTalkFace`."""
        lower = frames.at[:, :, : self.config.size // 2].set(0)
        return to_full_precision(self.lips(lower, train))

    def forward_train(
        self, mels: Array, faces: Array, window: Array, train: bool = False
    ) -> TrainOutputs:
        """Return the outputs of audio and of the teacher; see `SyncTalkFace`."""
        chex.assert_axis_dimension(window, 1, mels.shape[1] + 4)
        lips = self.encode_lips(window, train)
        return self.forward_with_lips(mels, faces, lips, train)

    def forward_with_lips(
        self, mels: Array, faces: Array, lips: Array, train: bool = False
    ) -> TrainOutputs:
        """Return the outputs of audio and of the teacher, from lip codes [b t e]."""
        audio = self.encode_audio(mels, train)
        audio_address = self.memory.address(audio)
        stored, lip_address, target = self.memory.store(lips)
        recalled = jnp.stack([self.memory.read(audio_address), stored], axis=1)
        codes = self.fusion(jnp.stack([audio, audio], axis=1), recalled, train)
        maps = tuple(
            repeat(level, "(b t) ... -> (b p t) ...", p=2, t=mels.shape[1])
            for level in self.encode_identity(faces, train)
        )
        frames = self.decode_frames(codes, maps, train)  # synctalkface (6)
        return TrainOutputs(
            audio_frames=frames[:, 0],
            teacher_frames=frames[:, 1],
            audio_address=audio_address,
            lip_address=lip_address,
            stored=stored,
            target=target,
            lips=lips,
        )


class SyncTalkFaceLatents(LatentSpace):
    """Latent space of SyncTalkFace: one audio embedding per log-mel window."""

    config: SyncTalkFaceConfig

    @property
    def reference_compat(self) -> bool:
        """Prepare inputs as the authors' code does."""
        return self.config.reference_compat

    def encode_audio(
        self,
        variables: Variables,
        mels: Array,
        frame_mask: Array,
        lookahead: Array | None = None,
    ) -> Array:
        """Return audio embeddings; see `LatentSpace.encode_audio`."""
        network, generator = SyncTalkFace(self.config), variables["generator"]
        return apply_network(network, generator, mels, method="encode_audio")

    def decode_frames(
        self, variables: Variables, latents: Array, faces: Array
    ) -> Array:
        """Return generated frames; see `LatentSpace.decode_frames`."""
        network, generator = SyncTalkFace(self.config), variables["generator"]
        method = "generate_from_latents"
        return apply_network(network, generator, latents, faces, method=method).frames

    def fold(self, variables: Variables) -> Variables:
        """Return variables for inference; see `LatentSpace.fold`."""
        method = "generate_from_latents"
        return fold_decoder(SyncTalkFace(self.config), variables, "generator", method)

    def constrain(self, latents: Array) -> Array:
        """Return latents clipped at 0, as by a ReLU; see `LatentSpace.constrain`."""
        return nn.relu(latents)


@register_talker(SyncTalkFaceConfig, SyncTalkFaceLatents)
def init_variables(config: SyncTalkFaceConfig, key: Key) -> dict[str, Params]:
    """Return variables of the part "generator"; see `avjax.models.registry.System`."""
    variables = SyncTalkFace(config).init(
        {"params": key, "dropout": key},
        mels=jnp.zeros((1, 1, MEL_WINDOW, NUM_MELS)),
        faces=jnp.zeros((1, 1, config.size, config.size, 6)),
        window=jnp.zeros((1, 5, config.size, config.size, 3)),
    )
    return {"generator": variables}
