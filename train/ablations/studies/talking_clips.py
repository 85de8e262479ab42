"""Mouths and audio of people, as they are and altered, to measure lip sync."""

from collections import defaultdict
from typing import NamedTuple

import cv2
import numpy as np

from avjax.constants import FPS, SAMPLE_RATE
from avjax.data import schema
from avjax.data.split_source import open_split
from avjax.faces.editing import crop_encoder_mouth

SHIFTS = -12, -7, 4, 9  # frames
MIN_FRAMES = 3 * FPS - 1  # of a joined clip: clips of GRID are cut to 74 frames


class TalkingClip(NamedTuple):
    """Mouths and audio of one person.

    Attributes:
        speaker: Name of the speaker.
        mouths: u8 [t 40 56].
        wave: f32 [640 t] at 16 kHz.
    """

    speaker: str
    mouths: np.ndarray
    wave: np.ndarray


def read_clips(root: str, split: str) -> list[TalkingClip]:
    """Read the clips of a split."""
    clips = []
    for record in open_split(root, split):
        faces = record["lower_face"][:]
        mouths = np.stack([np.rint(crop_encoder_mouth(face)) for face in faces])
        wave = schema.to_float(record["wave"])
        clips.append(TalkingClip(record["speaker"], mouths.astype(np.uint8), wave))
    return clips


def join_clips(clips: list[TalkingClip]) -> list[TalkingClip]:
    """Join consecutive clips of one person up to at least 3 s; leave out the rest."""
    joined, waiting = [], defaultdict(list)
    for clip in clips:
        parts = waiting[clip.speaker]
        parts.append(clip)
        if sum(len(part.mouths) for part in parts) >= MIN_FRAMES:
            mouths, wave = (
                np.concatenate(values) for values in list(zip(*parts, strict=True))[1:]
            )
            joined.append(TalkingClip(clip.speaker, mouths, wave))
            waiting[clip.speaker] = []
    return joined


def shift_audio(wave: np.ndarray, frames: int) -> np.ndarray:
    """Move audio ahead by a number of video frames; its length stays."""
    samples = abs(frames) * SAMPLE_RATE // FPS
    if frames < 0:
        return np.pad(wave, (samples, 0))[: len(wave)]
    return np.pad(wave, (0, samples))[samples:]


def vary_clip(
    clips: list[TalkingClip], index: int, music: np.ndarray | None
) -> dict[str, tuple[np.ndarray, list[tuple[int, np.ndarray]]]]:
    """Make the rows of table 2 of one clip.

    Args:
        clips: All joined clips.
        index: Number of the clip.
        music: Waveform f32 [n] at 16 kHz, if there is one.

    Returns:
        {row: (mouths, [(true offset, waveform)])}.
    """
    clip = clips[index]
    mouths, wave = clip.mouths, clip.wave
    others = [other.wave for other in clips if other.speaker != clip.speaker]
    rng = np.random.default_rng(index)
    own = [(0, wave)]
    rows = {
        "as it is": (mouths, own),
        "shifted": (mouths, [(shift, shift_audio(wave, shift)) for shift in SHIFTS]),
        "noise": (mouths, [(0, rng.normal(0, 0.1, len(wave)).astype(np.float32))]),
        "still": (still_mouths(mouths, rng), own),
        "covered": (cover_mouths(mouths, rng, moving=False), own),
        "mask": (cover_mouths(mouths, rng, moving=True), own),
    }
    if others:
        other = np.resize(others[int(rng.integers(len(others)))], len(wave))
        rows["swapped"] = mouths, [(0, other)]
    if music is not None:
        start = int(rng.integers(len(music) - len(wave)))
        rows["music"] = mouths, [(0, music[start : start + len(wave)])]
    return rows


def still_mouths(mouths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Repeat the first mouth, with the noise of a camera, u8 [t 40 56]."""
    still = mouths[:1] + rng.normal(0, 2, mouths.shape)
    return np.clip(still, 0, 255).astype(np.uint8)


def cover_mouths(
    mouths: np.ndarray, rng: np.random.Generator, moving: bool
) -> np.ndarray:
    """Cover mouths with a grey patch, or with cloth that moves at random.

    Args:
        mouths: u8 [t 40 56].
        rng: Random generator.
        moving: The cover is cloth, which moves.

    Returns:
        u8 [t 40 56].
    """
    covered = mouths.astype(np.float32)
    count, height, width = mouths.shape
    if not moving:
        covered[:, 6:36, 8:48] = 120 + rng.normal(0, 3, (count, 30, 40))
        return np.clip(covered, 0, 255).astype(np.uint8)
    cloth = cv2.GaussianBlur(
        rng.uniform(60, 200, (height + 20, width + 24)).astype(np.float32), (0, 0), 3
    )
    walk = np.cumsum(rng.normal(0, 0.5, (count, 2)), axis=0).clip(-8, 8)
    for image, (down, right) in zip(covered, np.rint(walk).astype(int), strict=True):
        top, left = 10 + down, 12 + right
        image[4:] = cloth[top + 4 : top + height, left : left + width]
    return covered.astype(np.uint8)
