"""Loss functions: pure functions of arrays, one value per pixel, frame or clip."""

from avjax.losses.adversarial import bce_fake, bce_real
from avjax.losses.base import masked_mean
from avjax.losses.editing import code_loss, editing_loss
from avjax.losses.memory import address_kl, memory_reconstruction_loss
from avjax.losses.reconstruction import (
    gamma_deviance,
    landmark_l1,
    latent_loss,
    mel_l1,
    pixel_loss,
)
from avjax.losses.restoration import mask_edge_loss, masked_l1, restoration_l1
from avjax.losses.sequence import alignment_nll, ctc_loss, word_cross_entropy
from avjax.losses.sync import cosine_distance, lip_infonce, lip_l1, sync_loss
from avjax.losses.weights import (
    BridgingLossWeights,
    CalsLossWeights,
    SyncTalkFaceLossWeights,
    TaemLossWeights,
)

__all__ = [
    "BridgingLossWeights",
    "CalsLossWeights",
    "SyncTalkFaceLossWeights",
    "TaemLossWeights",
    "address_kl",
    "alignment_nll",
    "bce_fake",
    "bce_real",
    "code_loss",
    "cosine_distance",
    "ctc_loss",
    "editing_loss",
    "gamma_deviance",
    "landmark_l1",
    "latent_loss",
    "lip_infonce",
    "lip_l1",
    "mask_edge_loss",
    "masked_l1",
    "masked_mean",
    "mel_l1",
    "memory_reconstruction_loss",
    "pixel_loss",
    "restoration_l1",
    "sync_loss",
    "word_cross_entropy",
]
