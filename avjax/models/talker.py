"""The latent space of a talker's sound: what is heard in a frame, and drawn from that.

Wav2Lip and SyncTalkFace hear the 0.2 s of sound around a frame, CALS makes a unit of
the sound further around; each draws the mouth from that alone.  What gives such
latents, be it from text, can therefore talk in a sound's place.

A latent space gives
    parts   of the system, as weights name them
    hear    mels, and whether the clip has such frames -> latents, frame by frame
    draw    latents and faces -> frames
where variables are {part: variables}, and what is learnt of them is taken as it is.
"""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp

from avjax.models.cals import AudioToLip, CalsConfig, LipToFace
from avjax.models.synctalkface import SyncTalkFace, SyncTalkFaceConfig
from avjax.typing import Array, Key, Params

Variables = Mapping[str, Mapping[str, Params]]


@dataclasses.dataclass(frozen=True)
class SoundLatents:
    """What SyncTalkFace hears: a code of each frame's own 0.2 s of sound.

    With a memory, where it points at is told by the code too.
    """

    config: SyncTalkFaceConfig
    parts: ClassVar[tuple[str, ...]] = ("face",)

    def hear(self, variables: Variables, mels: Array, exists: Array) -> Array:
        """mels [b t f=16 k=80], exists [b t] -> f32 [b t d]."""
        network = SyncTalkFace(self.config)
        heard = network.apply(variables["face"], mels, method="hear")
        return heard.astype(jnp.float32)

    def draw(self, variables: Variables, latents: Array, faces: Array) -> Array:
        """latents [b t d], faces [b t h w c=6] -> frames [b t h w c=3]."""
        given = variables["face"], latents, faces
        return SyncTalkFace(self.config).apply(*given, method="speak_codes").frames


@dataclasses.dataclass(frozen=True)
class UnitLatents:
    """The units of CALS, of length one: made of all the sound that is in reach."""

    config: CalsConfig
    parts: ClassVar[tuple[str, ...]] = ("audio_to_lip", "lip_to_face")

    def hear(self, variables: Variables, mels: Array, exists: Array) -> Array:
        """As SoundLatents'."""
        ahead = jnp.full(len(mels), self.config.window)
        given = variables["audio_to_lip"], mels, exists, ahead
        return AudioToLip(self.config).apply(*given)

    def draw(self, variables: Variables, latents: Array, faces: Array) -> Array:
        """As SoundLatents'."""
        given = variables["lip_to_face"], latents, faces
        return LipToFace(self.config).apply(*given)


def latents_of(config: SyncTalkFaceConfig | CalsConfig) -> SoundLatents | UnitLatents:
    """The latent space of a talker."""
    kinds = {SyncTalkFaceConfig: SoundLatents, CalsConfig: UnitLatents}
    return kinds[type(config)](config)


def blank(config: SyncTalkFaceConfig) -> Params:
    """Variables of a SyncTalkFace that has learnt nothing."""
    return start_talker(config, jax.random.key(0))["face"]


def blank_cals(config: CalsConfig) -> dict[str, Params]:
    """The same of CALS, by its parts."""
    return start_talker(config, jax.random.key(0))


def start_talker(
    config: SyncTalkFaceConfig | CalsConfig, key: Key
) -> dict[str, Params]:
    """Variables that were drawn by a key, by the parts of the talker."""
    side = config.size
    if isinstance(config, SyncTalkFaceConfig):
        keys = {"params": key, "dropout": key}
        given = ((1, 1, 16, 80), (1, 1, side, side, 6), (1, 5, side, side, 3))
        return {"face": SyncTalkFace(config).init(keys, *map(jnp.zeros, given))}
    sound = jnp.zeros((1, 1, 16, 80)), jnp.ones((1, 1)), jnp.zeros(1, jnp.int32)
    face = jnp.zeros((1, 1, config.units)), jnp.zeros((1, 1, side, side, 6))
    return {
        "audio_to_lip": AudioToLip(config).init(key, *sound),
        "lip_to_face": LipToFace(config).init(key, *face),
    }
