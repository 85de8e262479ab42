"""LipWarp: a talker for any face, which edits the mouth of an existing frame.

Paper       None: the system is our own. It follows the direction of FlashLips (2025): a
            small lip code, predicted from audio, drives an editor that receives whole,
            unmasked frames. Its two stages are those of CALS (models/cals.py).

Symbols     x         frame to edit [b s s 3]
            r         reference, another frame of the person [b s s 3]
            y         edited frame [b s s 3]
            m         mouth of a frame, grey [b h w 1]
            z, z'     lip code of a mouth, and from audio [b d]
            f, g      flow of the frame, of the reference [b s s 2]
            p         painted pixels [b s s 3]
            a1 to a3  weights of the three sources, sum 1 [b s s]
            R         region of the mouth, 0 to 1 [s s]

Equations   (numbered by us)
    (1)  z = mouth encoder of m                    nn/lip_editor.py        MouthEncoder
    (2)  f, g, p, a = editor of x, r, z            nn/lip_editor.py           LipEditor
    (3)  e = a1 warp(x, f) + a2 warp(r, g) + a3 p  nn/lip_editor.py        compose_edit
    (4)  y = x + R (e - x)                         nn/lip_editor.py        compose_edit
    (5)  z' = audio to code of the audio           here                     AudioToCode
    (6)  pixel loss of y, and of its gradients     losses/editing.py       editing_loss
    (7)  error of z' up to a constant per clip     losses/editing.py          code_loss

Design      The face is aligned by its landmarks. The mouth encoder gets a grey mouth of
            zero mean and unit variance, so that z does not encode a person's colours.
            In training, the frame to edit shows a wrong mouth, that of another frame of
            the clip or one that the editor has made; the target is the true frame.
            Nothing is masked, so that pose, light and skin are kept. Flows and weights
            are enlarged and applied at the resolution of the frame. The mean of z
            differs from person to person: it is measured on frames of the person, and
            (5) predicts only the difference from it. Edits that are hardly visible are
            left out when a video is made.
"""

import dataclasses
from typing import ClassVar

import chex
import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange

from avjax.constants import MEL_WINDOW, NUM_MELS
from avjax.faces.editing import MOUTH_SHAPE
from avjax.models.context_latents import ContextLatents
from avjax.models.talker import TalkerConfig, Variables, register_talker
from avjax.nn.apply import apply_network
from avjax.nn.lip_editor import EditMaps, LipEditor, MouthEncoder
from avjax.nn.local_attention import LocalTransformer
from avjax.nn.pixels import PixelRange
from avjax.nn.precision import dense_type, to_full_precision
from avjax.typing import Array, Key, Params

AUDIO_CHANNELS = 16, 32, 64


@dataclasses.dataclass(frozen=True)
class LipWarpConfig(TalkerConfig):
    """Config of LipWarp.

    Attributes:
        size: Side of an aligned crop in pixels, divisible by 16.
        width: Not used: the channel counts are fixed.
        pixel_range: Range of the pixels that the model reads and writes.
        dtype: Type of the products, see `nn.precision`.
        code_dim: Length of a lip code.
        context_frames: Frames of audio context on either side at 25 per second.
        audio_dim: Length of an audio feature.
        layers: Layers of the transformer.
        heads: Attention heads of the transformer.
        dropout: Dropout rate of the audio network.
        speech_code: Mean lip code of the people in the training data while they speak;
            the codes of the audio network have the mean zero.
        overshoot: Factor of the change of a code that an edit asks for, because the
            editor changes mouths less than codes say (chosen on development clips).
    """

    system: ClassVar[str] = "lipwarp"
    SIZE_MULTIPLE: ClassVar[int] = 16
    size: int = 96
    pixel_range: PixelRange = "[0,1]"
    code_dim: int = 12
    context_frames: int = 15
    audio_dim: int = 192
    layers: int = 3
    heads: int = 4
    dropout: float = 0.1
    speech_code: tuple[float, ...] = ()
    overshoot: float = 1.4

    @property
    def latent_dim(self) -> int:
        """Length of the lip code of a frame."""
        return self.code_dim


class AudioToCode(nn.Module):
    """Lip codes of consecutive frames, from their audio."""

    config: LipWarpConfig

    def setup(self):
        config, dtype = self.config, dense_type(self.config.dtype)
        self.convs = [
            nn.Conv(channels, (3, 3) if layer else (4, 4), strides=2, dtype=dtype)
            for layer, channels in enumerate(AUDIO_CHANNELS)
        ]
        self.feature = nn.Dense(config.audio_dim, dtype=dtype)
        self.dropout = nn.Dropout(config.dropout)
        self.context = LocalTransformer(
            config.context_frames,
            config.layers,
            config.heads,
            config.dropout,
            config.dtype,
        )
        self.code = nn.Dense(config.code_dim, dtype=dtype)

    def __call__(
        self, mels: Array, frame_mask: Array, lookahead: Array, train: bool = False
    ) -> Array:
        """Predict codes f32 [b t d], but for a constant per person.

        Args:
            mels: Log-mel windows, f32 [b t f=16 k=80].
            frame_mask: 1 where a frame exists, f32 [b t].
            lookahead: Future frames that each clip may use, i32 [b].
            train: Apply dropout.
        """
        features = self.encode_audio(mels, train)
        return self.contextualize(features, frame_mask, lookahead, train)

    def encode_audio(self, mels: Array, train: bool = False) -> Array:
        """Compute one feature per frame [b t d] from its window alone."""
        chex.assert_shape(mels, (None, None, MEL_WINDOW, NUM_MELS))
        x = rearrange(mels / 4, "b t f k -> (b t) f k 1")
        for conv in self.convs:
            x = nn.swish(conv(x))
        features = self.feature(rearrange(x, "n f k c -> n (f k c)"))
        features = rearrange(features, "(b t) d -> b t d", t=mels.shape[1])
        return self.dropout(features, deterministic=not train)

    def contextualize(
        self, features: Array, frame_mask: Array, lookahead: Array, train: bool = False
    ) -> Array:
        """Compute codes [b t d] from features [b t d]; see `__call__`."""
        features = self.context(features, frame_mask, lookahead, train)
        return to_full_precision(self.code(features))  # lipwarp (5)


class LipWarpLatents(ContextLatents):
    """Latent space of LipWarp: lip codes."""

    config: LipWarpConfig
    parts: ClassVar[tuple[str, ...]] = ("mouth_encoder", "editor", "audio_to_code")
    edits_frames: ClassVar[bool] = True
    audio_part: ClassVar[str] = "audio_to_code"

    def audio_network(self) -> AudioToCode:
        """Return the network from audio to latents."""
        return AudioToCode(self.config)

    def encode_mouths(self, variables: Variables, mouths: Array) -> Array:
        """Return lip codes; see `LatentSpace.encode_mouths`."""
        network = MouthEncoder(self.config.code_dim, self.config.dtype)
        return apply_network(network, variables["mouth_encoder"], mouths)

    def predict_edit(
        self, variables: Variables, frames: Array, references: Array, latents: Array
    ) -> EditMaps:
        """Return the maps of the edit; see `LatentSpace.predict_edit`."""
        editor = variables["editor"]
        network = LipEditor(self.config.dtype)
        return apply_network(network, editor, frames, references, latents)


@register_talker(LipWarpConfig, LipWarpLatents)
def init_variables(config: LipWarpConfig, key: Key) -> dict[str, Params]:
    """Initialise variables; see `avjax.models.registry.System`.

    Args:
        config: The config.
        key: A PRNG key.

    Returns:
        {part: variables}, of all parts.
    """
    frames = jnp.zeros((1, config.size, config.size, 3))
    codes = jnp.zeros((1, config.code_dim))
    return {
        "mouth_encoder": MouthEncoder(config.code_dim, config.dtype).init(
            key, mouths=jnp.zeros((1, *MOUTH_SHAPE, 1))
        ),
        "editor": LipEditor(config.dtype).init(
            key, frames=frames, references=frames, codes=codes
        ),
        "audio_to_code": AudioToCode(config).init(
            key,
            mels=jnp.zeros((1, 1, MEL_WINDOW, NUM_MELS)),
            frame_mask=jnp.ones((1, 1)),
            lookahead=jnp.zeros(1, jnp.int32),
        ),
    }
