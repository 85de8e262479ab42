"""Embeddings of lips and audio in chunks, and the synchronisation score from them."""

import collections
import functools
import itertools
from collections.abc import Iterable, Iterator

import jax
import numpy as np

from avjax.constants import FPS, SAMPLE_RATE, SYNC_FRAMES
from avjax.faces.mouth_video import MouthVideo
from avjax.metrics.sync import (
    MAX_OFFSET_FRAMES,
    OffsetDistances,
    SyncScore,
    distances_by_offset,
    sync_score,
)
from avjax.pipelines.sync_models import SyncModel

CHUNK_FRAMES = 16  # frames that are embedded at once; at least MAX_OFFSET_FRAMES

Chunk = tuple[np.ndarray, np.ndarray]  # embeddings [t d], and 1 where they count [t]
_jit_distances = jax.jit(distances_by_offset)


def valid_starts(video: MouthVideo, wave: np.ndarray) -> np.ndarray:
    """Find the frames at which five frames with a face and with audio begin.

    As in the published code, five frames at the end are ignored.

    Args:
        video: The video of one face.
        wave: Waveform f32 [n] at 16 kHz.

    Returns:
        True for frames at which a window begins, bool [t].
    """
    count = min(len(video), len(wave) * FPS // SAMPLE_RATE)
    face_found = np.pad(video.face_found[:count], (0, SYNC_FRAMES))
    windows = np.lib.stride_tricks.sliding_window_view(face_found, SYNC_FRAMES)
    return np.all(windows[: max(count - SYNC_FRAMES, 0)], axis=1)


def score_chunks(
    visual_chunks: Iterable[Chunk], audio_chunks: Iterable[Chunk]
) -> SyncScore:
    """Compute the score of a video from embeddings, chunk by chunk.

    Args:
        visual_chunks: Chunks from `iter_visual_embeddings`.
        audio_chunks: Chunks from `iter_audio_embeddings`.

    Returns:
        Offset, distance and confidence.
    """
    distances = [
        _jit_distances(visual, audio, visual_mask, audio_mask)
        for (visual, visual_mask), (audio, audio_mask) in zip(
            visual_chunks, audio_chunks, strict=True
        )
    ]
    return sync_score(functools.reduce(OffsetDistances.merge, distances))


def iter_visual_embeddings(
    model: SyncModel, video: MouthVideo, starts: np.ndarray
) -> Iterator[Chunk]:
    """Iterate over embeddings of the lips, chunk by chunk.

    Args:
        model: The sync model.
        video: The video of one face.
        starts: Frames at which windows begin, from `valid_starts`, bool [t].

    Yields:
        Embeddings [CHUNK_FRAMES d], and 1 where the frame shows a face [CHUNK_FRAMES].
    """
    size = model.config.size
    black = np.zeros((size, size, 3), np.uint8)
    faces = itertools.chain(
        video.face_images(size, model.spec.crop_box), itertools.repeat(black)
    )
    window = collections.deque(maxlen=CHUNK_FRAMES + SYNC_FRAMES - 1)
    window.extend(itertools.islice(faces, SYNC_FRAMES - 1))
    for first in range(0, len(starts), CHUNK_FRAMES):
        window.extend(itertools.islice(faces, CHUNK_FRAMES))
        mask = np.zeros(CHUNK_FRAMES, np.float32)
        chunk_starts = starts[first : first + CHUNK_FRAMES]
        mask[: len(chunk_starts)] = chunk_starts
        yield model.encode_frames(np.stack(window)), mask


def iter_audio_embeddings(
    model: SyncModel, wave: np.ndarray, num_frames: int
) -> Iterator[Chunk]:
    """Iterate over embeddings of the audio around each chunk of frames.

    Args:
        model: The sync model.
        wave: Waveform f32 [n] at 16 kHz.
        num_frames: Number of frames. Embeddings outside them are zero.

    Yields:
        Embeddings [CHUNK_FRAMES + 2 MAX_OFFSET_FRAMES d], and 1 where they count
        [CHUNK_FRAMES + 2 MAX_OFFSET_FRAMES].
    """
    features = model.spec.preprocess_audio(wave)
    chunks: collections.deque[Chunk] = collections.deque(maxlen=3)
    for first in range(-CHUNK_FRAMES, num_frames + CHUNK_FRAMES, CHUNK_FRAMES):
        frames = first + np.arange(CHUNK_FRAMES)
        inside = (frames >= 0) & (frames < num_frames)
        chunks.append((model.encode_audio(features, frames) * inside[:, None], inside))
        if len(chunks) == 3:
            embeddings, mask = map(np.concatenate, zip(*chunks, strict=True))
            around = slice(
                CHUNK_FRAMES - MAX_OFFSET_FRAMES, 2 * CHUNK_FRAMES + MAX_OFFSET_FRAMES
            )
            mask = mask[around] | model.spec.pad_audio_with_silence
            yield embeddings[around], mask.astype(np.float32)
