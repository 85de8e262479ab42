"""Track one face through a video: link detections, fill gaps, smooth jitter."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from avjax.media.face_detection import detect_faces

MAX_GAP_FRAMES = 12  # frames without a detection that are interpolated: half a second
DETECT_EVERY = 3  # frames from one detection to the next, where networks are trained
MAX_MOVE = 0.5  # largest move between two detections, in sides of the box
MIN_DETECTIONS = 3  # detections that a track needs, if the video has that many
SMOOTHING_FRAMES = 3.0  # standard deviation of the smoothing window
JITTER = 0.06  # in sides of the box: smaller steps are jitter, larger ones motion

Detector = Callable[[np.ndarray], np.ndarray]


class FaceTrack(NamedTuple):
    """Position of one face in every frame of a video.

    Attributes:
        boxes: f32 [t 4], x0, y0, x1, y1 in pixels; NaN where the face is absent.
        detected: bool [t], True where the latest run of the detector found the face;
            other boxes are interpolated.
    """

    boxes: np.ndarray
    detected: np.ndarray


class Detections(NamedTuple):
    """All faces that the detector found in a video.

    Attributes:
        frame: Frame number of each detection, i64 [n], ascending.
        boxes: f32 [n 4].
        num_frames: Number of frames of the video.
        detect_every: The detector ran on every frame that this number divides.
    """

    frame: np.ndarray
    boxes: np.ndarray
    num_frames: int
    detect_every: int


def track_face(
    images: Iterable[np.ndarray],
    detect: Detector = detect_faces,
    index: int = 0,
    detect_every: int = 1,
    max_gap: int = MAX_GAP_FRAMES,
) -> FaceTrack:
    """Track one face through a sequence of images.

    Args:
        images: Frames u8 [h w c=3]. They are read once and not kept in memory.
        detect: Function from an image to boxes f32 [n 4], largest first.
        index: Which face, if several are visible at once; 0 is the largest.
        detect_every: Run the detector on every n-th frame; boxes between are
            interpolated.
        max_gap: The longest gap, in frames, to interpolate over; boxes of longer gaps
            are NaN.

    Returns:
        The track, one box for each frame.
    """
    return link_track(detect_in_frames(images, detect, detect_every), index, max_gap)


def track_all_faces(
    images: Iterable[np.ndarray],
    detect: Detector = detect_faces,
    detect_every: int = 1,
) -> list[FaceTrack]:
    """Track every face in a sequence of images.

    Args:
        images: Frames u8 [h w c=3]. They are read once and not kept in memory.
        detect: Function from an image to boxes f32 [n 4], largest first.
        detect_every: Run the detector on every n-th frame.

    Returns:
        One track for each face, the most important face first.
    """
    return link_all_tracks(detect_in_frames(images, detect, detect_every))


def detect_in_frames(
    images: Iterable[np.ndarray], detect: Detector, detect_every: int = 1
) -> Detections:
    """Run a face detector on every n-th image.

    Args:
        images: Frames u8 [h w c=3].
        detect: Function from an image to boxes f32 [n 4], largest first.
        detect_every: Run the detector on every n-th frame.

    Returns:
        All detections.
    """
    frames: list[int] = []
    boxes: list[np.ndarray] = []
    count = 0
    for number, image in enumerate(images):
        count = number + 1
        if number % detect_every == 0:
            faces = detect(image)
            frames += [number] * len(faces)
            boxes += list(faces)
    stacked = np.asarray(boxes, np.float32).reshape(-1, 4)
    return Detections(np.asarray(frames, np.int64), stacked, count, detect_every)


def link_track(
    detections: Detections, index: int = 0, max_gap: int = MAX_GAP_FRAMES
) -> FaceTrack:
    """Link the detections of one face to a smooth track.

    Args:
        detections: All detections of the video.
        index: Which face; 0 is the most important.
        max_gap: The longest gap, in frames, to interpolate over.

    Returns:
        The track; all boxes are NaN if there is no such face.
    """
    num_frames, interval = detections.num_frames, detections.detect_every
    boxes = np.full((num_frames, 4), np.nan, np.float32)
    detected = np.zeros(num_frames, bool)
    for frames, chain in _select_chains(list(_link(detections, max_gap)), index):
        span = np.arange(frames[0], min(frames[-1] + interval, num_frames))
        boxes[span] = np.stack([np.interp(span, frames, x) for x in chain.T], axis=-1)
        covered = frames[:, None] + np.arange(interval)
        detected[covered[covered < num_frames]] = True
    return FaceTrack(smooth_boxes(boxes), detected)


def link_all_tracks(detections: Detections) -> list[FaceTrack]:
    """Return the tracks of all detected faces, the most important face first."""
    tracks = (link_track(detections, index) for index in itertools.count())
    return list(
        itertools.takewhile(lambda track: np.isfinite(track.boxes).any(), tracks)
    )


Chain = tuple[np.ndarray, np.ndarray]  # linked detections: frames i64 [m], boxes [m 4]


def _link(detections: Detections, max_gap: int) -> Iterator[Chain]:
    """Link detections that are close in time and place to chains of one face each."""
    chains: list[list[int]] = []
    active: list[list[int]] = []
    frames, starts = np.unique(detections.frame, return_index=True)
    stops = np.append(starts, len(detections.frame))[1:]
    for frame, start, stop in zip(frames, starts, stops, strict=True):
        new = set(range(start, stop))
        oldest = frame - max_gap - detections.detect_every
        active = [chain for chain in active if detections.frame[chain[-1]] >= oldest]
        pairs = [
            (_distance(detections.boxes[chain[-1]], detections.boxes[i]), n, i)
            for n, chain in enumerate(active)
            for i in new
        ]
        for distance, n, i in sorted(pairs):
            is_free = i in new and detections.frame[active[n][-1]] < frame
            if distance < MAX_MOVE and is_free:
                active[n].append(i)
                new.remove(i)
        started = [[i] for i in sorted(new)]
        chains += started
        active += started
    num_runs = -(-detections.num_frames // detections.detect_every)
    for chain in chains:
        if len(chain) >= min(MIN_DETECTIONS, num_runs):
            yield detections.frame[chain], detections.boxes[chain]


def _select_chains(chains: list[Chain], index: int) -> list[Chain]:
    """Select the chains of the index-th person; they do not overlap in time.

    A face that is visible together with a more important one belongs to another person,
    also while the more important one is absent. Importance grows with size and, more
    slowly, with duration: a passer-by in front of the speaker is less important.
    """
    chains = sorted(chains, key=_importance, reverse=True)
    person: list[Chain] = []
    for _ in range(index + 1):
        person, others = [], []
        for chain in chains:
            free = all(_are_disjoint(chain[0], other[0]) for other in person)
            (person if free else others).append(chain)
        chains = others
    return person


def smooth_boxes(boxes: np.ndarray) -> np.ndarray:
    """Smooth square boxes over time without lagging behind fast motion.

    Each box is averaged with those of its neighbours in time that are close to it
    (a bilateral filter): a jittering box has many of them, a fast one only itself.

    Args:
        boxes: f32 [t 4]; NaN where there is no box.

    Returns:
        Smoothed boxes, f32 [t 4]. NaN stays NaN, and no average crosses it.
    """
    smoothed = np.full_like(boxes, np.nan, dtype=np.float32)
    valid = np.concatenate([[False], ~np.isnan(boxes).any(axis=-1), [False]])
    edges = np.flatnonzero(np.diff(valid))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        smoothed[start:stop] = _smooth_segment(boxes[start:stop])
    return smoothed


def _smooth_segment(boxes: np.ndarray) -> np.ndarray:
    """Smooth boxes [t 4] that have no gap."""
    radius = int(3 * SMOOTHING_FRAMES)
    offsets = np.arange(-radius, radius + 1)
    neighbours = np.arange(len(boxes))[:, None] + offsets  # [t offset]
    inside = (neighbours >= 0) & (neighbours < len(boxes))
    neighbours = np.clip(neighbours, 0, len(boxes) - 1)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    state = np.concatenate([centre, np.log(_side(boxes))[:, None]], axis=-1)  # [t 3]
    middle = neighbours[:, radius - 2 : radius + 3]
    reference = np.median(state[middle], axis=1)  # robust against a single outlier
    difference = state[neighbours] - reference[:, None]
    difference[..., :2] /= np.exp(reference[:, None, 2:])
    distance = np.sum(difference**2, axis=-1) / JITTER**2
    log_weight = -0.5 * (offsets / SMOOTHING_FRAMES) ** 2 - 0.5 * distance
    weight = np.exp(log_weight) * inside + 1e-30 * inside
    weight = weight / weight.sum(axis=1, keepdims=True)
    x, y, log_side = np.sum(state[neighbours] * weight[..., None], axis=1).T
    half = np.exp(log_side) / 2
    return np.stack([x - half, y - half, x + half, y + half], axis=-1)


def _importance(chain: Chain) -> float:
    return float(np.mean(_side(chain[1])) ** 2 * np.sqrt(len(chain[0])))


def _side(boxes: np.ndarray) -> np.ndarray:
    return boxes[..., 2] - boxes[..., 0]


def _distance(box: np.ndarray, other: np.ndarray) -> float:
    """Distance of two squares in units of their side; a change of size adds to it."""
    sides = _side(box), _side(other)
    shift = (box + np.roll(box, 2) - other - np.roll(other, 2))[:2] / 2
    return float(np.hypot(*shift) / max(sides) + abs(np.log(sides[0] / sides[1])) / 2)


def _are_disjoint(frames: np.ndarray, others: np.ndarray) -> bool:
    """Check that one chain ends before the other begins."""
    return bool(frames[-1] < others[0] or others[-1] < frames[0])
