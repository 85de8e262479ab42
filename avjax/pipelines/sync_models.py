"""Sync models with their weights: networks that embed lips and audio."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np

from avjax.compilation import cached_jit
from avjax.constants import FPS, SYNC_FRAMES
from avjax.models.registry import load_system
from avjax.models.sync_model import SYNC_MODELS, SyncModelSpec
from avjax.typing import Array, Params, PathLike
from avjax.weights import full_name

WEIGHTS_PREFIX = "sync"  # names of bundled weights start with it


@dataclasses.dataclass(frozen=True)
class SyncModel:
    """A sync model with its weights.

    Attributes:
        name: Name or folder of the weights.
        system: System of the weights.
        config: Config of the network.
        variables: Variables of the network.
    """

    name: str
    system: str
    config: Any
    variables: Params

    @property
    def spec(self) -> SyncModelSpec:
        """Inputs and thresholds of this kind of model."""
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
        starts = np.arange(len(faces) - SYNC_FRAMES + 1)
        windows = faces[starts[:, None] + np.arange(SYNC_FRAMES)]
        return np.asarray(
            jit_encode(self.config, "encode_frames")(self.variables, windows)
        )


@cached_jit
def jit_encode(
    config: Any, method: Literal["encode_audio", "encode_frames"]
) -> Callable[..., Array]:
    """Compile one encoder.

    Args:
        config: The config of the sync model.
        method: Name of the encoder.

    Returns:
        (variables, windows [b ...]) -> embeddings f32 [b d]. Windows are audio
        features, or images u8 [b t=5 h w c=3].
    """
    spec = SYNC_MODELS[type(config).system]
    network = spec.network(config)

    def encode_audio(variables: Params, windows: Array) -> Any:
        return network.apply(variables, windows, method="encode_audio")

    def encode_frames(variables: Params, faces: Array) -> Any:
        pixels = faces.astype(jnp.float32) * (spec.white / 255)
        return network.apply(variables, pixels, method="encode_frames")

    return encode_audio if method == "encode_audio" else encode_frames


def load_sync_model(weights: PathLike) -> SyncModel:
    """Load a sync model.

    Args:
        weights: Bundled name, or folder, of weights of `sync_expert` or `syncnet_v2`.

    Returns:
        The sync model.

    Raises:
        InputError: The weights are missing, damaged or of another system.
    """
    name = full_name(weights, WEIGHTS_PREFIX)
    config, parts = load_system(name, *SYNC_MODELS)
    (variables,) = parts.values()
    return SyncModel(str(name), config.system, config, variables)
