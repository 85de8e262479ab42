"""Sync models: networks that score lip-sync, and how to use each of them.

Two are known: our own sync expert, of which small ones are bundled, and SyncNet, by
which papers report LSE-D and LSE-C and whose weights a user may convert.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import numpy as np

from avjax.audio.loudness import normalize_speech
from avjax.audio.mel import log_mel
from avjax.audio.mfcc import MFCC_WINDOW, MFCCS_PER_FRAME, NUM_MFCC, mfcc
from avjax.constants import FPS, MEL_WINDOW, MELS_PER_SECOND, NUM_MELS
from avjax.models.sync_expert import SyncExpert, SyncExpertConfig
from avjax.models.syncnet_v2 import SyncNet, SyncNetConfig

SYNCNET = SyncNetConfig.system  # the system by which papers report LSE-D and LSE-C
SIDE_MARGIN, BOTTOM_MARGIN = 0.2, 0.4  # of the SyncNet crop, as fractions of the side


class SyncModelSpec(NamedTuple):
    """Inputs and settings of a sync model.

    Attributes:
        config_class: The class of its configs.
        network: Config -> Flax module with encode_audio and encode_frames.
        preprocess_audio: Waveform f32 [n] at 16 kHz -> features f32 [f k].
        audio_shape: Shape (f, k) of the features of one embedding.
        audio_description: Description of these features.
        feature_rate: Features per second.
        crop_box: Face box [4] -> box of the crop [4], both x0, y0, x1, y1 in pixels.
        white: Value of a white pixel.
        pad_audio_with_silence: Audio before and after a clip exists and has an
            embedding of zeros.
        confidence_threshold: LSE-C below which an offset is not reliable.
    """

    config_class: type
    network: Callable[[Any], nn.Module]
    preprocess_audio: Callable[[np.ndarray], np.ndarray]
    audio_shape: tuple[int, int]
    audio_description: str
    feature_rate: int
    crop_box: Callable[[np.ndarray], np.ndarray]
    white: float
    pad_audio_with_silence: bool
    confidence_threshold: float


def syncnet_crop(box: np.ndarray) -> np.ndarray:
    """Return the square that the program of SyncNet cuts out for a face box.

    It is 1.4 times as wide as the box and has the same upper edge.

    Args:
        box: x0, y0, x1, y1 in pixels, [4].

    Returns:
        The square, f32 [4].
    """
    x0, y0, x1, y1 = box
    side = x1 - x0
    left, right = x0 - SIDE_MARGIN * side, x1 + SIDE_MARGIN * side
    return np.array([left, y0, right, y1 + BOTTOM_MARGIN * side], np.float32)


SYNC_MODELS: dict[str, SyncModelSpec] = {
    SyncExpertConfig.system: SyncModelSpec(
        config_class=SyncExpertConfig,
        network=lambda config: SyncExpert(**dataclasses.asdict(config)),
        preprocess_audio=lambda wave: log_mel(normalize_speech(wave)),
        audio_shape=(MEL_WINDOW, NUM_MELS),
        audio_description="0.2 s of log-mel, starting with the first frame",
        feature_rate=MELS_PER_SECOND,
        crop_box=lambda box: box,
        white=1.0,
        pad_audio_with_silence=False,
        # Separates training clips from the same clips with swapped audio.
        confidence_threshold=0.5,
    ),
    SYNCNET: SyncModelSpec(
        config_class=SyncNetConfig,
        network=SyncNet,
        preprocess_audio=mfcc,
        audio_shape=(MFCC_WINDOW, NUM_MFCC),
        audio_description="0.2 s of MFCC, starting with the first frame",
        feature_rate=MFCCS_PER_FRAME * FPS,
        crop_box=syncnet_crop,
        white=255.0,
        pad_audio_with_silence=True,
        # The usual threshold for selecting clips, for instance in LatentSync.
        confidence_threshold=3.0,
    ),
}
