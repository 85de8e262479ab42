"""Motion of head, eyelids, brows and light; the mouth is in `articulation`."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from avjax.data.puppet.identity import Uniform


@dataclasses.dataclass(frozen=True)
class Pose:
    """Pose and light of each frame; lengths in head units, angles in radians.

    Attributes:
        shift: Shift to the right and down, [t 2].
        scale: Scale, [t]; 1 is unscaled.
        roll: Roll, clockwise, [t].
        turn: Turn to the right, [t].
        lids: State of the eyelids, [t]; 0 is open, 1 is closed.
        brows: State of the brows, [t]; 1 is raised.
        light: Gain, and increase of brightness to the right and to the bottom, [t 3].
    """

    shift: np.ndarray
    scale: np.ndarray
    roll: np.ndarray
    turn: np.ndarray
    lids: np.ndarray
    brows: np.ndarray
    light: np.ndarray


def sample_pose(frames: int, fps: float, seed: int | Sequence[int]) -> Pose:
    """Sample a calm random motion.

    Args:
        frames: Number of frames.
        fps: Frames per second.
        seed: Seed of the motion.

    Returns:
        The pose of each frame.
    """
    uniform = np.random.default_rng(seed).random
    times = np.arange(frames) / fps
    gain = 0.80 + 0.24 * uniform() + _wander(times, uniform, 0.012)
    right = 0.36 * (uniform() - 0.5) + _wander(times, uniform, 0.03)
    down = -0.10 * uniform() + _wander(times, uniform, 0.02)
    rest_shift = 0.012 * (uniform(2) - 0.5)
    return Pose(
        shift=rest_shift
        + np.stack([_wander(times, uniform, 0.010) for _ in "xy"], axis=1),
        scale=1.0 + 0.03 * (uniform() - 0.5) + _wander(times, uniform, 0.008),
        roll=0.05 * (uniform() - 0.5) + _wander(times, uniform, 0.030),
        turn=0.5 * (uniform() - 0.5) + _wander(times, uniform, 0.28),
        lids=_blinks(times, uniform),
        brows=np.clip(0.15 + _wander(times, uniform, 0.35), 0.0, 1.0),
        light=np.stack([gain, right, down], axis=1),
    )


def still_pose(frames: int) -> Pose:
    """Make a pose without motion, with plain light and open eyes.

    Args:
        frames: Number of frames.

    Returns:
        The pose of each frame.
    """
    return Pose(
        shift=np.zeros((frames, 2)),
        scale=np.ones(frames),
        roll=np.zeros(frames),
        turn=np.zeros(frames),
        lids=np.zeros(frames),
        brows=np.zeros(frames),
        light=np.array([[1.0, 0.0, 0.0]] * frames).reshape(frames, 3),
    )


def _wander(times: np.ndarray, uniform: Uniform, size: float) -> np.ndarray:
    """Sample a smooth random curve around 0, within ±size: times [t] -> [t]."""
    hertz = np.array([0.13, 0.31, 0.62]) * (0.8 + 0.4 * uniform(3))
    phase = 2 * np.pi * uniform(3)
    waves = np.sin(2 * np.pi * hertz * times[:, None] + phase)
    return np.round(size * waves @ np.array([0.5, 0.32, 0.18]), 6)


def _blinks(times: np.ndarray, uniform: Uniform) -> np.ndarray:
    """Sample blinks of 0.2 s, every few seconds: times [t] -> state of the lids [t]."""
    lids, clock = np.zeros(len(times)), 3.0 * uniform() - 0.3
    while len(times) and clock < times[-1] + 0.2:
        blink = np.clip(1.6 - np.abs(times - clock) / 0.075, 0.0, 1.0)
        lids = np.maximum(lids, blink)
        clock += 1.6 + 3.0 * uniform()
    return lids
