"""Decide which stretches of a video become clips. Times are frame numbers at 25 fps."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from avjax.audio.loudness import (
    LEVEL_PERCENTILE,
    LEVELS_PER_SECOND,
    find_pauses_in_levels,
)
from avjax.constants import FPS
from avjax.text.subtitles import Cue

MIN_FRAMES = FPS  # shortest clip: 1 s
MAX_FRAMES = 10 * FPS  # longest clip: 10 s
MAX_BLOCK_FRAMES = 60 * FPS  # frames that are tracked at once
MAX_SILENT_FRAMES = 2 * FPS  # a longer silence is left out
SILENCE_MARGIN = FPS // 4  # frames of a long silence that are kept at its ends
SILENT_LEVEL_DB = -55.0  # a recording whose speech level is lower is silent
MIN_SPEECH_FRAMES = 5  # frames with sound that a clip needs
MIN_SPEECH_FRACTION = 0.95  # of a video in its only clip, which then has all the text
CUE_TOLERANCE = 0.1  # seconds by which a cut may be inside of a subtitle
LEVELS_PER_FRAME = LEVELS_PER_SECOND // FPS
# What it costs to cut before a frame; the latest place of the lowest cost is taken.
IN_SUBTITLE_PAUSE, ANYWHERE = 2, 3

SILENT = "silent"
TOO_SHORT = "shorter than 1 s"


class Stretch(NamedTuple):
    """Consecutive frames that become a clip, or are left out.

    Attributes:
        start: Number of the first frame.
        stop: Number of the first frame after it.
        problem: Reason for which it is left out; empty: it becomes a clip.
    """

    start: int
    stop: int
    problem: str


class Timeline(NamedTuple):
    """What is known of each frame of a video from its sound and its subtitles.

    Attributes:
        pauses: Frames in which nobody speaks, bool [t].
        silent: Frames that are left out because nobody speaks for long, bool [t].
        costs: What it costs to cut before each frame, i64 [t].
    """

    pauses: np.ndarray
    silent: np.ndarray
    costs: np.ndarray

    def part(self, start: int, stop: int) -> "Timeline":
        """Return what is known of the frames from `start` to `stop`.

        Args:
            start: Number of the first frame.
            stop: Number of the first frame after the last one.
        """
        return Timeline(*(values[start:stop] for values in self))

    def has_all_speech(self, start: float, end: float) -> bool:
        """Tell whether nearly all speech is between two times in seconds."""
        spoken = ~self.pauses
        inside = spoken[round(start * FPS) : round(end * FPS)].sum()
        return bool(inside >= MIN_SPEECH_FRACTION * spoken.sum())


def make_timeline(levels: np.ndarray, num_frames: int, cues: Sequence[Cue]) -> Timeline:
    """Find the pauses of a video.

    Args:
        levels: Levels of the sound, 100 per second, [steps]; where it ends before the
            picture, nobody speaks.
        num_frames: Number of frames of the video.
        cues: Subtitles, or words, that should not be divided.

    Returns:
        What is known of each frame.
    """
    pauses = pause_frames(levels)[:num_frames]
    missing = num_frames - len(pauses)
    pauses = np.pad(pauses, (0, missing), constant_values=True)
    return Timeline(pauses, long_silences(pauses), cutting_costs(pauses, cues))


def pause_frames(levels: np.ndarray) -> np.ndarray:
    """Find the frames in which nobody speaks.

    Args:
        levels: Levels of the sound, 100 per second, [steps].

    Returns:
        One flag per frame, bool [t].
    """
    if np.percentile(levels, LEVEL_PERCENTILE) < SILENT_LEVEL_DB:
        return np.ones(-(-len(levels) // LEVELS_PER_FRAME), bool)
    quiet = find_pauses_in_levels(levels)
    missing = -len(quiet) % LEVELS_PER_FRAME
    quiet = np.pad(quiet, (0, missing), constant_values=True)
    return quiet.reshape(-1, LEVELS_PER_FRAME).min(axis=1)


def long_silences(pauses: np.ndarray) -> np.ndarray:
    """Find the frames that are left out because nobody speaks for long.

    Args:
        pauses: Frames in which nobody speaks, bool [t].

    Returns:
        Frames to leave out, bool [t]; a quarter of a second of silence is kept before
        and after speech.
    """
    silent = np.zeros(len(pauses), bool)
    for start, stop in runs(pauses):
        if stop - start > MAX_SILENT_FRAMES:
            first = start + SILENCE_MARGIN if start else 0
            last = stop - SILENCE_MARGIN if stop < len(pauses) else stop
            silent[first:last] = True
    return silent


def cutting_costs(pauses: np.ndarray, cues: Sequence[Cue]) -> np.ndarray:
    """Compute how bad it is to cut before each frame.

    Args:
        pauses: Frames in which nobody speaks, bool [t].
        cues: Subtitles, or words, that should not be divided.

    Returns:
        Costs, i64 [t]: 0 in the middle of a pause between subtitles, 1 between
        subtitles, 2 in the middle of a pause, 3 elsewhere. Without subtitles there
        is only 0 and 3.
    """
    middles = np.zeros(len(pauses), bool)
    for start, stop in runs(pauses):
        middles[(start + stop) // 2] = True
    if not cues:
        return np.where(middles, 0, ANYWHERE)
    between = np.ones(len(pauses), bool)
    for cue in cues:
        first = int((cue.start + CUE_TOLERANCE) * FPS) + 1
        last = int(np.ceil((cue.end - CUE_TOLERANCE) * FPS))
        between[first:last] = False
    outside = np.where(between, 1, ANYWHERE)
    return np.where(middles, np.where(between, 0, IN_SUBTITLE_PAUSE), outside)


def divide(start: int, stop: int, longest: int, costs: np.ndarray) -> list[int]:
    """Divide frames into parts of limited length.

    Args:
        start: Number of the first frame.
        stop: Number of the first frame after the last one.
        longest: Largest number of frames of a part.
        costs: What it costs to cut before each frame, [t].

    Returns:
        Edges of the parts in ascending order, from `start` to `stop`.
    """
    edges = [start]
    while stop - edges[-1] > longest:
        first = edges[-1] + MIN_FRAMES
        last = min(edges[-1] + longest, stop - MIN_FRAMES)
        window = costs[first : last + 1][::-1]
        edges.append(last - int(np.argmin(window)))
    return [*edges, stop]


def plan_stretches(
    has_face: np.ndarray, timeline: Timeline, no_face: str
) -> list[Stretch]:
    """Divide a shot into stretches.

    Args:
        has_face: Frames of the shot in which the face is known, bool [t].
        timeline: What is known of the frames of the shot.
        no_face: Reason to give where there is no face.

    Returns:
        The stretches; they cover the shot.
    """
    problems = np.where(has_face, np.where(timeline.silent, SILENT, ""), no_face)
    changes = np.flatnonzero(problems[1:] != problems[:-1]) + 1
    edges = [0, *changes.tolist(), len(problems)]
    stretches = []
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        problem = str(problems[start])
        if problem:
            stretches.append(Stretch(start, stop, problem))
            continue
        parts = divide(start, stop, MAX_FRAMES, timeline.costs)
        for first, last in zip(parts[:-1], parts[1:], strict=True):
            problem = _clip_problem(timeline.pauses[first:last])
            stretches.append(Stretch(first, last, problem))
    return stretches


def _clip_problem(pauses: np.ndarray) -> str:
    """Return the reason for which frames are no clip; empty if they are one."""
    if len(pauses) < MIN_FRAMES:
        return TOO_SHORT
    return SILENT if (~pauses).sum() < MIN_SPEECH_FRAMES else ""


def merge(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Merge stretches that follow each other and are left out for the same reason.

    Args:
        stretches: Stretches that are left out, in order.

    Yields:
        The merged stretches.
    """
    current: Stretch | None = None
    for stretch in stretches:
        if current and current[1:] == (stretch.start, stretch.problem):
            current = current._replace(stop=stretch.stop)
            continue
        if current:
            yield current
        current = stretch
    if current:
        yield current


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """List the runs of true flags.

    Args:
        flags: bool [t].

    Returns:
        Start and end of each run.
    """
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
