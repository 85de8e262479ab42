"""From phones to the motion of the mouth, by dominance functions.

Source      M. Cohen and D. Massaro, "Modeling coarticulation in synthetic visual
            speech", Models and Techniques in Computer Animation, 1993.

            F(t) = sum_s D_s(t) T_s / sum_s D_s(t),   D_s(t) = a_s exp(-theta |tau|)

            T_s and a_s are the target and the strength of segment s on a track (see
            phones.py), tau the distance in time.

Departures  tau is 0 over the inner part of a segment, at least one frame long, so that
            no camera at 25 pictures a second misses a bilabial.  The exponential is
            lowered to end at zero at a distance of REACH_SECONDS: what is further
            away has no influence at all, so that the context a model can use is known.
"""

import numpy as np

from avjax.data.puppet.visemes import (
    FALL,
    HELD,
    REST,
    TARGETS,
    TRACKS,
    WEAK,
    split_phone,
)
from avjax.text.espeak_events import Spans

REACH_SECONDS = 0.32
REACH_FRAMES = 8  # the same at 25 frames a second

_INNER = 0.35  # of a segment's length, to each side of its middle
_SHORTEST = 0.021  # half of a frame at 25 a second, and a little
_PAUSE = 0.08  # seconds without a phone that let the mouth go to rest


def articulate(phones: Spans, frames: int, fps: float = 25.0) -> np.ndarray:
    """phones -> f32 [t a]: the TRACKS at the middle of each frame."""
    times = (np.arange(frames) + 0.5) / fps
    segments = _segments(phones, frames / fps)
    middle = np.array([(start + end) / 2 for _, start, end in segments])
    inner = np.array([_INNER * (end - start) for _, start, end in segments])
    distance = np.abs(times[:, None] - middle) - np.maximum(inner, _SHORTEST)
    distance = np.clip(distance, 0.0, REACH_SECONDS)
    tracks = [_blend(track, segments, distance) for track in TRACKS]
    return np.round(np.stack(tracks, axis=1), 4).astype(np.float32)


def _blend(track: str, segments, distance: np.ndarray) -> np.ndarray:
    """distance [t s] -> the track [t]: targets averaged by their dominance."""
    rest = REST[track][0]
    demands = [demand.get(track, (rest, WEAK)) for demand, *_ in segments]
    target, strength = np.array(demands).T
    last = np.exp(-FALL[track] * REACH_SECONDS)
    decay = (np.exp(-FALL[track] * distance) - last) / (1 - last)
    dominance = strength * decay
    floor = 1e-3  # where nothing reaches, the mouth rests
    total = dominance.sum(axis=1) + floor
    return ((dominance * target).sum(axis=1) + floor * rest) / total


def _segments(phones: Spans, seconds: float) -> list:
    """Elementary phones and the pauses between -> (demands, start, end)."""
    segments, clock = [], 0.0
    for symbol, start, end in phones:
        segments += _pause(clock, start)
        parts = split_phone(symbol)
        edges = np.linspace(start, end, len(parts) + 1)
        for part, first, last in zip(parts, edges[:-1], edges[1:], strict=True):
            held = first + HELD.get(part, 1.0) * (last - first)
            segments.append((TARGETS[part], float(first), float(held)))
        clock = end
    return segments + _pause(clock, max(seconds, clock + 2 * _PAUSE))


def _pause(start: float, end: float) -> list:
    """Rest between two times, away from its edges by a third of _PAUSE."""
    if end - start < _PAUSE:
        return []
    return [(REST, start + _PAUSE / 3, end - _PAUSE / 3)]
