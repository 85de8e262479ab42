"""Tasks: how each system is trained and evaluated."""

from avjax.train.tasks.aligner import AlignerTask
from avjax.train.tasks.bridging import BridgingTask
from avjax.train.tasks.cals import CalsTask
from avjax.train.tasks.cals_units import CalsUnitsTask
from avjax.train.tasks.denoiser import DenoiserTask
from avjax.train.tasks.lip_landmarks import LipLandmarksTask
from avjax.train.tasks.lipwarp.audio import AudioToCodeTask
from avjax.train.tasks.lipwarp.editing import LipEditingTask
from avjax.train.tasks.lipwarp.sync import SyncPeopleTask
from avjax.train.tasks.parts import SinglePartTask
from avjax.train.tasks.sync_expert import SyncExpertTask
from avjax.train.tasks.synctalkface import SyncTalkFaceTask
from avjax.train.tasks.taem import TaemTask
from avjax.train.tasks.talking.auxiliary import AuxiliaryNetworks
from avjax.train.tasks.talking_face import TalkingFaceTask

__all__ = [
    "AlignerTask",
    "AudioToCodeTask",
    "AuxiliaryNetworks",
    "BridgingTask",
    "CalsTask",
    "CalsUnitsTask",
    "DenoiserTask",
    "LipEditingTask",
    "LipLandmarksTask",
    "SinglePartTask",
    "SyncExpertTask",
    "SyncPeopleTask",
    "SyncTalkFaceTask",
    "TaemTask",
    "TalkingFaceTask",
]
