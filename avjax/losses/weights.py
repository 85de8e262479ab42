"""Weights of the loss terms of each system."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class SyncTalkFaceLossWeights:
    """Weights of the losses, from the authors' code; the paper's values are unknown.

    Every term but the last is summed over audio_frames and teacher_frames.

    Attributes:
        pixels: L_recon, on pixels in [0, 1].
        audio_visual: L_a-v.
        visual_visual: L_v-v.
        adversarial: L_gan.
        memory: L_store + L_align.
    """

    # synctalkface (11)
    pixels: float = 10.0
    audio_visual: float = 0.2
    visual_visual: float = 0.2
    adversarial: float = 0.2
    memory: float = 0.2


@dataclasses.dataclass(frozen=True)
class CalsLossWeights:
    """Weights of the losses, from SyncTalkFace's code; those of CALS are unknown.

    Attributes:
        pixels: L_recon, on pixels in [0, 1].
        audio_visual: d_av.
        visual_visual: d_vv.
        adversarial: L_gan.
        reading: The lip-reading loss, which the paper does not have.
    """

    # cals (10)
    pixels: float = 10.0
    audio_visual: float = 0.2
    visual_visual: float = 0.2
    adversarial: float = 0.2
    reading: float = 0.0


@dataclasses.dataclass(frozen=True)
class TaemLossWeights:
    """Weights of the losses, our own choice; those of the paper are unknown.

    Attributes:
        latents: L_latent.
        durations: L_duration.
    """

    latents: float = 1.0
    durations: float = 0.3


@dataclasses.dataclass(frozen=True)
class BridgingLossWeights:
    """Weights of the losses, all 1 as in the authors' code.

    Attributes:
        recalled: L_task of h_te.
        audio: L_task of h_tr.
        memory: L_save.
        address: L_bridge.
    """

    # bridging (8)
    recalled: float = 1.0
    audio: float = 1.0
    memory: float = 1.0
    address: float = 1.0
