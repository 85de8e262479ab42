"""Frames, durations and what weights know, as reports and messages print them."""

import numpy as np

from avjax.typing import PathLike
from avjax.weights import list_weights

# By the last part of the names of bundled weights: whom they know.
SCOPES = {
    "sync-people": "real faces only; for people unlike those of its training, an "
    "offset that is stated can be wrong",
    "-grid-s1": "one speaker (GRID s1); for other people the result is unreliable",
    "-puppet": "rendered puppets only; for real people the result is unreliable",
}


def format_frames(count: int) -> str:
    """Format a number of frames: "1 frame", "25 frames"."""
    return f"{count} frame" + "s" * (count != 1)


def format_seconds(seconds: float) -> str:
    """Format a duration: "2.96 s", and below a second "40 ms"."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def frame_ranges(frames: list[int]) -> list[list[int]]:
    """Join consecutive frame numbers: `[3, 4, 5, 9]` gives `[[3, 5], [9, 9]]`.

    Args:
        frames: Frame numbers in increasing order.

    Returns:
        First and last number of each run of consecutive numbers.
    """
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return [[int(run[0]), int(run[-1])] for run in runs if len(run)]


def format_frame_ranges(frames: list[int]) -> list[str]:
    """Format frame numbers as ranges: `[3, 4, 5, 9]` gives `["3-5", "9"]`.

    Args:
        frames: Frame numbers in increasing order.

    Returns:
        One string per run of consecutive numbers.
    """
    return [
        f"{first}-{last}" if last > first else f"{first}"
        for first, last in frame_ranges(frames)
    ]


def describe_found(
    missed: list[int], total: int, effect: str = "", box_given: bool = False
) -> str:
    """Say in how many frames a face was found.

    Args:
        missed: Numbers of the frames without a face.
        total: Number of all frames.
        effect: What happened to the frames without a face, such as "are black".
        box_given: True if the box of the face was given, so that none was looked for.

    Returns:
        A sentence; a warning if there are frames without a face.
    """
    if box_given and not missed:
        return f"used the given box in {format_frames(total)}; no face was looked for"
    found = f"found a face in {total - len(missed)} of {format_frames(total)}"
    if not missed:
        return found
    ranges = ", ".join(format_frame_ranges(missed))
    return f"warning: {found}; the others {effect}: {ranges}"


def describe_scope(weights: PathLike) -> list[str]:
    """Say whom bundled weights know, if they do not know everybody.

    Args:
        weights: Name or folder of the weights.

    Returns:
        One sentence, or none.
    """
    name = str(weights)
    scopes = [scope for end, scope in SCOPES.items() if name.endswith(end)]
    if not scopes or name not in list_weights():
        return []
    return [f"the weights {name} know {scopes[0]}"]
