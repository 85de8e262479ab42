"""Track people through a video: join what was seen of each, fill gaps, smooth jitter.

People are distinguished by appearance, so two who cross keep their tracks.
"""

import bisect
import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from avjax.constants import FPS
from avjax.faces.alignment import (
    face_boxes,
    fit_similarity,
    is_profile,
    smooth_similarities,
)
from avjax.faces.appearance import appearance_distances, normalize
from avjax.faces.observation import Observations, face_distance, observe_faces

MAX_GAP_SECONDS = 0.5  # without an observation, over which landmarks are interpolated
MAX_JUMP = 1.5  # largest move in a gap, in eye distances
MIN_SECONDS = 0.2  # in which a person must be seen, if the video is that long
# Largest distance in appearance of one person. Of 46 pairs of clips of one person 96 %
# are closer together, of pairs of two people 16 % (40 people of four corpora): to join
# two who are never seen together harms less than to lose a person after a cut.
SAME_PERSON = 0.17
# The same for a face that begins where another one has just ended, of whose halves the
# one that differs less counts: a hand may cover the other one.
SAME_PERSON_IN_PLACE = 0.25


class FaceTrack(NamedTuple):
    """One face in every frame of a video.

    Attributes:
        landmarks: Eyes, tip of the nose, corners of the mouth; each pair from left to
            right as seen in an upright face. x, y in pixels, f32 [t 5 2]; NaN where the
            face is absent.
        detected: bool [t], True where the face was seen; other landmarks are
            interpolated.
    """

    landmarks: np.ndarray
    detected: np.ndarray

    @property
    def present(self) -> np.ndarray:
        """Mask of the frames in which the face has landmarks, bool [t]."""
        return np.isfinite(self.landmarks[:, 0, 0])

    @property
    def profile(self) -> np.ndarray:
        """Mask of the frames in which the face is seen from the side, bool [t]."""
        return is_profile(self.landmarks)

    @property
    def similarities(self) -> np.ndarray:
        """Smoothed similarities, see `avjax.faces.alignment`, f64 [t 4]."""
        return smooth_similarities(fit_similarity(self.landmarks))

    @property
    def boxes(self) -> np.ndarray:
        """Smoothed upright face boxes, f32 [t 4], see `alignment.face_boxes`."""
        return face_boxes(self.similarities)


def track_face(
    images: Iterable[np.ndarray], index: int = 0, fps: float = FPS
) -> FaceTrack:
    """Track one face through a sequence of images.

    Args:
        images: Frames u8 [h w c=3]. They are read once and not kept in memory.
        index: Which face; 0 is the most important.
        fps: Frames per second.

    Returns:
        The track; all landmarks are NaN if there is no such face.
    """
    return select_track(observe_faces(images, fps), index)


def track_all_faces(images: Iterable[np.ndarray], fps: float = FPS) -> list[FaceTrack]:
    """Track every face in a sequence of images.

    Args:
        images: Frames u8 [h w c=3]. They are read once and not kept in memory.
        fps: Frames per second.

    Returns:
        One track for each person, the most important one first. Importance grows with
        size and, more slowly, with duration: a passer-by in front of the speaker is
        less important.
    """
    return link_tracks(observe_faces(images, fps))


def select_track(observations: Observations, index: int) -> FaceTrack:
    """Return the track of one person.

    Args:
        observations: All observations of the video.
        index: Which person; 0 is the most important.

    Returns:
        The track; all landmarks are NaN if there is no such person.
    """
    people = _find_people(observations)
    traces = people[index].traces if index < len(people) else []
    return _make_track(observations, traces)


def link_tracks(observations: Observations) -> list[FaceTrack]:
    """Return the tracks of all people, the most important one first."""
    people = _find_people(observations)
    return [_make_track(observations, person.traces) for person in people]


class _Trace(NamedTuple):
    """One face, followed without a gap: see `Observations`."""

    first: int
    last: int
    landmarks: np.ndarray
    descriptor: np.ndarray


@dataclasses.dataclass
class _Person:
    """Traces that do not overlap in time, in order, and their mean appearance."""

    traces: list[_Trace]
    descriptor: np.ndarray

    def is_free(self, trace: _Trace) -> bool:
        """Check that no trace of this person overlaps another one in time."""
        i = bisect.bisect(self.traces, trace.first, key=_first)
        before, after = self.traces[:i][-1:], self.traces[i : i + 1]
        return all(one.last < trace.first for one in before) and all(
            one.first > trace.last for one in after
        )

    def add(self, traces: list[_Trace]) -> None:
        """Take traces in; the longer one is, the more it counts for the appearance."""
        self.traces = sorted([*self.traces, *traces], key=_first)
        weighted = [len(one.landmarks) * one.descriptor for one in self.traces]
        self.descriptor = normalize(np.sum(weighted, axis=0))

    @property
    def importance(self) -> float:
        """Grows with size and, more slowly, with duration."""
        landmarks = np.concatenate([trace.landmarks for trace in self.traces])
        scale = np.hypot(*fit_similarity(landmarks).T[:2])
        return float(np.mean(scale) ** 2 * np.sqrt(len(landmarks)))


def _find_people(observations: Observations) -> list[_Person]:
    """Join traces to people, the most important one first."""
    people: list[_Person] = []
    for trace in sorted(_traces(observations), key=lambda one: -len(one.landmarks)):
        person = _find_person(people, trace)
        if person is None:
            people.append(_Person([trace], trace.descriptor))
        else:
            person.add([trace])
    people = _join_in_place(people, observations)
    needed = min(MIN_SECONDS * observations.fps, observations.num_frames)
    people = [
        person
        for person in people
        if sum(len(trace.landmarks) for trace in person.traces) >= needed
    ]
    return sorted(people, key=lambda person: -person.importance)


def _find_person(people: list[_Person], trace: _Trace) -> _Person | None:
    """Find whom a trace shows: who looks most like it and is not seen meanwhile."""
    if not people:
        return None
    descriptors = np.stack([person.descriptor for person in people])
    distances = appearance_distances(descriptors, trace.descriptor).mean(-1)
    for number in np.argsort(distances):
        if distances[number] >= SAME_PERSON:
            break
        if people[number].is_free(trace):
            return people[number]
    return None


def _traces(observations: Observations) -> list[_Trace]:
    order = np.argsort(observations.trace, kind="stable")  # frames stay in order
    frames, landmarks = observations.frame[order], observations.landmarks[order]
    numbers = np.arange(len(observations.descriptors) + 1)
    edges = np.searchsorted(observations.trace[order], numbers)
    return [
        _Trace(int(frames[start]), int(frames[stop - 1]), landmarks[start:stop], looks)
        for start, stop, looks in zip(
            edges, edges[1:], observations.descriptors, strict=False
        )
    ]


def _join_in_place(people: list[_Person], observations: Observations) -> list[_Person]:
    """Join people where one ends and the other begins soon after at the same place."""
    owner = {id(trace): person for person in people for trace in person.traces}
    traces = sorted((one for person in people for one in person.traces), key=_first)
    pairs = []
    for trace in traces:
        i = bisect.bisect(traces, trace.last, key=_first)
        for other in traces[i:]:
            if other.first - trace.last > MAX_GAP_SECONDS * observations.fps:
                break
            distance = min(appearance_distances(trace.descriptor, other.descriptor))
            if distance < SAME_PERSON_IN_PLACE and _continues(
                trace, other, observations
            ):
                pairs.append((distance, trace.first, other.first, trace, other))
    for *_, trace, other in sorted(pairs, key=lambda pair: pair[:3]):
        one, two = owner[id(trace)], owner[id(other)]
        if one is not two and all(one.is_free(trace) for trace in two.traces):
            one.add(two.traces)
            owner |= {id(trace): one for trace in two.traces}
            people = [person for person in people if person is not two]
    return people


def _continues(trace: _Trace, other: _Trace, observations: Observations) -> bool:
    """Check that one trace may go on in another: after a short gap, nearby, uncut."""
    gap = other.first - trace.last
    if not 0 < gap <= max(1.0, MAX_GAP_SECONDS * observations.fps):
        return False
    cuts = np.searchsorted(observations.cuts, [trace.last, other.first], side="right")
    if cuts[0] != cuts[1]:
        return False
    return face_distance(trace.landmarks[-1], other.landmarks[0])[0] < MAX_JUMP


def _first(trace: _Trace) -> int:
    return trace.first


def _make_track(observations: Observations, traces: list[_Trace]) -> FaceTrack:
    """Lay out the traces of one person over time; interpolate short gaps."""
    landmarks = np.full((observations.num_frames, 5, 2), np.nan, np.float32)
    for trace in traces:
        landmarks[trace.first : trace.last + 1] = trace.landmarks
    detected = np.isfinite(landmarks[:, 0, 0])
    for trace, other in zip(traces, traces[1:], strict=False):
        if _continues(trace, other, observations):
            share = np.linspace(0, 1, other.first - trace.last + 1)[1:-1, None, None]
            ends = trace.landmarks[-1], other.landmarks[0]
            filled = (1 - share) * ends[0] + share * ends[1]
            landmarks[trace.last + 1 : other.first] = filled
    return FaceTrack(landmarks, detected)
