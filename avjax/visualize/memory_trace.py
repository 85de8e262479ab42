"""The activity of a key-value memory during a clip: addresses of lips and audio.

Source: Kim et al., ICCV 2021. The paper claims that the addresses of both memories
correspond.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np

from avjax.audio.speech_mel import SPEECH_MELS_PER_FRAME, encoder_mel
from avjax.compilation import cached_jit
from avjax.constants import FPS, SAMPLE_RATE
from avjax.errors import InputError
from avjax.faces.mouth_video import MouthVideo
from avjax.media.audio_io import read_audio
from avjax.models.bridging import Bridging, BridgingConfig
from avjax.models.registry import load_system
from avjax.nn.pixels import normalize_mouth
from avjax.typing import Array, Params, PathLike
from avjax.weights import full_name


class MemoryTrace(NamedTuple):
    """The addresses and values of a memory for consecutive video frames (25 fps).

    In frames without a detected face, `lip_addresses` and `recalled` are 0.

    Attributes:
        lip_addresses: Weights of the slots that the lips address, f32 [t m].
        audio_addresses: Weights of the slots that the audio addresses, f32 [t m].
        recalled: Audio embeddings that the lips recall, f32 [t d].
        audio_embeddings: Embeddings of the real audio, f32 [t d].
        face_found: True where a face was found, bool [t].
        first_frame: Number of the first frame.
    """

    lip_addresses: np.ndarray
    audio_addresses: np.ndarray
    recalled: np.ndarray
    audio_embeddings: np.ndarray
    face_found: np.ndarray
    first_frame: int = 0

    @property
    def start(self) -> float:
        """Time at which the first frame begins, in seconds."""
        return self.first_frame / FPS

    @property
    def end(self) -> float:
        """Time at which the last frame ends, in seconds."""
        return (self.first_frame + len(self.face_found)) / FPS

    def between(self, start: float, end: float) -> Self:
        """Select a part of the trace, such as one word.

        Args:
            start: First second.
            end: Last second.

        Returns:
            The part; at least one frame.

        Raises:
            InputError: The trace has no frame in this part.
        """
        first = max(0, round(start * FPS) - self.first_frame)
        stop = max(first + 1, round(end * FPS) - self.first_frame)
        if first >= len(self.face_found):
            raise InputError(f"there are no frames from {start:g} to {end:g} s")
        part = slice(first, stop)
        return type(self)(
            self.lip_addresses[part],
            self.audio_addresses[part],
            self.recalled[part],
            self.audio_embeddings[part],
            self.face_found[part],
            self.first_frame + first,
        )


def trace_memory(
    video: MouthVideo, config: BridgingConfig, variables: Params
) -> MemoryTrace:
    """Run a network with a memory on a clip with sound.

    Args:
        video: The clip, with the boxes of a face.
        config: Configuration of the network.
        variables: Variables of the network; see `load_memory_network`.

    Returns:
        The trace of all frames.

    Raises:
        InputError: The clip has no sound.
    """
    path = video.source
    if isinstance(path, np.ndarray):
        raise InputError("an array of frames has no sound: give a video file")
    video = dataclasses.replace(video, lower_face=config.reference_compat)
    wave = read_audio(path, SAMPLE_RATE)
    length = len(video) * SAMPLE_RATE // FPS
    mel = encoder_mel(np.pad(wave[:length], (0, max(0, length - len(wave)))))
    parts = []
    for window in video.windows(config.size):
        count = SPEECH_MELS_PER_FRAME * len(window.images)
        numbers = SPEECH_MELS_PER_FRAME * window.first + np.arange(count)
        window_mel = mel[np.minimum(numbers, len(mel) - 1)]
        outputs = jit_trace(config)(variables, window.images[None], window_mel[None])
        parts.append([np.asarray(output)[0, window.core] for output in outputs])
    lips, audio, recalled, embeddings = map(np.concatenate, zip(*parts, strict=True))
    lips[~video.face_found] = recalled[~video.face_found] = 0
    return MemoryTrace(lips, audio, recalled, embeddings, video.face_found)


@cached_jit
def jit_trace(config: BridgingConfig) -> Callable[..., Any]:
    """Compile the function that traces the memory of a clip.

    Args:
        config: The config of a network with a memory.

    Returns:
        (variables, images u8 [b t h w c=1], mel f32 [b 4t k=80]) -> the first four
        fields of `MemoryTrace`, with a batch axis.
    """
    network = Bridging(config)

    def trace(bound: Bridging, images: Array, mel: Array):
        audio = bound.encode_audio(mel)
        recalled, lip_addresses = bound.recall(bound.encode_video(images))
        _, audio_addresses, _ = bound.memory.store(audio)
        return lip_addresses, audio_addresses, recalled, audio

    def apply(variables, images: Array, mel: Array):
        return network.apply(variables, normalize_mouth(images), mel, method=trace)

    return apply


def load_memory_network(weights: PathLike) -> tuple[BridgingConfig, Params]:
    """Load a lip-reading or lip-to-speech network that has a memory.

    Args:
        weights: Name of bundled weights, or a folder of weights.

    Returns:
        Configuration and variables.

    Raises:
        InputError: The weights are of another system or have no memory.
    """
    name = full_name(weights, BridgingConfig.system)
    config, parts = load_system(name, BridgingConfig.system)
    if not config.num_slots:
        raise InputError(f"the weights {weights} have no memory")
    return config, parts["reader"]


def slot_usage(addresses: np.ndarray) -> np.ndarray:
    """Compute the fraction of all address weight that each slot receives.

    Args:
        addresses: f32 [t m].

    Returns:
        f32 [m], with sum 1.
    """
    return np.sum(addresses, axis=0) / max(np.sum(addresses), 1e-30)


def entropy(fractions: np.ndarray) -> np.ndarray:
    """Compute the entropy of distributions over slots.

    2 to the power of the entropy of `slot_usage(addresses)` is the effective number of
    slots in use; of an address, the effective number of slots that a frame addresses.

    Args:
        fractions: f32 [... m].

    Returns:
        Bits, f32 [...].
    """
    return -np.sum(fractions * np.log2(np.maximum(fractions, 1e-30)), axis=-1)


def most_used_slots(addresses: np.ndarray, count: int) -> np.ndarray:
    """Find the slots with the highest usage.

    Args:
        addresses: f32 [t m].
        count: Number of slots to return.

    Returns:
        Slot numbers in order of decreasing usage, int [count].
    """
    return np.argsort(-slot_usage(addresses), kind="stable")[:count]


def strongest_frames(addresses: np.ndarray, slot: int, count: int) -> np.ndarray:
    """Find the frames that address a slot most strongly.

    Local maxima in time come first, because the neighbours of a maximum show almost
    the same image.

    Args:
        addresses: f32 [t m].
        slot: Slot number.
        count: Number of frames to return.

    Returns:
        Frame numbers in order of decreasing weight, int [count].
    """
    weights = addresses[:, slot]
    padded = np.pad(weights, 1, constant_values=-np.inf)
    is_peak = (weights >= padded[:-2]) & (weights > padded[2:])
    return np.lexsort((-weights, ~is_peak))[:count]


def slots_by_time(addresses: np.ndarray) -> np.ndarray:
    """Sort the slots by the mean time at which they are addressed.

    Args:
        addresses: f32 [t m].

    Returns:
        Slot numbers, int [m].
    """
    totals = np.maximum(np.sum(addresses, 0), 1e-30)
    mean_time = np.arange(len(addresses)) @ addresses / totals
    return np.argsort(mean_time, kind="stable")
