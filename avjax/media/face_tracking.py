"""One face followed through a film: linked, its gaps filled, its jitter smoothed."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from avjax.media.face_detection import detect as detect_faces

MAX_GAP = 12  # frames without the face that are bridged: half a second
EVERY = 3  # frames of 25 a second from look to look, where networks are trained
NEAR = 0.5  # of a box's side: who has moved further between two looks is another
TRUSTED = 3  # looks at which a face must be found, if there are as many
SPAN = 3.0  # frames: how far smoothing reaches
TREMBLE = 0.06  # of a box's side: steps below it are jitter, steps above it motion

Detector = Callable[[np.ndarray], np.ndarray]


class Track(NamedTuple):
    """Where one face is in every frame of a film.

    boxes  f32 [t 4], NaN where there is no face
    seen   bool [t], whether the last look of the detector found it; a box that was not
           seen was drawn between two that were
    """

    boxes: np.ndarray
    seen: np.ndarray


class Looks(NamedTuple):
    """All that the detector found in a film.

    frame   int [n], the frame of each finding, ascending
    boxes   f32 [n 4]
    frames  how many frames the film has
    every   the detector looked at each frame whose number this divides
    """

    frame: np.ndarray
    boxes: np.ndarray
    frames: int
    every: int


def track(
    images: Iterable[np.ndarray],
    detect: Detector = detect_faces,
    index: int = 0,
    every: int = 1,
    max_gap: int = MAX_GAP,
) -> Track:
    """Follows one face through images u8 [h w 3], which are read once and not kept.

    index    which face, where several are there at once: 0 is the largest
    every    the detector looks at every so many frames; between, boxes are drawn out
    max_gap  the longest absence, in frames, that is bridged; longer ones stay NaN
    """
    return follow(look(images, detect, every), index, max_gap)


def look(images: Iterable[np.ndarray], detect: Detector, every: int = 1) -> Looks:
    """Runs the detector on every so many images."""
    frame, boxes, count = [], [], 0
    for number, image in enumerate(images):
        count = number + 1
        if number % every == 0:
            found = detect(image)
            frame += [number] * len(found)
            boxes += list(found)
    stacked = np.asarray(boxes, np.float32).reshape(-1, 4)
    return Looks(np.asarray(frame, np.int64), stacked, count, every)


def follow(looks: Looks, index: int = 0, max_gap: int = MAX_GAP) -> Track:
    """One face of those that were found, in every frame."""
    boxes = np.full((looks.frames, 4), np.nan, np.float32)
    seen = np.zeros(looks.frames, bool)
    for frame, found in _cast(list(_linked(looks, max_gap)), index):
        last = min(frame[-1] + looks.every, looks.frames)
        there = np.arange(frame[0], last)
        boxes[there] = np.stack([np.interp(there, frame, x) for x in found.T], axis=-1)
        at = frame[:, None] + np.arange(looks.every)
        seen[at[at < looks.frames]] = True
    return Track(smooth(boxes), seen)


def follow_all(looks: Looks) -> list[Track]:
    """Everybody who was found, in the order of `index`."""
    everybody = (follow(looks, index) for index in itertools.count())
    found = itertools.takewhile(lambda one: np.isfinite(one.boxes).any(), everybody)
    return list(found)


def _linked(looks: Looks, max_gap: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Findings of one face each, linked by nearness: (frame int [m], boxes [m 4])."""
    chains: list[list[int]] = []
    alive: list[list[int]] = []
    frames, starts = np.unique(looks.frame, return_index=True)
    stops = np.append(starts, len(looks.frame))[1:]
    for frame, start, stop in zip(frames, starts, stops, strict=True):
        new = set(range(start, stop))
        oldest = frame - max_gap - looks.every
        alive = [chain for chain in alive if looks.frame[chain[-1]] >= oldest]
        pairs = [
            (_distance(looks.boxes[chain[-1]], looks.boxes[i]), n, i)
            for n, chain in enumerate(alive)
            for i in new
        ]
        for far, n, i in sorted(pairs):
            if far < NEAR and i in new and looks.frame[alive[n][-1]] < frame:
                alive[n].append(i)
                new.remove(i)
        begun = [[i] for i in sorted(new)]
        chains += begun
        alive += begun
    enough = min(TRUSTED, -(-looks.frames // looks.every))
    for chain in chains:
        if len(chain) >= enough:
            yield looks.frame[chain], looks.boxes[chain]


def _cast(chains: list, index: int) -> list:
    """The chains in which the index-th person appears, one at a time.

    Who appears together with somebody more important is another person, also while that
    one is away.  Size makes important, and so does time, but less: a passer-by in front
    of the speaker does not.
    """
    chains = sorted(chains, key=_importance, reverse=True)
    for _ in range(index + 1):
        cast, others = [], []
        for chain in chains:
            free = all(_apart(chain[0], other[0]) for other in cast)
            (cast if free else others).append(chain)
        chains = others
    return cast


def smooth(boxes: np.ndarray) -> np.ndarray:
    """Steadies square boxes [t 4] over time, without lagging behind a fast head.

    Each is averaged with those neighbours in time that lie near it: a trembling box
    finds many, one that moves fast only itself.  NaN stays NaN, and stops the average.
    """
    steady = np.full_like(boxes, np.nan, dtype=np.float32)
    there = np.concatenate([[False], ~np.isnan(boxes).any(axis=-1), [False]])
    edges = np.flatnonzero(np.diff(there))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        steady[start:stop] = _steadied(boxes[start:stop])
    return steady


def _steadied(boxes: np.ndarray) -> np.ndarray:
    """The same for boxes [t 4] without a gap."""
    steps = np.arange(-int(3 * SPAN), int(3 * SPAN) + 1)
    when = np.arange(len(boxes))[:, None] + steps  # [t step]
    inside = (when >= 0) & (when < len(boxes))
    when = np.clip(when, 0, len(boxes) - 1)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    state = np.concatenate([centre, np.log(_side(boxes))[:, None]], axis=-1)  # [t 3]
    middle = len(steps) // 2
    usual = np.median(state[when[:, middle - 2 : middle + 3]], axis=1)  # no single slip
    apart = state[when] - usual[:, None]
    apart[..., :2] /= np.exp(usual[:, None, 2:])
    near = np.sum(apart**2, axis=-1) / TREMBLE**2
    weight = np.exp(-0.5 * (steps / SPAN) ** 2 - 0.5 * near) * inside + 1e-30 * inside
    weight = weight / weight.sum(axis=1, keepdims=True)
    x, y, size = np.sum(state[when] * weight[..., None], axis=1).T
    half = np.exp(size) / 2
    return np.stack([x - half, y - half, x + half, y + half], axis=-1)


def _importance(chain: tuple[np.ndarray, np.ndarray]) -> float:
    return float(np.mean(_side(chain[1])) ** 2 * np.sqrt(len(chain[0])))


def _side(boxes: np.ndarray) -> np.ndarray:
    return boxes[..., 2] - boxes[..., 0]


def _distance(box: np.ndarray, other: np.ndarray) -> float:
    """How far two squares lie apart, in units of their side; size counts too."""
    sides = _side(box), _side(other)
    shift = (box + np.roll(box, 2) - other - np.roll(other, 2))[:2] / 2
    return float(np.hypot(*shift) / max(sides) + abs(np.log(sides[0] / sides[1])) / 2)


def _apart(frames: np.ndarray, others: np.ndarray) -> bool:
    """Whether one ends before the other begins."""
    return frames[-1] < others[0] or others[-1] < frames[0]
