"""The files in the folder of a run, and how images are stored. JAX is not imported."""

import pathlib

import numpy as np
from einops import rearrange

from avjax.constants import FPS
from avjax.media.video_writer import VideoWriter

RUNS = pathlib.Path("runs")  # folder of the folders of runs
EXPERIMENT_FILE = "experiment.json"
METRICS_FILE = "metrics.jsonl"
ENVIRONMENT_FILE = "environment.json"
IMAGES = "images"  # folder of the images of evaluations
STRIP_FRAMES = 8  # frames of a clip in its image


def make_strip(clip: np.ndarray) -> np.ndarray:
    """Put evenly spaced frames of a clip next to each other.

    Args:
        clip: u8 [t h w c].

    Returns:
        u8 [h (t w) c] of at most `STRIP_FRAMES` frames.
    """
    count = min(STRIP_FRAMES, len(clip))
    frames = clip[np.linspace(0, len(clip) - 1, count).round().astype(int)]
    return rearrange(frames, "t h w c -> h (t w) c")


def write_clip(file: pathlib.Path, clip: np.ndarray) -> None:
    """Write a clip as a video file.

    Args:
        file: The file; its folder is made.
        clip: u8 [t h w c], with one or three channels.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(file, FPS) as video:
        for image in np.broadcast_to(clip, (*clip.shape[:3], 3)):
            video.write(np.ascontiguousarray(image))
