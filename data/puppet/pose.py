"""What moves besides the mouth: the head, the lids, the brows and the light."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Pose:
    """Per frame; lengths in head units, angles in radians.

    shift [t 2] right and down      turn [t] to the right    lids   [t] 1 is shut
    scale [t] 1 is as drawn         roll [t] clockwise       brows  [t] 1 is raised
    light [t 3] gain, then how much brighter at the right and at the bottom
    """

    shift: np.ndarray
    scale: np.ndarray
    roll: np.ndarray
    turn: np.ndarray
    lids: np.ndarray
    brows: np.ndarray
    light: np.ndarray


def pose(frames: int, fps: float, seed) -> Pose:
    """A random calm motion; seed is an int or a sequence of ints."""
    draw = np.random.default_rng(seed).random
    times = np.arange(frames) / fps
    gain = 0.80 + 0.24 * draw() + _wander(times, draw, 0.012)
    right = 0.36 * (draw() - 0.5) + _wander(times, draw, 0.03)
    down = -0.10 * draw() + _wander(times, draw, 0.02)
    rest = 0.012 * (draw(2) - 0.5)
    return Pose(
        shift=rest + np.stack([_wander(times, draw, 0.010) for _ in "xy"], axis=1),
        scale=1.0 + 0.03 * (draw() - 0.5) + _wander(times, draw, 0.008),
        roll=0.05 * (draw() - 0.5) + _wander(times, draw, 0.030),
        turn=0.5 * (draw() - 0.5) + _wander(times, draw, 0.28),
        lids=_blinks(times, draw),
        brows=np.clip(0.15 + _wander(times, draw, 0.35), 0.0, 1.0),
        light=np.stack([gain, right, down], axis=1),
    )


def still(frames: int) -> Pose:
    """No motion, plain light, eyes open."""
    return Pose(
        shift=np.zeros((frames, 2)),
        scale=np.ones(frames),
        roll=np.zeros(frames),
        turn=np.zeros(frames),
        lids=np.zeros(frames),
        brows=np.zeros(frames),
        light=np.array([[1.0, 0.0, 0.0]] * frames).reshape(frames, 3),
    )


def _wander(times: np.ndarray, draw, size: float) -> np.ndarray:
    """times [t] -> a smooth random walk around 0 that stays within ±size."""
    hertz = np.array([0.13, 0.31, 0.62]) * (0.8 + 0.4 * draw(3))
    phase = 2 * np.pi * draw(3)
    waves = np.sin(2 * np.pi * hertz * times[:, None] + phase)
    return np.round(size * waves @ np.array([0.5, 0.32, 0.18]), 6)


def _blinks(times: np.ndarray, draw) -> np.ndarray:
    """times [t] -> how shut the lids are: 0.2 s shut and open, every few seconds."""
    lids, clock = np.zeros(len(times)), 3.0 * draw() - 0.3
    while len(times) and clock < times[-1] + 0.2:
        lids = np.maximum(lids, np.clip(1.6 - np.abs(times - clock) / 0.075, 0.0, 1.0))
        clock += 1.6 + 3.0 * draw()
    return lids
