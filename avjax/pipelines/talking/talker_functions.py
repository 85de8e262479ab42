"""Compiled functions of talkers, and interpolation of latents between frame rates."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np

from avjax.audio.mel import log_mel
from avjax.compilation import cached_jit
from avjax.constants import FPS, HOP_LENGTH, MEL_WINDOW
from avjax.models.talker import TalkerConfig, Variables, latent_space
from avjax.nn.lip_editor import drop_small_edits
from avjax.nn.pixels import PixelRange, mask_lower_face, normalize_pixels, to_uint8
from avjax.typing import Array

CHUNK_FRAMES = 16  # frames that pass through a network together


def resample_latents(
    compute: Callable[[int, int], np.ndarray],
    num_frames: int,
    fps: Fraction,
    last: int,
) -> Iterator[np.ndarray]:
    """Interpolate latents at 25 per second to another frame rate.

    Args:
        compute: (first, stop) -> latents f32 [stop - first, d] at 25 per second.
        num_frames: Number of video frames.
        fps: Video frames per second.
        last: Number of the last latent at 25 per second.

    Yields:
        f32 [t d] for `CHUNK_FRAMES` consecutive video frames.
    """
    positions = np.minimum(latent_positions(np.arange(num_frames), fps), last)
    for chunk in range(0, num_frames, CHUNK_FRAMES):
        chunk_positions = positions[chunk : chunk + CHUNK_FRAMES]
        first, stop = int(chunk_positions[0]), int(np.ceil(chunk_positions[-1])) + 1
        yield interpolate_latents(compute(first, stop), chunk_positions - first)


def latent_positions(frames: np.ndarray, fps: Fraction) -> np.ndarray:
    """Compute where video frames lie among latents at 25 per second.

    Args:
        frames: Frame numbers, int [t].
        fps: Video frames per second.

    Returns:
        Positions, f64 [t].
    """
    return np.round(np.asarray(frames) * FPS / float(fps), 6)


def interpolate_latents(latents: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Interpolate linearly between consecutive latents.

    Args:
        latents: f32 [n d].
        positions: Positions from 0 to n - 1, f64 [t].

    Returns:
        f32 [t d].
    """
    before = positions.astype(int)
    fraction = (positions - before)[:, None].astype(np.float32)
    after = np.minimum(before + 1, len(latents) - 1)
    return (1 - fraction) * latents[before] + fraction * latents[after]


def decode_padded(
    config: TalkerConfig,
    variables: Variables,
    latents: np.ndarray,
    crops: np.ndarray,
    references: np.ndarray,
) -> np.ndarray:
    """Decode up to `CHUNK_FRAMES` frames, padded to that number if more than one.

    Args:
        config: Configuration of the talker.
        variables: {part: variables} of the talker.
        latents: f32 [t d].
        crops: Face crops, u8 [t h w 3]; u8 [1 h w 3] for all frames if the variables
            are the result of `LatentSpace.fold`.
        references: u8 [h w 3] for all frames, or u8 [t h w 3].

    Returns:
        Generated faces, u8 [t h w 3].
    """
    missing = CHUNK_FRAMES - len(latents) if len(latents) > 1 else 0

    def pad(array: np.ndarray) -> np.ndarray:
        if len(array) != len(latents):
            return array
        return np.pad(array, ((0, missing), *((0, 0),) * (array.ndim - 1)))

    references = references[None] if references.ndim == 3 else pad(references)
    decode = jit_decode_frames(config)
    return np.asarray(decode(variables, pad(latents), pad(crops), references))[
        : len(latents)
    ]


@cached_jit
def jit_encode_audio(config: TalkerConfig) -> Callable[..., Array]:
    """Compile the encoder of independent frames.

    Args:
        config: The config of a talker without audio context.

    Returns:
        (variables, mels f32 [t f=16 k=80]) -> latents f32 [t d].
    """
    space = latent_space(config)

    def encode(variables, mels):
        frame_mask = jnp.ones((1, len(mels)))
        return space.encode_audio(variables, mels[None], frame_mask)[0]

    return encode


@cached_jit
def jit_encode_context(config: TalkerConfig) -> Callable[..., Array]:
    """Compile the encoder of consecutive frames.

    Args:
        config: The config of a talker with W frames of audio context.

    Returns:
        (variables, mels f32 [t f=16 k=80], frame_mask f32 [t], lookahead i32 []) ->
        latents f32 [t-2W d] of the frames whose whole context is in `mels`.
    """
    space = latent_space(config)
    context = space.context_frames

    def encode(variables, mels, frame_mask, lookahead):
        latents = space.encode_audio(
            variables, mels[None], frame_mask[None], jnp.asarray(lookahead)[None]
        )[0]
        return latents[context : len(latents) - context]

    return encode


@cached_jit
def jit_encode_window(config: TalkerConfig) -> Callable[..., Array]:
    """Compile `LatentSpace.encode_windows` for one window.

    Args:
        config: The config of a talker with audio context.

    Returns:
        (variables, mel f32 [f=16 k=80]) -> features [...] of the window.
    """
    space = latent_space(config)

    def encode(variables, mel):
        return space.encode_windows(variables, mel[None, None])[0, 0]

    return encode


@cached_jit
def jit_contextualize(config: TalkerConfig) -> Callable[..., Array]:
    """Compile `LatentSpace.contextualize` for one frame.

    Args:
        config: The config of a talker with W frames of audio context.

    Returns:
        (variables, features [t=2W+1 ...], frame_mask f32 [t], lookahead i32 []) ->
        latent f32 [d] of the frame in the middle.
    """
    space = latent_space(config)
    middle = space.context_frames

    def contextualize(variables, features, frame_mask, lookahead):
        latents = space.contextualize(
            variables, features[None], frame_mask[None], jnp.asarray(lookahead)[None]
        )
        return latents[0, middle]

    return contextualize


@cached_jit
def jit_decode_frames(config: TalkerConfig) -> Callable[..., Array]:
    """Compile the decoder.

    Args:
        config: The config of the talker.

    Returns:
        (variables, latents f32 [t d], crops u8 [t h w c=3], references u8
        [t or 1 h w c=3]) -> faces u8 [t h w c=3].
    """
    space = latent_space(config)

    def decode(variables, latents, crops, references):
        faces = decoder_inputs(crops, references, config.pixel_range)
        frames = space.decode_frames(variables, latents[None], faces)
        return to_uint8(frames[0], config.pixel_range)

    return decode


def decoder_inputs(crops: Array, references: Array, pixel_range: PixelRange) -> Array:
    """Make the input of a decoder: masked faces and references.

    Args:
        crops: Face crops, u8 [t h w 3].
        references: u8 [t h w 3], or u8 [1 h w 3] for all frames.
        pixel_range: Pixel range of the network.

    Returns:
        f32 [1 t h w 6].
    """
    targets = normalize_pixels(crops, pixel_range)[None]
    references = normalize_pixels(references, pixel_range)[None]
    return mask_lower_face(targets, jnp.broadcast_to(references, targets.shape))


def edits_frames(config: TalkerConfig) -> bool:
    """Tell whether a talker edits the mouth of frames instead of drawing faces."""
    return latent_space(config).edits_frames


def mean_speech_code(config: TalkerConfig) -> np.ndarray:
    """Return the mean lip code of speech of a talker that edits frames, f32 [d]."""
    code = getattr(config, "speech_code", ())
    return np.asarray(code or np.zeros(config.latent_dim), np.float32)


@cached_jit
def jit_encode_mouths(config: TalkerConfig) -> Callable[..., Array]:
    """Compile the lip encoder of a talker that edits frames.

    Args:
        config: The config of the talker.

    Returns:
        (variables, mouths f32 [t h w 1]) -> lip codes f32 [t d].
    """
    return latent_space(config).encode_mouths


@cached_jit
def jit_encode_silence(config: TalkerConfig) -> Callable[..., Array]:
    """Compile the lip code that silence gives.

    Args:
        config: The config of a talker that edits frames.

    Returns:
        (variables) -> lip code f32 [d].
    """
    space = latent_space(config)
    frames = 2 * space.context_frames + 1
    silence = log_mel(np.zeros(MEL_WINDOW * HOP_LENGTH, np.float32))[:MEL_WINDOW]

    def encode(variables):
        mels = jnp.broadcast_to(silence, (1, frames, *silence.shape))
        codes = space.encode_audio(variables, mels, jnp.ones((1, frames)))
        return codes[0, space.context_frames]

    return encode


@cached_jit
def jit_predict_edit(config: TalkerConfig) -> Callable[..., Any]:
    """Compile the editor of a talker that edits frames.

    Args:
        config: The config of the talker.

    Returns:
        (variables, crops u8 [t s s 3], reference u8 [1 s s 3], codes f32 [t d]) ->
        `nn.lip_editor.EditMaps`, [t s s ...] each, without small edits.
    """
    space = latent_space(config)

    def predict(variables, crops, reference, codes):
        frames = normalize_pixels(crops, config.pixel_range)
        references = normalize_pixels(reference, config.pixel_range)
        references = jnp.broadcast_to(references, frames.shape)
        maps = space.predict_edit(variables, frames, references, codes)
        return drop_small_edits(maps)

    return predict
