"""Sync models with their weights: networks that embed lips and audio.

Three are known: the model for people never seen (`sync_people`), the sync expert of
Wav2Lip, and SyncNet, by which papers report LSE-D and LSE-C and whose weights a user
may convert. The last two compare windows of five frames, as their `SyncModelSpec` says.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from avjax.audio.loudness import normalize_speech
from avjax.audio.mel import log_mel
from avjax.audio.mfcc import MFCC_WINDOW, MFCCS_PER_FRAME, NUM_MFCC, mfcc
from avjax.compilation import cached_jit
from avjax.constants import FPS, MEL_WINDOW, MELS_PER_SECOND, NUM_MELS, SYNC_FRAMES
from avjax.models.registry import load_system
from avjax.models.sync_expert import SyncExpert, SyncExpertConfig
from avjax.models.sync_people import SyncPeopleConfig
from avjax.models.syncnet_v2 import SyncNet, SyncNetConfig
from avjax.nn.inference.folding import fold_network, suits_folding
from avjax.typing import Array, Params, PathLike
from avjax.weights import full_name

WEIGHTS_PREFIX = "sync"  # names of bundled weights start with it
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


@dataclasses.dataclass(frozen=True)
class SyncModel:
    """A sync model with its weights.

    Attributes:
        name: Name or folder of the weights.
        system: System of the weights.
        config: Config of the network.
        variables: Variables of the network; of `sync_people`, {part: variables}.
    """

    name: str
    system: str
    config: Any
    variables: Params

    @property
    def spec(self) -> SyncModelSpec:
        """Inputs and thresholds of a model that compares windows of five frames."""
        return SYNC_MODELS[self.system]

    def encode_audio(self, features: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Embed the audio that begins with each video frame.

        Args:
            features: Features of the whole audio, f32 [f k].
            frames: Frame numbers, int [t].

        Returns:
            Embeddings [t d].
        """
        starts = frames * self.spec.feature_rate // FPS
        indices = starts[:, None] + np.arange(self.spec.audio_shape[0])
        windows = features[np.clip(indices, 0, len(features) - 1)]
        return np.asarray(
            jit_encode(self.config, "encode_audio")(self.variables, windows)
        )

    def encode_frames(self, faces: np.ndarray) -> np.ndarray:
        """Embed every five consecutive images of a face.

        Args:
            faces: Images u8 [t h w 3].

        Returns:
            Embeddings [t-4 d].
        """
        if self.system == SYNCNET:
            return np.asarray(
                jit_encode(self.config, "encode_clip")(self.variables, faces)
            )
        starts = np.arange(len(faces) - SYNC_FRAMES + 1)
        windows = faces[starts[:, None] + np.arange(SYNC_FRAMES)]
        return np.asarray(
            jit_encode(self.config, "encode_frames")(self.variables, windows)
        )


@cached_jit
def jit_encode(
    config: Any, method: Literal["encode_audio", "encode_frames", "encode_clip"]
) -> Callable[..., Array]:
    """Compile one encoder.

    Args:
        config: The config of the sync model.
        method: Name of the encoder.

    Returns:
        (variables, windows [b ...]) -> embeddings f32 [b d]. Windows are audio
        features, or images u8 [b t=5 h w c=3]. "encode_clip", of SyncNet alone, embeds
        every five consecutive images of u8 [t h w c=3] -> f32 [t-4 d].
    """
    spec = SYNC_MODELS[type(config).system]
    network = spec.network(config)

    def encode_audio(variables: Params, windows: Array) -> Any:
        return network.apply(variables, windows, method="encode_audio")

    def encode_frames(variables: Params, faces: Array) -> Any:
        pixels = faces.astype(jnp.float32) * (spec.white / 255)
        return network.apply(variables, pixels, method=method)

    return encode_audio if method == "encode_audio" else encode_frames


def load_sync_model(weights: PathLike) -> SyncModel:
    """Load a sync model.

    Args:
        weights: Bundled name, or folder, of weights of `sync_people`, `sync_expert` or
            `syncnet_v2`.

    Returns:
        The sync model.

    Raises:
        InputError: The weights are missing, damaged or of another system.
    """
    name = full_name(weights, WEIGHTS_PREFIX)
    config, variables = load_system(name, SyncPeopleConfig.system, *SYNC_MODELS)
    if config.system in SYNC_MODELS:
        (variables,) = variables.values()
    if config.system == SYNCNET and suits_folding(config):
        size = config.size
        shapes = (1, MFCC_WINDOW, NUM_MFCC), (1, SYNC_FRAMES, size, size, 3)
        variables = fold_network(SyncNet(config), variables, *shapes)
    return SyncModel(str(name), config.system, config, variables)
