"""The functions of systems that do not animate faces, for any batch size and length."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from avjax.algorithms import denoiser_adaptation
from avjax.constants import (
    FPS,
    MEL_WINDOW,
    NUM_LIP_POINTS,
    NUM_MELS,
    SYNC_FRAMES,
)
from avjax.export import talkers
from avjax.export.signatures import (
    ArraySpec,
    ExportedFunction,
    Functions,
    image_shape,
)
from avjax.faces.editing import MOUTH_SHAPE
from avjax.models import sync_people
from avjax.models.aligner import Aligner, AlignerConfig
from avjax.models.bridging import BridgingConfig
from avjax.models.denoiser import DenoiserConfig
from avjax.models.lip_landmarks import LipLandmarks, LipLandmarksConfig
from avjax.models.registry import load_system
from avjax.models.sync_expert import SyncExpertConfig
from avjax.models.sync_people import SyncPeopleConfig
from avjax.models.syncnet_v2 import SyncNetConfig
from avjax.models.taem import TaemConfig
from avjax.models.talker import list_talkers
from avjax.nn.apply import apply_network
from avjax.pipelines import align, denoise, lipread
from avjax.pipelines.sync_models import jit_encode, load_sync_model
from avjax.typing import Array, PathLike

READER_OUTPUTS = {  # {task: (name, shape and meaning)}
    "words": ("logits", "b t v: logits of the words in each frame"),
    "sentences": ("log_probs", "b r*t v: of symbols; the first is the CTC blank"),
    "speech": ("mel", "b 4*t 80: log-mel as audio.speech_mel.vocoder_mel gives it"),
}

EXPORTED_FRAMES = 128  # of the sync model for people never seen


def lip_reader(weights: PathLike) -> Functions:
    """Make the function of a lip reader, or of a lip-to-speech network.

    Args:
        weights: Bundled name, or folder, of weights of `bridging`.

    Returns:
        {"logits": …}, {"log_probs": …} or {"mel": …}, by the task.
    """
    config, parts = load_system(weights, BridgingConfig.system)
    (variables,) = parts.values()
    read = lipread.jit_read(config).__wrapped__  # not compiled for this machine
    name, output = READER_OUTPUTS[config.task]

    def run(mouths: Array, frame_mask: Array) -> dict[str, Array]:
        return {name: read(variables, mouths, frame_mask)}

    inputs = {
        "mouths": ArraySpec(
            f"b t {config.size} {config.size} 1",
            "uint8",
            f"grey images of the mouth, {FPS} frames a second",
        ),
        "frame_mask": ArraySpec("b t", "float32", "1, or 0 where there is no face"),
    }
    return {name: ExportedFunction(run, inputs, {name: output})}


def sync_model(weights: PathLike) -> Functions:
    """Make the function of a sync model: embeddings of audio and of lips.

    Args:
        weights: Bundled name, or folder, of weights of a sync model.

    Returns:
        {"embeddings": …}.
    """
    model = load_sync_model(weights)
    config, variables = model.config, model.variables
    encode_audio = jit_encode(config, "encode_audio").__wrapped__
    encode_frames = jit_encode(config, "encode_frames").__wrapped__

    def run(audio: Array, faces: Array) -> dict[str, Array]:
        return {
            "audio_embedding": encode_audio(variables, audio),
            "visual_embedding": encode_frames(variables, faces),
        }

    window, features = model.spec.audio_shape
    inputs = {
        "audio": ArraySpec(
            f"b {window} {features}", "float32", model.spec.audio_description
        ),
        "faces": ArraySpec(
            f"b {SYNC_FRAMES} {config.size} {config.size} 3",
            "uint8",
            f"{SYNC_FRAMES} consecutive images of a face, {FPS} frames a second",
        ),
    }
    outputs = {
        "audio_embedding": "b d: embedding of the audio",
        "visual_embedding": "b d: embedding of the lips",
    }
    return {"embeddings": ExportedFunction(run, inputs, outputs)}


def sync_people_model(weights: PathLike) -> Functions:
    """Make the functions of the sync model for people never seen.

    Args:
        weights: Bundled name, or folder, of weights of `sync_people`.

    Returns:
        {"lips": embeddings of lips, "audio": embeddings of audio}.
    """
    model = load_sync_model(weights)
    config, parts = model.config, jax.tree.map(jnp.asarray, model.variables)
    network, variables = config.embeddings(), parts["embeddings"]

    def lips(mouths: Array, frame_mask: Array) -> dict[str, Array]:
        codes = sync_people.encode_mouths(config, parts, mouths / 255)
        inputs = codes, frame_mask
        output = apply_network(network, variables, *inputs, method="embed_lips")
        return {"embedding": output}

    def audio(mels: Array, frame_mask: Array) -> dict[str, Array]:
        features = sync_people.encode_audio(config, parts, mels, frame_mask)
        inputs = features, frame_mask
        output = apply_network(network, variables, *inputs, method="embed_audio")
        return {"embedding": output}

    height, width = MOUTH_SHAPE
    mask = ArraySpec(
        f"b {EXPORTED_FRAMES}", "float32", "1, or 0 where there is no frame"
    )
    mouths = ArraySpec(
        f"b {EXPORTED_FRAMES} {height} {width}",
        "uint8",
        "grey mouths of aligned faces, 25 a second",
    )
    mels = ArraySpec(
        f"b {EXPORTED_FRAMES} {MEL_WINDOW} {NUM_MELS}",
        "float32",
        "log-mel window of each frame",
    )
    outputs = {
        "embedding": f"b {EXPORTED_FRAMES} d: embedding of the frames around each frame"
    }
    return {
        "lips": ExportedFunction(lips, {"mouths": mouths, "frame_mask": mask}, outputs),
        "audio": ExportedFunction(audio, {"mels": mels, "frame_mask": mask}, outputs),
    }


def lip_landmarks(weights: PathLike) -> Functions:
    """Make the function of a lip landmark detector.

    Args:
        weights: Bundled name, or folder, of weights of `lip_landmarks`.

    Returns:
        {"points": …}.
    """
    config, parts = load_system(weights, LipLandmarksConfig.system)
    (variables,) = parts.values()
    network = LipLandmarks(config.size, config.width)

    def run(faces: Array) -> dict[str, Any]:
        return {"points": network.apply(variables, faces.astype(jnp.float32) / 255)}

    inputs = {"faces": ArraySpec(image_shape(config.size), "uint8", "face crops")}
    points = (
        f"b {NUM_LIP_POINTS} 2: x and y as fractions of the width and height, points "
        "48 to 67 of the 68-point scheme"
    )
    return {"points": ExportedFunction(run, inputs, {"points": points})}


def denoiser(weights: PathLike) -> Functions:
    """Make the function of a denoiser without adaptation.

    Convolutions over few pixels are computed in another way (`avjax.nn.conv`), so the
    exported function needs images of at least 3 x 3 blocks.

    Args:
        weights: Bundled name, or folder, of weights of `denoiser`.

    Returns:
        {"clean": …}.
    """
    config, params, _ = denoise.load_network(weights)

    def run(noisy: Array) -> dict[str, Array]:
        clean = denoiser_adaptation.restore(config, params["restorer"], noisy).clean
        return {"clean": jnp.clip(clean, 0, 1)}

    multiple = config.size_multiple
    shape = f"b {multiple}*h {multiple}*w 3"
    inputs = {"noisy": ArraySpec(shape, "float32", "noisy images, 0 to 1")}
    outputs = {"clean": f"{shape}: denoised images, 0 to 1"}
    return {"clean": ExportedFunction(run, inputs, outputs, ("h >= 3", "w >= 3"))}


def aligner(weights: PathLike) -> Functions:
    """Make the function of an aligner: phoneme probabilities in each mel frame.

    Args:
        weights: Bundled name, or folder, of weights of `aligner`.

    Returns:
        {"log_probs": …}.
    """
    loaded = align.load_aligner(weights)
    network = Aligner(loaded.config)
    variables = jax.tree.map(jnp.asarray, loaded.variables)

    def run(mel: Array, frame_mask: Array) -> dict[str, Any]:
        return {"log_probs": network.apply(variables, mel, frame_mask)}

    inputs = {
        "mel": ArraySpec(
            f"b t {NUM_MELS}",
            "float32",
            "log-mel, 80 frames a second, as audio.mel.standardized_log_mel gives it",
        ),
        "frame_mask": ArraySpec("b t", "float32", "1, or 0 where there is no audio"),
    }
    outputs = {"log_probs": "b t v: log-probabilities of text.phonemes.PHONEMES"}
    return {"log_probs": ExportedFunction(run, inputs, outputs, ("t >= 5",))}


EXPORTERS: dict[str, Callable[[PathLike], Functions]] = {  # {system: function}
    TaemConfig.system: talkers.text_talker,
    BridgingConfig.system: lip_reader,
    SyncExpertConfig.system: sync_model,
    SyncNetConfig.system: sync_model,
    SyncPeopleConfig.system: sync_people_model,
    LipLandmarksConfig.system: lip_landmarks,
    DenoiserConfig.system: denoiser,
    AlignerConfig.system: aligner,
}


def get_exporter(system: str) -> Callable[[PathLike], Functions] | None:
    """Return the function that makes the functions of a system.

    Args:
        system: A system id.

    Returns:
        The function; None if the system cannot be exported.
    """
    if system in list_talkers():
        return talkers.audio_talker
    return EXPORTERS.get(system)
