"""The networks of all systems, their configs, and the registry of systems.

Importing this package registers every system of avjax.
"""

from avjax.models.aligner import Aligner, AlignerConfig
from avjax.models.bridging import Bridging, BridgingConfig
from avjax.models.cals import AudioToLip, CalsConfig, LipToFace
from avjax.models.context_latents import ContextLatents
from avjax.models.denoiser import DenoiserConfig, MaskNet, RestorationNet
from avjax.models.lip_landmarks import LipLandmarks, LipLandmarksConfig
from avjax.models.lipwarp import AudioToCode, LipWarpConfig
from avjax.models.registry import (
    get_system,
    list_systems,
    load_system,
    register_system,
)
from avjax.models.sync_expert import SyncExpert, SyncExpertConfig
from avjax.models.sync_people import SyncPeopleConfig
from avjax.models.syncnet_v2 import SyncNet, SyncNetConfig
from avjax.models.synctalkface import WAV2LIP, SyncTalkFace, SyncTalkFaceConfig
from avjax.models.taem import Taem, TaemConfig
from avjax.models.talker import (
    LatentSpace,
    TalkerConfig,
    latent_space,
    list_talkers,
    register_talker,
)

__all__ = [
    "WAV2LIP",
    "Aligner",
    "AlignerConfig",
    "AudioToCode",
    "AudioToLip",
    "Bridging",
    "BridgingConfig",
    "CalsConfig",
    "ContextLatents",
    "DenoiserConfig",
    "LatentSpace",
    "LipLandmarks",
    "LipLandmarksConfig",
    "LipToFace",
    "LipWarpConfig",
    "MaskNet",
    "RestorationNet",
    "SyncExpert",
    "SyncExpertConfig",
    "SyncNet",
    "SyncNetConfig",
    "SyncPeopleConfig",
    "SyncTalkFace",
    "SyncTalkFaceConfig",
    "Taem",
    "TaemConfig",
    "TalkerConfig",
    "get_system",
    "latent_space",
    "list_systems",
    "list_talkers",
    "load_system",
    "register_system",
    "register_talker",
]
