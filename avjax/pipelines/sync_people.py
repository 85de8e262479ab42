"""Offsets of people never seen: how probable each is, or why none can be determined."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from avjax.audio.loudness import is_silent, normalize_speech
from avjax.audio.mel import log_mel, mel_window_starts, mel_windows
from avjax.compilation import cached_jit
from avjax.constants import FPS, SAMPLE_RATE
from avjax.faces.editing import (
    MOUTH_SHAPE,
    AlignedFrame,
    crop_encoder_mouth,
    crop_lower_face_aligned,
)
from avjax.faces.mouth_video import MouthVideo
from avjax.metrics.sync import MAX_OFFSET_FRAMES
from avjax.metrics.sync_evidence import OFFSETS, evidence_by_offset, offset_log_probs
from avjax.models.sync_people import SyncPeopleConfig, encode_audio, encode_mouths
from avjax.nn.apply import apply_network
from avjax.nn.motion_embedding import CONTEXT_FRAMES
from avjax.pipelines.sync_models import SyncModel
from avjax.typing import Array

WINDOW_FRAMES = 128  # frames that are embedded at once
MOUTHS = 32  # mouths that are encoded at once
MIN_VISIBLE = 0.5  # of the frames, in which the face is seen from the front
MIN_MOTION = 0.05  # of lip codes, from a frame to the next
EVIDENCE_SCALE = 0.5  # frames are not independent of each other
MAX_NONE, MIN_CONFIDENCE = 0.5, 0.8  # probabilities
SILENT = "the audio is silent"
PROFILE = "the face is seen from the side"
STILL = "the mouth hardly moves, or is covered"
NO_MATCH = (
    f"at no offset up to {MAX_OFFSET_FRAMES} frames do the lips follow the audio: no "
    "speech, the speech of someone else, a covered mouth, or a kind of face that the "
    "model does not know"
)
SEVERAL = "several offsets fit equally well: too little speech, or too little motion"


class Series(NamedTuple):
    """One vector per frame.

    Attributes:
        values: f32 [t d].
        mask: 1 where a frame has one, f32 [t].
    """

    values: np.ndarray
    mask: np.ndarray


class Finding(NamedTuple):
    """What lips and audio tell about their offset.

    Attributes:
        offset: Most probable offset: frames by which the audio is ahead of the lips.
        confidence: Probability that it is right to one frame, 0 to 1.
        reason: Why the offset cannot be determined; empty if it can.
    """

    offset: int
    confidence: float
    reason: str


def find_offset(model: SyncModel, codes: Series, wave: np.ndarray) -> Finding:
    """Find the offset of lips and audio, or the reason why it cannot be determined.

    Args:
        model: The sync model.
        codes: Lip codes, `encode_lips`.
        wave: Waveform f32 [n] at 16 kHz.

    Returns:
        Offset, confidence and reason.
    """
    if is_silent(wave):
        return Finding(0, 0.0, SILENT)
    if np.mean(codes.mask) < MIN_VISIBLE:
        return Finding(0, 0.0, PROFILE)
    if code_motion(codes) < MIN_MOTION:
        return Finding(0, 0.0, STILL)
    audio = embed_audio(model, wave, len(codes.mask) + MAX_OFFSET_FRAMES)
    evidence, pairs = sum_evidence(embed_lips(model, codes), audio)
    scaled = jnp.asarray(EVIDENCE_SCALE * evidence)
    probs = np.exp(offset_log_probs(scaled, jnp.asarray(pairs)))
    best = int(np.argmax(probs[:-1]))
    confidence = float(probs[:-1][max(best - 1, 0) : best + 2].sum())
    reason = ""
    if probs[-1] >= MAX_NONE:
        reason = NO_MATCH
    elif confidence < MIN_CONFIDENCE:
        reason = SEVERAL
    return Finding(int(OFFSETS[best]), confidence, reason)


def code_motion(codes: Series) -> float:
    """Measure how far lip codes move from a frame to the next, root mean square."""
    both = (codes.mask[1:] * codes.mask[:-1])[:, None]
    steps = both * np.diff(codes.values, axis=0)
    count = max(both.sum() * steps.shape[1], 1)
    return float(np.sqrt(np.sum(steps**2) / count))


def iter_mouths(video: MouthVideo) -> Iterator[np.ndarray]:
    """Read the aligned mouth in every frame, u8 [40 56]; black without a face."""
    blank = np.zeros(MOUTH_SHAPE, np.uint8)
    for frame, similarity in zip(video.frames(), video.similarities, strict=True):
        if np.isfinite(similarity[0]):
            lower_face = crop_lower_face_aligned(AlignedFrame(frame, similarity))
            yield np.rint(crop_encoder_mouth(lower_face)).astype(np.uint8)
        else:
            yield blank


def encode_lips(
    model: SyncModel, mouths: Iterable[np.ndarray], mask: np.ndarray
) -> Series:
    """Compute the lip codes of a video, of which few frames are in memory at once.

    Args:
        model: The sync model.
        mouths: Mouths u8 [40 56].
        mask: 1 where a frame shows a mouth, [t].

    Returns:
        Lip codes.
    """
    encode = jit_encode_mouths(model.config)
    mouths, codes = iter(mouths), []
    while chunk := list(itertools.islice(mouths, MOUTHS)):
        padded = np.zeros((1, MOUTHS, *MOUTH_SHAPE), np.uint8)
        padded[0, : len(chunk)] = chunk
        codes.append(np.asarray(encode(model.variables, padded))[0, : len(chunk)])
    return Series(np.concatenate(codes), np.asarray(mask, np.float32))


def embed_lips(model: SyncModel, codes: Series) -> Series:
    """Embed the motion of lips around each frame."""
    embed = jit_embed_lips(model.config)
    return _embed(lambda *inputs: embed(model.variables, *inputs), codes)


def embed_audio(model: SyncModel, wave: np.ndarray, num_frames: int) -> Series:
    """Embed the audio around each frame.

    Args:
        model: The sync model.
        wave: Waveform f32 [n] at 16 kHz.
        num_frames: Number of frames; after the end of the audio there is none.

    Returns:
        Embeddings.
    """
    mel = log_mel(normalize_speech(wave))
    mels = mel_windows(mel, mel_window_starts(num_frames, FPS))
    mask = np.arange(num_frames) < len(wave) * FPS // SAMPLE_RATE
    embed = jit_embed_audio(model.config)
    return _embed(
        lambda *inputs: embed(model.variables, *inputs),
        Series(mels * mask[:, None, None], mask.astype(np.float32)),
        model.config.lipwarp.context_frames,
    )


def _embed(network: Callable[..., Array], series: Series, context: int = 0) -> Series:
    """Run a network over windows that overlap by its context; one shape is compiled."""
    context += CONTEXT_FRAMES
    core = WINDOW_FRAMES - 2 * context
    parts = []
    for start in range(0, len(series.mask), core):
        around = np.arange(start - context, start + core + context)
        inside = np.clip(around, 0, len(series.mask) - 1)
        mask = series.mask[inside] * (around == inside)
        outputs = network(series.values[inside][None], mask[None])
        parts.append(np.asarray(outputs)[0, context : context + core])
    embeddings = np.concatenate(parts)[: len(series.mask)]
    return Series(embeddings * series.mask[:, None], series.mask)


def sum_evidence(lips: Series, audio: Series) -> tuple[np.ndarray, np.ndarray]:
    """Sum the evidence for each offset over a clip.

    Args:
        lips: Embeddings of the lips.
        audio: Embeddings of the audio.

    Returns:
        Evidence, and the number of frames in each sum, f32 [o] each.
    """
    evidence, pairs = np.zeros(len(OFFSETS)), np.zeros(len(OFFSETS))
    for start in range(0, len(lips.mask), WINDOW_FRAMES):
        shown = _cut(lips, start, WINDOW_FRAMES)
        length = WINDOW_FRAMES + 2 * MAX_OFFSET_FRAMES
        sound = _cut(audio, start - MAX_OFFSET_FRAMES, length)
        values, counts = jit_evidence()(
            shown.values, sound.values, shown.mask, sound.mask
        )
        evidence += np.asarray(values).sum(0)
        pairs += np.asarray(counts).sum(0)
    return evidence, pairs


@cached_jit
def jit_evidence() -> Callable[..., tuple[Array, Array]]:
    """Compile `evidence_by_offset`."""
    return evidence_by_offset


def _cut(series: Series, start: int, length: int) -> Series:
    """Cut frames out of a series; frames outside of it do not exist."""
    before, after = max(-start, 0), max(start + length - len(series.mask), 0)
    part = slice(max(start, 0), max(start + length - after, 0))
    padding = (before, after)
    values = np.pad(series.values[part], (padding, (0, 0)))[:length]
    return Series(values, np.pad(series.mask[part], padding)[:length])


@cached_jit
def jit_encode_mouths(config: SyncPeopleConfig) -> Callable[..., Array]:
    """Compile (parts, mouths u8 [b t h w]) -> lip codes f32 [b t c]."""

    def encode(parts, mouths):
        return encode_mouths(config, parts, mouths.astype(jnp.float32) / 255)

    return encode


@cached_jit
def jit_embed_lips(config: SyncPeopleConfig) -> Callable[..., Array]:
    """Compile (parts, codes f32 [b t c], mask [b t]) -> embeddings f32 [b t d]."""
    network = config.embeddings()

    def embed(parts, codes, mask):
        return apply_network(
            network, parts["embeddings"], codes, mask, method="embed_lips"
        )

    return embed


@cached_jit
def jit_embed_audio(config: SyncPeopleConfig) -> Callable[..., Array]:
    """Compile (parts, mels f32 [b t f k], mask [b t]) -> embeddings f32 [b t d]."""
    network = config.embeddings()

    def embed(parts, mels, mask):
        features = encode_audio(config, parts, mels, mask)
        return apply_network(
            network, parts["embeddings"], features, mask, method="embed_audio"
        )

    return embed
