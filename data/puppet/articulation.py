"""From phones to the motion of the mouth, by dominance functions.

Source      M. Cohen and D. Massaro, "Modeling coarticulation in synthetic visual
            speech", Models and Techniques in Computer Animation, 1993.

            F(t) = sum_s D_s(t) T_s / sum_s D_s(t),   D_s(t) = a_s exp(-theta |tau|)

            T_s and a_s are the target and the strength of segment s on a track (see
            visemes.py), tau is the distance in time.

Departures  tau is 0 over the inner part of a segment, which is at least one frame long,
            so that no video at 25 fps misses a bilabial. The exponential is lowered to
            reach zero at a distance of REACH_SECONDS: anything further away has no
            influence at all, so that the context a model can use is known.
"""

from typing import NamedTuple

import numpy as np

from avjax.constants import FPS
from avjax.data.puppet.visemes import (
    CLOSURE_FRACTION,
    DEFAULT_STRENGTH,
    DOMINANCE_DECAY,
    REST_TARGETS,
    TARGETS,
    TRACKS,
    Targets,
    split_phone,
)
from avjax.text.intervals import Intervals

REACH_SECONDS = 0.32
REACH_FRAMES = 8  # REACH_SECONDS at 25 fps

_INNER_FRACTION = 0.35  # of a segment's length, to each side of its centre
_MIN_INNER_SECONDS = 0.021  # slightly more than half a frame at 25 fps
_PAUSE_SECONDS = 0.08  # a pause of this length moves the mouth to its rest position
_FLOOR = 1e-3  # dominance of the rest position; it matters where no phone is near


class _Segment(NamedTuple):
    """Targets of the mouth during a time span in seconds."""

    targets: Targets
    start: float
    end: float


def articulate(phones: Intervals, frames: int, fps: float = FPS) -> np.ndarray:
    """Compute the motion of the mouth from timed phones.

    Args:
        phones: Phones in IPA with their times.
        frames: Number of video frames.
        fps: Video frames per second.

    Returns:
        Values of TRACKS at the centre of each frame, f32 [t a].
    """
    times = (np.arange(frames) + 0.5) / fps
    segments = _segments(phones, frames / fps)
    centre = np.array([(start + end) / 2 for _, start, end in segments])
    inner = np.array([_INNER_FRACTION * (end - start) for _, start, end in segments])
    distance = np.abs(times[:, None] - centre) - np.maximum(inner, _MIN_INNER_SECONDS)
    distance = np.clip(distance, 0.0, REACH_SECONDS)
    tracks = [_blend(track, segments, distance) for track in TRACKS]
    return np.round(np.stack(tracks, axis=1), 4).astype(np.float32)


def _blend(track: str, segments: list[_Segment], distance: np.ndarray) -> np.ndarray:
    """Average the targets of a track by their dominance: distance [t s] -> [t]."""
    rest_value = REST_TARGETS[track][0]
    default = rest_value, DEFAULT_STRENGTH
    pairs = [segment.targets.get(track, default) for segment in segments]
    target, strength = np.array(pairs).T
    last = np.exp(-DOMINANCE_DECAY[track] * REACH_SECONDS)
    decay = (np.exp(-DOMINANCE_DECAY[track] * distance) - last) / (1 - last)
    dominance = strength * decay
    total = dominance.sum(axis=1) + _FLOOR
    return ((dominance * target).sum(axis=1) + _FLOOR * rest_value) / total


def _segments(phones: Intervals, seconds: float) -> list[_Segment]:
    """Split phones into elementary ones, with the pauses between them."""
    segments, clock = [], 0.0
    for symbol, start, end in phones:
        segments += _pause(clock, start)
        parts = split_phone(symbol)
        edges = np.linspace(start, end, len(parts) + 1)
        for part, first, last in zip(parts, edges[:-1], edges[1:], strict=True):
            stop = first + CLOSURE_FRACTION.get(part, 1.0) * (last - first)
            segments.append(_Segment(TARGETS[part], float(first), float(stop)))
        clock = end
    return segments + _pause(clock, max(seconds, clock + 2 * _PAUSE_SECONDS))


def _pause(start: float, end: float) -> list[_Segment]:
    """Make a segment at rest, a third of _PAUSE_SECONDS away from its limits."""
    if end - start < _PAUSE_SECONDS:
        return []
    margin = _PAUSE_SECONDS / 3
    return [_Segment(REST_TARGETS, start + margin, end - margin)]
