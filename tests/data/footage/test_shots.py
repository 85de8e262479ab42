"""Hard cuts are found; motion and flashes are none."""

import numpy as np

from avjax.data.footage.shots import number_shots

RNG = np.random.default_rng(0)
SCENES = RNG.integers(0, 255, (3, 48, 64, 3), np.uint8)


def shots(frames):
    return [shot for shot, _ in number_shots(frames)]


def test_shots_are_numbered_and_frames_are_unchanged():
    frames = [SCENES[n] for n in (0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2)]
    pairs = list(number_shots(frames))
    assert [shot for shot, _ in pairs] == [0] * 5 + [1] * 4 + [2] * 5
    assert all(a is b for (_, a), b in zip(pairs, frames, strict=True))


def test_moving_camera_and_flash_are_no_cuts():
    wide = np.kron(RNG.integers(0, 255, (6, 60, 3)), np.ones((8, 8, 1))).astype(
        np.uint8
    )
    assert shots([wide[:, 9 * n : 9 * n + 64] for n in range(20)]) == [0] * 20
    dark = SCENES[0] // 2
    assert shots([dark] * 6 + [dark + 120] + [dark] * 6) == [0] * 13


def test_cut_between_doubled_frames_is_found():
    """A video of 12.5 frames per second at 25."""
    moving = [np.roll(SCENES[0], n, axis=0) // 8 for n in range(5) for _ in range(2)]
    other = [SCENES[1]] * 6
    assert shots(moving + other) == [0] * 10 + [1] * 6


def test_short_videos():
    for count in range(6):
        assert shots([SCENES[0]] * count) == [0] * count
