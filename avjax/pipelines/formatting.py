"""Numbers of frames and durations, as reports and messages print them."""

import numpy as np

from avjax.constants import FPS


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


def describe_missed(frames: list[int], effect: str = "") -> list[str]:
    """Describe the frames in which no face was found.

    Args:
        frames: Their numbers, at 25 frames a second.
        effect: What happened to them, such as ", which are silent".

    Returns:
        One sentence, or none if there is no such frame.
    """
    if not frames:
        return []
    ranges = ", ".join(format_frame_ranges(frames))
    count = f"{format_frames(len(frames))} (at {FPS} frames a second){effect}"
    return [f"warning: no face in {count}: {ranges}"]
