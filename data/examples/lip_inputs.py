"""Inputs of lip readers and targets of lip-to-speech, cut from a record."""

from typing import Any

import numpy as np

from avjax.audio.speech_mel import (
    SPEECH_MELS_PER_FRAME,
    encoder_mel,
    prepare_vocoder_audio,
    vocoder_mel,
)
from avjax.constants import SAMPLES_PER_FRAME
from avjax.data import schema
from avjax.data.examples.augmentation import (
    Augmentation,
    mask_frames,
    random_erase,
    random_gamma,
    random_similarity,
    spec_augment,
)
from avjax.data.examples.base import Record
from avjax.faces.mouth_crop import center_crop_mouths


def load_inputs(
    record: Record,
    *,
    first: int,
    num_frames: int,
    size: int,
    augmentation: Augmentation,
    rng: np.random.Generator | None,
) -> dict[str, Any]:
    """Make the inputs of a lip reader: mouth images and mel spectrogram.

    Args:
        record: The record.
        first: Number of the first frame.
        num_frames: Number of frames, t.
        size: Side of the mouth images in pixels.
        augmentation: Random changes; not used without `rng`.
        rng: Random generator; None: no augmentation.

    Returns:
        `lips`, `mel`, `frame_mask` and `weight`, as `LipreadClip` describes them.
    """
    frames = first + np.arange(num_frames)
    exists = frames < len(record["mouth"])
    mouths = record["mouth"].take(frames[exists])
    if rng is None:
        lips = center_crop_mouths(mouths, size)
    else:
        max_shift = augmentation.max_shift
        down, right = rng.integers(-max_shift, max_shift + 1, 2)
        mirrored = rng.random() < augmentation.mirror_prob
        lips = center_crop_mouths(mouths, size, (int(down), int(right)), mirrored)
        random_erase(lips, augmentation.erase_fraction, rng)
        max_degrees, max_zoom = augmentation.max_degrees, augmentation.max_zoom
        lips = random_similarity(lips, max_degrees, max_zoom, rng)
        lips = random_gamma(lips, augmentation.max_gamma, rng)
        mask_frames(lips, augmentation.max_masked_frames, rng)
    mel = encoder_mel(schema.to_float(record["wave"]))
    mel = mel_slice(mel, first, num_frames)
    if rng is not None and augmentation.mask_mel:
        spec_augment(mel, rng)
    padding = ((0, num_frames - len(lips)), (0, 0), (0, 0), (0, 0))
    return {
        "lips": np.pad(lips, padding, "edge"),
        "mel": mel,
        "frame_mask": exists.astype(np.float32),
        "weight": np.float32(1),
    }


def voice_mel(record: Record, first: int, num_frames: int) -> np.ndarray:
    """Compute a part of the mel spectrogram that a vocoder inverts.

    Args:
        record: The record.
        first: Number of the first video frame, inside of the clip.
        num_frames: Number of video frames, t.

    Returns:
        These frames of `vocoder_mel(prepare_vocoder_audio(wave))`, f32 [4t k]; the
        last one repeats after the end of the clip.
    """
    wave = record["wave"]
    start = max(first - 1, 0)  # one video frame more on either side
    samples = slice(
        start * SAMPLES_PER_FRAME, (first + num_frames + 1) * SAMPLES_PER_FRAME
    )
    loudest = max(int(wave.max(initial=0)), -int(wave.min(initial=0)))
    peak = np.float32(loudest / schema.INT16_SCALE)
    part = prepare_vocoder_audio(schema.to_float(wave[samples]), peak)
    return mel_slice(vocoder_mel(part), first - start, num_frames)


def mel_slice(mel: np.ndarray, first: int, num_frames: int) -> np.ndarray:
    """Return the mel frames of some video frames; the last one repeats after the end.

    Args:
        mel: Mel spectrogram with four frames for each video frame, [f k].
        first: Number of the first video frame.
        num_frames: Number of video frames, t.

    Returns:
        Mel spectrogram, [4t k].
    """
    first_mel = SPEECH_MELS_PER_FRAME * first
    indices = first_mel + np.arange(SPEECH_MELS_PER_FRAME * num_frames)
    return mel[np.minimum(indices, len(mel) - 1)]
