"""The offset of the sound from mouths that open with the loudness."""

import numpy as np
import pytest

from avjax.data.footage.sync_check import SyncEvidence

RNG = np.random.default_rng(0)


def speak(frames, offset=0, other=False):
    """Mouths u8 [t 96 96 1] whose opening follows the loudness, and the wave."""
    syllables = np.repeat(RNG.uniform(0, 1, frames), RNG.integers(2, 6, frames))
    syllables = syllables[: frames + 60]
    shown = RNG.permutation(syllables) if other else syllables
    half = 2 + (20 * shown[30 : 30 + frames]).astype(int)
    mouths = RNG.integers(110, 140, (frames, 96, 96, 1)).astype(np.uint8)
    for mouth, size in zip(mouths, half, strict=True):
        mouth[52 - size : 52 + size, 30:66] = 20
    loud = syllables[30 - offset : 30 - offset + frames]
    noise = RNG.normal(0, 0.1, (frames, 640))
    return mouths, (noise * 10 ** (loud[:, None] - 1)).astype(np.float32).ravel()


def gather(total, **options):
    evidence = SyncEvidence()
    for _ in range(total // 200):
        evidence.add(*speak(200, **options))
    return evidence


@pytest.mark.parametrize("offset", [0, 3, 12, -12])
def test_offset_is_found(offset):
    assert gather(600, offset=offset).find_offset() == offset


def test_nothing_is_said_of_short_or_unrelated_sound():
    assert gather(400).find_offset() is None
    assert gather(1000, other=True).find_offset() is None


def test_nothing_is_said_beyond_the_range():
    assert gather(600, offset=24).find_offset() is None


def test_still_mouth_and_steady_sound_tell_nothing():
    evidence = SyncEvidence()
    evidence.add(np.full((600, 96, 96, 1), 99, np.uint8), np.ones(600 * 640, "f4"))
    assert evidence.find_offset() is None


def test_only_the_first_minutes_are_kept():
    evidence, (mouths, wave) = SyncEvidence(), speak(200)
    for _ in range(40):
        evidence.add(mouths, wave)
    assert evidence.num_frames == 6000


def test_sound_may_be_shorter_than_the_picture():
    evidence = SyncEvidence()
    mouths, wave = speak(200)
    evidence.add(mouths, wave[:100])
    assert evidence.num_frames == 200
